"""What all pods have in common, and how they end."""

import pytest
from rendering import EVERYTHING, MINIMAL, Manifest, named, of_kind, render, rendered, templates

from mail.config import MailSettings

# The ten seconds of each process, and half a minute of luck.
SHORTEST_GRACE = 10 + 30


def test_all_pods_get_what_is_said_of_every_pod() -> None:
    found = templates(rendered("everything"))
    assert {name for name, _ in found} > {"guiche-gateway", "guiche-mail-migrate", "guiche-checker"}
    for name, template in found:
        assert template["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false", name
        assert template["metadata"]["labels"]["team"] == "sac", name
        for key, value in EVERYTHING["pod"].items():
            assert key in ("annotations", "labels") or template["spec"][key] == value, (name, key)
        assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}], name


def test_labels_of_values_do_not_take_the_place_of_those_by_which_pods_are_found() -> None:
    manifests = render({**MINIMAL, "pod": {"labels": {"app.kubernetes.io/component": "other"}}})
    for name, deployment in of_kind(manifests, "Deployment").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items(), name


def ending(manifests: list[Manifest]) -> dict[str, tuple[int, int]]:
    """By Deployment: seconds for which it goes on serving, and seconds from then until the kill."""
    found = {}
    for name, deployment in of_kind(manifests, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        pause = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        found[name] = pause, pod["terminationGracePeriodSeconds"] - pause
    return found


def test_a_rollout_has_the_new_one_ready_before_an_old_one_ends() -> None:
    for deployment in of_kind(rendered("minimal"), "Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert all(grace >= SHORTEST_GRACE for _, grace in ending(rendered("minimal")).values())


@pytest.mark.parametrize("drain", [0, 5, 60])
def test_however_long_a_pod_goes_on_serving_its_grace_comes_after_it(drain: int) -> None:
    found = ending(render({**MINIMAL, "drainSeconds": drain}))
    assert {pause for pause, _ in found.values()} == {0, drain}
    assert {name: grace for name, (_, grace) in found.items()} == {
        name: grace for name, (_, grace) in ending(rendered("minimal")).items()
    }


def test_a_mail_that_was_handed_over_has_time_for_its_answer() -> None:
    """RFC 5321, 4.5.3.2.6: ten minutes for the answer to the final dot, which the sender waits for by default."""
    answer = 10 * MailSettings.model_fields["smtp_relay_timeout"].default
    assert answer >= 600
    assert ending(rendered("minimal"))["guiche-mail-send"][1] >= answer + SHORTEST_GRACE


def test_an_installation_may_give_a_process_another_grace() -> None:
    chosen = {"services": {"mail": {"processes": {"send": {"graceSeconds": 90}, "receiver": {"graceSeconds": 60}}}}}
    found = ending(render({**MINIMAL, **chosen}))
    assert (found["guiche-mail-send"], found["guiche-mail-receiver"]) == ((0, 90), (5, 60))
    before = ending(rendered("minimal"))
    assert {name for name, each in found.items() if each != before[name]} == {
        "guiche-mail-send",
        "guiche-mail-receiver",
    }


def test_the_checker_is_not_there_unless_it_is_wanted() -> None:
    assert not of_kind(rendered("minimal"), "CronJob")


def test_the_checker_looks_at_everything_and_can_change_no_file() -> None:
    job = named(rendered("everything"), "CronJob", "guiche-checker")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.com/sac/guiche-checker:9.9"
    assert container["args"] == ["all_in_one.checker", "--grace", "900", "--files", "hash"]
    assert {variable["name"] for variable in container["env"]} == {
        "GUICHE_MAIL_DATABASE_URL",
        "GUICHE_PUBLISHER_DATABASE_URL",
        "GUICHE_ROUTING_DATABASE_URL",
        "GUICHE_TICKET_DATABASE_URL",
        "GUICHE_MAIL_FILES_URL",
        "GUICHE_RABBITMQ_URL",
    }
    (files,) = (mount for mount in container["volumeMounts"] if mount["name"] == "files")
    assert files == {"name": "files", "mountPath": "/var/lib/guiche/files", "readOnly": True}
    assert not any(volume["name"] == "keys" for volume in pod["volumes"])


def test_the_checker_reads_as_whom_it_is_told_to() -> None:
    roles = {"mail": {"existingSecret": "mail-reader", "key": "url"}}
    found = checked_as({**MINIMAL, "checker": {"enabled": True, "databases": roles}})
    assert found["MAIL"] == ("mail-reader", "url")
    assert found["TICKET"] == ("ticket-db-app", "uri")
    assert checked_as(EVERYTHING)["TICKET"] == ("guiche-connections", "checker-ticket-database")
    secret = named(rendered("everything"), "Secret", "guiche-connections")["stringData"]
    assert secret["checker-ticket-database"].startswith("postgresql://reader:")


def checked_as(values: Manifest) -> dict[str, tuple[str, str]]:
    """By owner: name and key of the Secret with the url."""
    template = named(render(values), "CronJob", "guiche-checker")["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    return {
        variable["name"].split("_")[1]: (secret["name"], secret["key"])
        for variable in container["env"]
        if variable["name"].endswith("_DATABASE_URL")
        for secret in (variable["valueFrom"]["secretKeyRef"],)
    }


def test_nobody_may_connect_to_the_checker() -> None:
    policy = named(rendered("everything"), "NetworkPolicy", "guiche-checker")["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "checker"
    assert (policy["policyTypes"], policy.get("ingress")) == (["Ingress"], None)
