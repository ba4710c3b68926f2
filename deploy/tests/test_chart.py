"""The chart gives Kubernetes what the code needs, and refuses what it does not know."""

import json
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from helm_python import Chart, HelmError, lint
from image_packages import OWNERS, SERVICES
from pydantic_settings import BaseSettings
from rendering import CHART, MINIMAL, VALUES, Manifest, containers, named, of_kind, render, rendered

import gateway.config
import mail.config
import publisher.config
import routing.config
import servicekit.config
import ticket.config
from all_in_one.check.settings import CheckSettings
from all_in_one.up import PROCESSES

CHECKER = "all_in_one.checker"
# The oldest and the newest that Kubernetes itself still supports, and the oldest the chart admits.
KUBERNETES = ("1.30", "1.34", "1.37")
SERVICE_SETTINGS: dict[str, type[servicekit.config.Settings]] = {
    "gateway": gateway.config.Settings,
    "mail": mail.config.MailSettings,
    "publisher": publisher.config.PublisherSettings,
    "routing": routing.config.RoutingSettings,
    "ticket": ticket.config.TicketSettings,
}
# By the module that a container runs.
SETTINGS: dict[str, type[BaseSettings]] = {**SERVICE_SETTINGS, CHECKER: CheckSettings}
# Kinds that others define; tests below look at them.
CUSTOM = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}

both = pytest.mark.parametrize("values", list(VALUES))


@both
def test_helm_finds_nothing_to_complain_about(values: str) -> None:
    report = lint(CHART, VALUES[values], strict=True, kube_version="v1.30.0")
    assert report["errors"] == []
    assert [said["error"] for said in report["messages"]] == ["icon is recommended"]


@both
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values: str, version: str) -> None:
    unknown = set()
    for manifest in rendered(values):
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(manifest["kind"])
    assert unknown == (CUSTOM if values == "everything" else set())


@both
def test_names_are_unique_and_belong_to_the_release(values: str) -> None:
    found = [(one["kind"], one["metadata"]["name"]) for one in rendered(values)]
    assert len(found) == len(set(found))
    assert all(name.startswith("guiche") for _, name in found)
    other = {one["metadata"]["name"] for one in render(VALUES[values], name="sac")}
    assert all(name.startswith("sac-guiche") for name in other)


def test_chart_and_images_have_the_version_of_the_project() -> None:
    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text())["project"]["version"]
    with Chart.load(CHART) as chart:
        assert chart.version == project
        assert chart.metadata["appVersion"] == project


# --- processes


def test_every_process_of_the_system_is_a_deployment_that_runs_it() -> None:
    deployments = of_kind(rendered("minimal"), "Deployment")
    assert set(deployments) == {f"guiche-{service}-{process}".rstrip("-") for service, process in PROCESSES}
    for service, process in PROCESSES:
        (container,) = deployments[f"guiche-{service}-{process}".rstrip("-")]["spec"]["template"]["spec"]["containers"]
        assert container["args"] == [service, *([process] if process else [])]
        assert container["image"] == f"guiche-{service}:0.1.0"


@both
def test_every_variable_is_a_setting_of_the_service_that_gets_it(values: str) -> None:
    for name, _, container in containers(rendered(values)):
        fields = SETTINGS[container["args"][0]].model_fields
        known = {f"GUICHE_{field.upper()}" for field in {*fields, *neighbours()}}
        assert {variable["name"] for variable in container["env"]} <= known, name


def neighbours() -> set[str]:
    return {f"{owner}_address" for owner in OWNERS}


@both
def test_the_services_take_the_variables_as_they_are_rendered(
    values: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "database": "postgresql://u:p@h/d", "uri": "postgresql://u:p@h/d", "rabbitmq": "amqp://h", "connection_string": "amqp://h", "relay-password": "x"
    }  # fmt: skip
    for _, _, container in containers(rendered(values)):
        with monkeypatch.context() as environment:
            for variable in container["env"]:
                key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key", "")
                value = variable.get("value") or secrets.get(key) or secrets[key.rpartition("-")[2]]
                environment.setenv(variable["name"], value)
            settings = SETTINGS[container["args"][0]]()
        if (
            values == "everything"
            and isinstance(settings, mail.config.MailSettings)
            and container["args"][1] != "migrate"
        ):
            assert (settings.smtp_max_size, settings.smtp_lmtp, settings.smtp_idle_seconds) == (26214400, True, 2.5)


@both
def test_probes_and_services_name_ports_on_which_the_process_listens(values: str) -> None:
    manifests = rendered(values)
    for name, deployment in of_kind(manifests, "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        variables = {variable["name"]: variable.get("value") for variable in container["env"]}
        listens = {
            "watch": variables["GUICHE_WATCH_PORT"],
            "grpc": variables.get("GUICHE_LISTEN", "").rpartition(":")[2],
            "http": variables.get("GUICHE_PORT"),
            "smtp": variables.get("GUICHE_SMTP_PORT"),
        }
        assert {port: str(number) for port, number in ports.items()} == {p: n for p, n in listens.items() if n}, name
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "watch"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "watch"}
        assert set(ports) >= {
            probed["port"] for probed in container["startupProbe"].values() if isinstance(probed, dict)
        }
        assert ("preStop" in container.get("lifecycle", {})) == (len(ports) > 1), name
        service = of_kind(manifests, "Service").get(name)
        assert (service is not None) == (len(ports) > 1), name
        if service:
            assert service["spec"]["ports"][0]["targetPort"] in ports
            assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


@both
def test_addresses_of_neighbours_are_headless_services_with_that_port(values: str) -> None:
    manifests = rendered(values)
    (container,) = named(manifests, "Deployment", "guiche-gateway")["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    for owner in OWNERS:
        scheme, host, port = variables[f"GUICHE_{owner.upper()}_ADDRESS"].replace(":///", ":").split(":")
        service = named(manifests, "Service", host)
        assert (scheme, service["spec"]["clusterIP"]) == ("dns", "None")
        assert service["spec"]["ports"][0]["port"] == int(port)


def test_whoever_has_two_replicas_keeps_one_while_nodes_are_emptied() -> None:
    deployments, budgets = (of_kind(rendered("minimal"), kind) for kind in ("Deployment", "PodDisruptionBudget"))
    assert {name for name, one in deployments.items() if one["spec"]["replicas"] > 1} == set(budgets)
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"] == deployments[name]["spec"]["selector"]


# --- secrets and security


@both
def test_every_container_is_restricted(values: str) -> None:
    """Kubernetes' own "restricted" pod security standard, and a root file system that nobody writes."""
    for name, pod, container in containers(rendered(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not any("hostPath" in volume for volume in pod["volumes"])


def test_secrets_stand_in_secrets_alone() -> None:
    for manifest in rendered("everything"):
        text = json.dumps(manifest)
        secret = "segredo" in text or "PRIVATE KEY" in text
        assert not secret or manifest["kind"] == "Secret", manifest["metadata"]["name"]


def test_given_secrets_are_used_and_none_are_made() -> None:
    assert not of_kind(rendered("minimal"), "Secret")
    names = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for _, _, container in containers(rendered("minimal"))
        for variable in container["env"]
        if "valueFrom" in variable
    }
    assert names == {"mail-db-app", "publisher-db-app", "routing-db-app", "ticket-db-app", "broker-default-user"}


@both
def test_every_secret_that_is_named_is_there_or_given(values: str) -> None:
    manifests = rendered(values)
    made = {name: set(one["stringData"]) for name, one in of_kind(manifests, "Secret").items()}
    for name, pod, container in containers(manifests):
        for variable in container["env"]:
            wanted = variable.get("valueFrom", {}).get("secretKeyRef")
            if wanted and wanted["name"].startswith("guiche-"):
                assert wanted["key"] in made[wanted["name"]], name
        for volume in pod["volumes"]:
            if volume["name"] == "keys" and values == "everything":
                assert {item["key"] for item in volume["secret"]["items"]} <= made[volume["secret"]["secretName"]]


@both
def test_a_process_gets_the_private_key_of_its_own_service_alone(values: str) -> None:
    for name, pod, container in containers(rendered(values)):
        for volume in pod["volumes"]:
            if volume["name"] == "keys":
                paths = {item["path"] for item in volume["secret"]["items"]}
                assert paths == {f"{container['args'][0]}.private.pem", *(f"{one}.public.pem" for one in SERVICES)}, (
                    name
                )


def test_who_is_not_the_checker_gets_the_database_of_its_own_service_alone() -> None:
    for name, _, container in containers(rendered("everything")):
        service = container["args"][0]
        urls = {variable["name"] for variable in container["env"] if variable["name"].endswith("_DATABASE_URL")}
        owners = OWNERS if service == CHECKER else {service} & set(OWNERS)
        assert urls == {f"GUICHE_{owner.upper()}_DATABASE_URL" for owner in owners}, name


# --- migrations


@both
def test_every_database_is_migrated_before_anything_new_starts(values: str) -> None:
    manifests = rendered(values)
    jobs = of_kind(manifests, "Job")
    assert set(jobs) == {f"guiche-{owner}-migrate" for owner in OWNERS}
    for owner in OWNERS:
        job = jobs[f"guiche-{owner}-migrate"]
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        (container,) = job["spec"]["template"]["spec"]["containers"]
        (deployed,) = named(manifests, "Deployment", f"guiche-{owner}-worker")["spec"]["template"]["spec"]["containers"]
        assert container["args"] == [owner, "migrate"]
        assert container["image"] == deployed["image"]


def test_what_a_migration_needs_is_there_before_it() -> None:
    """A release's own Secrets are made after the hooks that come before it."""
    manifests = rendered("everything")
    hooks = {
        name
        for name, one in of_kind(manifests, "Secret").items()
        if "helm.sh/hook" in one["metadata"].get("annotations", {})
    }
    for name, _, container in containers(manifests):
        used = {v["valueFrom"]["secretKeyRef"]["name"] for v in container["env"] if "valueFrom" in v}
        if name.endswith("-migrate"):
            assert used
            assert used <= hooks
            urls = {f"{owner}-database" for owner in OWNERS}
            assert all(set(named(manifests, "Secret", hook)["stringData"]) == urls for hook in hooks)
        else:
            assert not used & hooks


# --- what others define


def test_ingestion_scales_by_the_mails_that_wait() -> None:
    manifests = rendered("everything")
    scaled = named(manifests, "ScaledObject", "guiche-mail-ingest")["spec"]
    deployment = named(manifests, "Deployment", scaled["scaleTargetRef"]["name"])
    assert "replicas" not in deployment["spec"], "each upgrade would set what KEDA has chosen back"
    assert scaled["minReplicaCount"] >= 1
    # The only wait of KEDA's that is not about having no replica at all.
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == {"scaleDown": {"stabilizationWindowSeconds": 120}}
    assert not {"cooldownPeriod", "pollingInterval", "fallback"} & set(scaled)
    (trigger,) = scaled["triggers"]
    assert trigger["type"] == "postgresql"
    assert trigger["metadata"]["query"].split("WHERE")[1].startswith(" done_at IS NULL AND failed_at IS NULL")
    assert trigger["metadata"]["query"].split("LIMIT ")[1].startswith("2400)")
    assert trigger["metadata"]["targetQueryValue"] == "300"
    authentication = named(manifests, "TriggerAuthentication", trigger["authenticationRef"]["name"])
    assert authentication["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "guiche-connections", "key": "mail-database"}
    ]
    given = render({**MINIMAL, "autoscaling": {"ingest": {"enabled": True}}})
    assert named(given, "TriggerAuthentication", "guiche-mail-ingest")["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "mail-db-app", "key": "uri"}
    ]


def test_the_pod_monitor_finds_every_process() -> None:
    manifests = rendered("everything")
    monitor = named(manifests, "PodMonitor", "guiche")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for deployment in of_kind(manifests, "Deployment").values():
        template = deployment["spec"]["template"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}


def test_only_our_own_may_call_the_services() -> None:
    manifests = rendered("everything")
    policies = of_kind(manifests, "NetworkPolicy")
    assert set(policies) == {*of_kind(manifests, "Deployment"), "guiche-checker"}
    for policy in policies.values():
        for rule in policy["spec"].get("ingress", []):
            if rule["ports"] == [{"port": "grpc"}]:
                assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "guiche"


# --- values


def test_the_schema_lists_the_settings_that_the_code_has_and_the_chart_does_not_give() -> None:
    with Chart.load(CHART) as chart:
        schema = chart.schema
    assert schema is not None
    given = {
        variable["name"] for _, _, container in containers(rendered("everything")) for variable in container["env"]
    }
    chosen = {"log_level", "otlp_endpoint", "trusted_proxies", "smtp_max_size", "smtp_lmtp", "smtp_idle_seconds"}
    given = {name.removeprefix("GUICHE_").lower() for name in given} - chosen
    # In the image, and what only trying out needs.
    given |= {"web_dist", "mail_outbox"}
    assert set(allowed(schema["properties"])) == set(servicekit.config.Settings.model_fields) - given
    for service, settings in SERVICE_SETTINGS.items():
        assert (
            set(allowed(schema["properties"]["services"]["properties"][service]["properties"]))
            == set(settings.model_fields) - given
        )


def allowed(properties: Manifest) -> list[str]:
    names: list[str] = properties["settings"]["propertyNames"]["enum"]
    return names


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"replicas": 3}, "replicas"),
        ({"services": {"mail": {"processes": {"ingester": {"replicas": 1}}}}}, "ingester"),
        ({"services": {"mail": {"processes": {"ingest": {"replicas": "2"}}}}}, "/services/mail/processes/ingest/replicas"),
        ({"services": {"mail": {"settings": {"smtp_max_sise": 1}}}}, "smtp_max_sise"),
        ({"settings": {"keys": "/elsewhere"}}, "keys"),
        ({"relay": {"address": "relay.example.com"}}, "/relay/address"),
        ({"relay": {"tls": "ssl"}}, "/relay/tls"),
        ({"databases": {"ticket": {"url": "postgresql+psycopg://h/d"}}}, "/databases/ticket/url"),
        ({"image": {"digests": {"mail": "latest"}}}, "/image/digests/mail"),
        ({"keys": {"pem": {"mail.private.pem": "secret"}}}, "mail.private.pem"),
        ({"autoscaling": {"ingest": {"minReplicas": 0}}}, "/autoscaling/ingest/minReplicas"),
        ({"autoscaling": {"ingest": {"cooldownSeconds": 3601}}}, "/autoscaling/ingest/cooldownSeconds"),
        ({"services": {"mail": {"processes": {"send": {"graceSeconds": 5}}}}}, "/services/mail/processes/send/graceSeconds"),
        ({"checker": {"schedule": "daily"}}, "/checker/schedule"),
        ({"checker": {"databases": {"gateway": {}}}}, "gateway"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(HelmError) as refused:
        render({**MINIMAL, **wrong})
    assert word in str(refused.value)


@pytest.mark.parametrize("missing", ["databases", "rabbitmq", "objectStore", "keys", "relay"])
def test_what_is_missing_is_asked_for_by_name(missing: str) -> None:
    with pytest.raises(HelmError) as refused:
        render({name: value for name, value in MINIMAL.items() if name != missing})
    assert missing in str(refused.value)


def test_a_folder_for_files_is_mounted_wherever_mail_runs() -> None:
    for name, pod, container in containers(rendered("everything")):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        deployed = name == "guiche-checker" or (name.startswith("guiche-mail") and not name.endswith("migrate"))
        assert mounts.get("files") == ("/var/lib/guiche/files" if deployed else None), name
        assert (
            any(volume.get("persistentVolumeClaim") == {"claimName": "files"} for volume in pod["volumes"]) == deployed
        )
