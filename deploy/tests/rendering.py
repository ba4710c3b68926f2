"""The chart, rendered by Helm's own engine, and the values that installations differ by."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart
from image_packages import OWNERS, SERVICES

CHART = Path(__file__).parents[1] / "helm" / "guiche"

Manifest = dict[str, Any]


def pem(kind: str) -> str:
    return f"-----BEGIN {kind.upper()} KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END {kind.upper()} KEY-----\n"


# What must be given, by existing Secrets alone.
MINIMAL: dict[str, Any] = {
    "databases": {owner: {"existingSecret": f"{owner}-db-app"} for owner in OWNERS},
    "rabbitmq": {"existingSecret": "broker-default-user", "key": "connection_string"},
    "objectStore": {"url": "s3://guiche/sac", "credentialsSecret": "store"},
    "keys": {"existingSecret": "guiche-keys"},
    "relay": {"address": "relay.example.com:587"},
}
# Everything as values, and everything switched on.
EVERYTHING: dict[str, Any] = {
    "image": {
        "registry": "registry.example.com/sac",
        "tag": "9.9",
        "pullSecrets": ["pull"],
        "digests": {"mail": f"sha256:{'0' * 64}"},
    },
    "databases": {
        owner: {"url": f"postgresql://{owner}:segredo-{owner}@db.example.com:5432/{owner}"} for owner in OWNERS
    },
    "rabbitmq": {"url": "amqps://guiche:segredo-fila@broker.example.com/sac"},
    "objectStore": {"url": "file:///var/lib/guiche/files", "existingClaim": "files"},
    "keys": {"pem": {f"{service}.{kind}.pem": pem(kind) for service in SERVICES for kind in ("private", "public")}},
    "relay": {"address": "relay.example.com:465", "tls": "tls", "user": "guiche", "password": "segredo-relay"},
    "settings": {"log_level": "DEBUG", "otlp_endpoint": "http://collector:4318/v1/traces"},
    "services": {
        "gateway": {"settings": {"trusted_proxies": "10.0.0.0/8"}},
        "mail": {"settings": {"smtp_max_size": 26214400, "smtp_lmtp": True, "smtp_idle_seconds": 2.5}},
    },
    "autoscaling": {"ingest": {"enabled": True}},
    "http": {"ingress": {"enabled": True, "className": "nginx", "host": "sac.example.com", "tlsSecret": "sac-tls"}},
    "smtp": {"service": {"type": "LoadBalancer"}, "tlsSecret": "mx-tls"},
    "checker": {
        "enabled": True,
        "grace": 900,
        "files": "hash",
        "databases": {"ticket": {"url": "postgresql://reader:segredo-leitor@db.example.com:5432/ticket"}},
    },
    "pod": {
        "annotations": {"sidecar.istio.io/inject": "false"},
        "labels": {"team": "sac"},
        "nodeSelector": {"pool": "sac"},
        "tolerations": [{"key": "sac", "operator": "Exists"}],
        "priorityClassName": "high",
    },
    "networkPolicy": {"enabled": True, "monitoring": [{"namespaceSelector": {}}]},
    "monitoring": {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
}
VALUES = {"minimal": MINIMAL, "everything": EVERYTHING}


def render(values: dict[str, Any], name: str = "guiche") -> list[Manifest]:
    """All manifests that Helm would send, hooks too. Raises helm_python.HelmError."""
    with Chart.load(CHART) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name=name, namespace="sac")
    files = (text for path, text in sorted(texts.items()) if path.endswith(".yaml"))
    return [manifest for text in files for manifest in yaml.safe_load_all(text) if manifest]


@cache
def rendered(values: str) -> list[Manifest]:
    """Of VALUES, by name. Not to be changed by who asks."""
    return render(VALUES[values])


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return of_kind(manifests, kind)[name]


def templates(manifests: list[Manifest]) -> list[tuple[str, Manifest]]:
    """(name, template of the pod) of everything that runs."""
    specs = [(one["metadata"]["name"], one["kind"], one["spec"]) for one in manifests if "spec" in one]
    return [
        (name, spec["jobTemplate"]["spec"]["template"] if kind == "CronJob" else spec["template"])
        for name, kind, spec in specs
        if kind in ("Deployment", "Job", "CronJob")
    ]


def containers(manifests: list[Manifest]) -> list[tuple[str, Manifest, Manifest]]:
    """(name, spec of the pod, container) of everything that runs."""
    return [
        (name, template["spec"], container)
        for name, template in templates(manifests)
        for container in template["spec"]["containers"]
    ]
