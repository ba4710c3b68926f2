"""An installation in containers: images built, the chart rendered, its pods played, and the demo in it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import images
import pytest
from cluster import GATEWAY, Installation, cluster, localised
from correspondent import Correspondent
from engine import Podman, podman
from image_packages import OWNERS
from rendering import render

from all_in_one.demo import filling
from all_in_one.environment import free_ports
from localservers.postgres import postgres
from localservers.proxy import Proxy, always
from localservers.rabbitmq import rabbitmq
from servicekit.tokens import make_keys

CLAIM = "guiche-files"
# Seconds, of the checker.
GRACE = 5


@pytest.fixture(scope="session")
def engine() -> Podman:
    return podman(images.FOLDER)


@pytest.fixture(scope="session")
def built(engine: Podman) -> dict[str, str]:
    return images.build_all(engine)


@pytest.fixture(scope="session")
def installation(
    engine: Podman, built: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    # Whoever the containers run as must come through.
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    make_keys(folder / "keys")
    with ExitStack() as stack:
        server = stack.enter_context(postgres(folder / "postgres", durable=False))
        broker = stack.enter_context(rabbitmq(folder / "rabbitmq"))
        (relay_port,) = free_ports(1)

        def from_pods(url: str) -> str:
            """The same server, as pods reach it."""
            parts = urlsplit(url)
            proxy = stack.enter_context(Proxy(always(int(parts.port or 0)), GATEWAY))
            user = parts.netloc.rpartition("@")[0]
            return urlunsplit(parts._replace(netloc=f"{user}@{GATEWAY}:{proxy.port}"))

        administrative = from_pods(server.url.replace("+psycopg", ""))
        databases = {owner: server.database(f"guiche_{owner}") for owner in OWNERS}
        values = {
            "keys": {"pem": {file.name: file.read_text() for file in (folder / "keys").iterdir()}},
            "databases": {owner: {"url": f"{administrative.rsplit('/', 1)[0]}/guiche_{owner}"} for owner in OWNERS},
            "rabbitmq": {"url": from_pods(broker.url)},
            "objectStore": {"url": "file:///var/lib/guiche/files", "existingClaim": CLAIM},
            "relay": {"address": f"{GATEWAY}:{relay_port}", "tls": "none"},
            # Whatever was under way before a test looks has had its time.
            "checker": {"enabled": True, "grace": GRACE},
            # All requests come from one address here, the bridge's.
            "services": {"gateway": {"settings": {"address_rate": 0, "attendant_rate": 0}}},
        }
        running = stack.enter_context(cluster(engine, localised(render(values)), folder, CLAIM))
        running.run_jobs()
        running.deploy()
        port = stack.enter_context(running.service("guiche-gateway"))
        smtp_port = stack.enter_context(running.service("guiche-mail-receiver"))
        fill(folder / "keys", databases, port, smtp_port)
        told = folder / "told.json"
        told.write_text(
            json.dumps({"port": port, "smtpPort": smtp_port, "relay": [GATEWAY, relay_port], "processes": {}})
        )
        yield Installation(running, told, databases, broker.url, folder / CLAIM)


@pytest.fixture
def customers(installation: Installation) -> Iterator[Correspondent]:
    """Takes what the installation sends."""
    with Correspondent(*installation.read()["relay"]) as running:
        yield running


def fill(keys: Path, databases: dict[str, str], port: int, smtp_port: int) -> None:
    """With the demo, from outside, as all_in_one does."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GUICHE_KEYS", str(keys))
        for owner, url in databases.items():
            environment.setenv(f"GUICHE_{owner.upper()}_DATABASE_URL", url)
        filling.fill_by_urls(f"http://127.0.0.1:{port}", smtp_port)
