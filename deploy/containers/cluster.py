"""What Kubernetes does with the chart's manifests, done with podman on one machine, as far as the tests need it.

Jobs run before anything else; a Deployment is replicas of its pod, ready as its probes say; a headless Service is a
name with the addresses of all its pods, any other a balancer over those that are ready; a pod that ends leaves its
Service, waits as its preStop says, is told to end, and has its grace. podman 4 knows the pods, but neither probes nor
Services, so those parts are taken out of a pod's manifest before it is given to `podman kube play`.
"""

import base64
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from engine import Podman
from rendering import Manifest, containers, named, of_kind

from localservers.proxy import Address, Proxy

NETWORK = "guiche"
GATEWAY = "10.123.7.1"
SUBNET = "10.123.7.0/24"
# Everything of the machine starts at once.
READY_SECONDS = 120.0
JOB_SECONDS = 120.0


@dataclass(frozen=True)
class Pod:
    name: str
    container: str
    address: str
    # As rendered.
    spec: Manifest

    def probe(self, kind: str) -> bool:
        (container,) = self.spec["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probe = container[kind]
        if tcp := probe.get("tcpSocket"):
            return takes_connections((self.address, ports[tcp["port"]]))
        asked = probe["httpGet"]
        try:
            url = f"http://{self.address}:{ports[asked['port']]}{asked['path']}"
            return httpx.get(url, timeout=probe.get("timeoutSeconds", 1)).is_success
        except httpx.HTTPError:
            return False


@dataclass
class Cluster:
    """folder: where what pods are given as volumes lies."""

    engine: Podman
    manifests: list[Manifest]
    folder: Path
    # Ready pods by Deployment, in the order in which they started.
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    turns: "itertools.count[int]" = field(default_factory=itertools.count)

    def run_jobs(self) -> None:
        for name, job in of_kind(self.manifests, "Job").items():
            code, said = self.run_to_the_end(name, job["spec"]["template"])
            assert code == 0, f"{name} ended with {code}:\n{said}"

    def run_now(self, name: str) -> tuple[int, str]:
        """As `kubectl create job --from=cronjob/<name>`; how it ended, and what it said."""
        job = named(self.manifests, "CronJob", name)["spec"]["jobTemplate"]
        return self.run_to_the_end(name, job["spec"]["template"])

    def run_to_the_end(self, name: str, template: Manifest) -> tuple[int, str]:
        pod = self.play(name, template)
        code = int(self.engine("wait", pod.container))
        said = self.logs(pod)
        self.remove(pod)
        return code, said

    def deploy(self) -> None:
        deployments = of_kind(self.manifests, "Deployment")
        started = {
            name: [self.play(name, one["spec"]["template"]) for _ in range(one["spec"]["replicas"])]
            for name, one in deployments.items()
        }
        for name, pods in started.items():
            for pod in pods:
                self.await_ready(pod)
            self.pods[name] = pods

    def roll_out(self, name: str) -> None:
        """Replaces all pods of a Deployment, one after the other, as its strategy says: a new one first."""
        template = named(self.manifests, "Deployment", name)["spec"]["template"]
        for old in list(self.pods[name]):
            new = self.play(name, template)
            self.await_ready(new)
            self.pods[name] = [pod for pod in self.pods[name] if pod is not old] + [new]
            self.end(old)

    def replace_dead(self, name: str, dead: Pod) -> None:
        new = self.play(name, named(self.manifests, "Deployment", name)["spec"]["template"])
        self.await_ready(new)
        self.pods[name] = [pod for pod in self.pods[name] if pod is not dead] + [new]
        self.remove(dead)

    def end(self, pod: Pod) -> None:
        """As the kubelet does. Raises AssertionError where the process did not end in peace within its grace."""
        (container,) = pod.spec["containers"]
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        threading.Event().wait(pause)
        self.engine("stop", "--time", str(pod.spec["terminationGracePeriodSeconds"] - pause), pod.container)
        code = self.engine.inspect("container", pod.container)[0]["State"]["ExitCode"]
        said = self.logs(pod)
        self.remove(pod)
        assert code == 0, f"{pod.name} ended with {code}:\n{said[-4000:]}"

    def play(self, name: str, template: Manifest) -> Pod:
        pod_name = f"{name}-{next(self.numbers)}"
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod_name, "labels": template["metadata"]["labels"]},
            "spec": self.playable(pod_name, template["spec"]),
        }
        # What a headless Service of the same name gives: the addresses of all.
        self.engine("kube", "play", "--network", f"{NETWORK}:alias={name}", "-", give=yaml.safe_dump(manifest))
        (container,) = template["spec"]["containers"]
        infra = self.engine.inspect("pod", pod_name)["InfraContainerID"]
        networks = self.engine.inspect("container", infra)[0]["NetworkSettings"]["Networks"]
        return Pod(pod_name, f"{pod_name}-{container['name']}", networks[NETWORK]["IPAddress"], template["spec"])

    def playable(self, pod_name: str, rendered: Manifest) -> Manifest:
        """Of the spec as rendered, what podman 4 understands."""
        spec = deepcopy(rendered)
        spec.pop("topologySpreadConstraints", None)
        for container in spec["containers"]:
            for part in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports"):
                container.pop(part, None)
            for mount in container["volumeMounts"]:
                mount["name"] = f"{pod_name}-{mount['name']}"
        spec["volumes"] = [self.volume(pod_name, volume) for volume in spec["volumes"]]
        # Who dies is started anew by its supervisor; here a death shall be seen.
        spec["restartPolicy"] = "Never"
        return spec

    def volume(self, pod_name: str, volume: Manifest) -> Manifest:
        # podman has one volume of a name for all pods; in Kubernetes each has its own.
        name = f"{pod_name}-{volume['name']}"
        if "secret" in volume:
            data = self.secret_data(volume["secret"]["secretName"])
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            for item in volume["secret"]["items"]:
                (folder / item["path"]).write_text(data[item["key"]])
            return {"name": name, "hostPath": {"path": str(folder), "type": "Directory"}}
        if "persistentVolumeClaim" in volume:
            folder = self.folder / volume["persistentVolumeClaim"]["claimName"]
            return {"name": name, "hostPath": {"path": str(folder), "type": "Directory"}}
        assert "emptyDir" in volume, volume
        return {"name": name, "emptyDir": {}}

    def secret_data(self, name: str) -> dict[str, str]:
        data: dict[str, str] = named(self.manifests, "Secret", name)["stringData"]
        return data

    def await_ready(self, pod: Pod) -> None:
        for kind in ("startupProbe", "readinessProbe"):
            deadline = time.monotonic() + READY_SECONDS
            while not pod.probe(kind):
                state = self.engine.inspect("container", pod.container)[0]["State"]["Status"]
                if state == "exited" or time.monotonic() > deadline:
                    raise AssertionError(f"{pod.name} is {state}, not ready ({kind}):\n{self.logs(pod)[-4000:]}")
                threading.Event().wait(0.2)

    def logs(self, pod: Pod) -> str:
        return self.engine("logs", pod.container)

    def remove(self, pod: Pod) -> None:
        self.engine("pod", "rm", "--force", "--time", "0", pod.name)

    def next_pod(self, name: str, port: str) -> Callable[[], Address]:
        """Chooses among the pods of a Deployment that are ready, in turn."""

        def choose() -> Address:
            pods = self.pods[name]
            pod = pods[next(self.turns) % len(pods)]
            (container,) = pod.spec["containers"]
            number = next(one["containerPort"] for one in container["ports"] if one["name"] == port)
            return pod.address, number

        return choose

    @contextmanager
    def service(self, name: str) -> Iterator[int]:
        """A port of this machine's own that leads to the ready pods of a Service that is not headless."""
        with Proxy(self.next_pod(name, self.port_of(name))) as proxy:
            yield proxy.port

    def port_of(self, name: str) -> str:
        spec = named(self.manifests, "Service", name)["spec"]
        assert spec.get("clusterIP") != "None", f"{name} is headless"
        target: str = spec["ports"][0]["targetPort"]
        return target


@contextmanager
def cluster(engine: Podman, manifests: list[Manifest], folder: Path, claim: str) -> Iterator[Cluster]:
    """An empty one, with the network and what the manifests' Secrets hold; all gone at the end."""
    with ExitStack() as stack:
        clear(engine)
        stack.callback(clear, engine)
        engine("network", "create", "--subnet", SUBNET, "--gateway", GATEWAY, NETWORK)
        for name, secret in of_kind(manifests, "Secret").items():
            engine("secret", "create", name, "-", give=as_podman_secret(secret["stringData"]))
        shared = folder / claim
        shared.mkdir(mode=0o777)
        shared.chmod(0o777)
        yield Cluster(engine, manifests, folder)


@dataclass(frozen=True)
class Installation:
    cluster: Cluster
    # What tests/e2e are told, as by `make up`: ports of the gateway and the receiver, where the relay shall listen.
    told: Path
    # As services have them, but from here: of PostgreSQL by service, RabbitMQ, the folder of files.
    databases: dict[str, str]
    rabbitmq_url: str
    files: Path

    def pods_of(self, service: str) -> list[Pod]:
        ours = f"guiche-{service}"
        return [pod for name, pods in self.cluster.pods.items() for pod in pods if name.startswith(ours)]

    def read(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.told.read_text())
        return told


def takes_connections(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def as_podman_secret(data: dict[str, str]) -> str:
    """What podman 4.3 takes variables of pods from."""
    return json.dumps({key: base64.b64encode(value.encode()).decode() for key, value in data.items()})


def clear(engine: Podman) -> None:
    """Also of what a run before this one left that was killed."""
    engine("pod", "rm", "--force", "--all", "--time", "0")
    engine("volume", "rm", "--force", "--all")
    engine("secret", "rm", "--all")
    if NETWORK in engine("network", "ls", "--quiet").split():
        engine("network", "rm", "--force", NETWORK)


def localised(manifests: list[Manifest]) -> list[Manifest]:
    """The same, with images as podman names what was built here."""
    found: list[Any] = deepcopy(manifests)
    for _, _, container in containers(found):
        assert not container["image"].startswith("localhost/")
        container["image"] = f"localhost/{container['image']}"
    return found
