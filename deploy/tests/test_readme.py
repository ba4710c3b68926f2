"""What the chart's README says works, and what it warns of is refused."""

import re
from inspect import signature
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmError
from rendering import CHART, MINIMAL, containers, named, of_kind, render, rendered

from gateway.config import Settings
from servicekit.database import Database

README = (CHART / "README.md").read_text()
INGRESS = {"enabled": True, "host": "sac.example.com", "tlsSecret": "sac-tls"}


def example() -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    values: dict[str, Any] = yaml.safe_load(block)
    return values


def test_the_readme_names_every_value() -> None:
    with Chart.load(CHART) as chart:
        names = set(chart.values)
    assert [name for name in sorted(names) if f"`{name}" not in README] == []


def test_the_example_is_an_installation_that_takes_uploads_and_tells_clients_apart() -> None:
    ingress = named(render(example()), "Ingress", "guiche-gateway")
    size = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(size.removesuffix("m")) * 1024 * 1024 > Settings.model_fields["max_upload"].default
    (container,) = named(render(example()), "Deployment", "guiche-gateway")["spec"]["template"]["spec"]["containers"]
    (proxies,) = (one["value"] for one in container["env"] if one["name"] == "GUICHE_TRUSTED_PROXIES")
    assert proxies


def test_helm_is_told_to_wait_longer_than_migrations_may_take() -> None:
    with Chart.load(CHART) as chart:
        deadline = chart.values["migrations"]["activeDeadlineSeconds"]
    (minutes,) = re.findall(r"helm install .*--timeout (\d+)m", README)
    assert int(minutes) * 60 > deadline


def test_an_ingress_that_is_not_trusted_is_refused_in_clear_words() -> None:
    with pytest.raises(HelmError) as refused:
        render({**MINIMAL, "http": {"ingress": INGRESS}})
    assert "services.gateway.settings.trusted_proxies" in str(refused.value)
    trusted = {"services": {"gateway": {"settings": {"trusted_proxies": "10.244.0.0/16"}}}}
    assert named(render({**MINIMAL, **trusted, "http": {"ingress": INGRESS}}), "Ingress", "guiche-gateway")


def test_the_readme_counts_the_connections_that_the_default_replicas_may_open() -> None:
    deployments = of_kind(rendered("minimal"), "Deployment")
    replicas = {
        name: deployments[name]["spec"]["replicas"]
        for name, _, container in containers(list(deployments.values()))
        if any(variable["name"].endswith("_DATABASE_URL") for variable in container["env"])
    }
    mail, everybody = sum(n for name, n in replicas.items() if name.startswith("guiche-mail")), sum(replicas.values())
    # As many overflow a pool as it keeps.
    pool = 2 * signature(Database).parameters["pool"].default
    assert f"a pool of at most {pool} connections" in " ".join(README.split())
    assert f"{everybody} processes have a database, {mail} of them mail's" in " ".join(README.split())
    assert f"| mail alone | {mail * pool} | {mail * (pool + 4)} |" in README
    assert f"| all four on one server | {everybody * pool} | {everybody * (pool + 4)} |" in README
    assert f"({len(replicas)} processes)" in README
