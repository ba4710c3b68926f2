"""The service as it is wired."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from guiche.publisher.v1.publisher_pb2 import IDENTITY_KIND_EMAIL, Identity
from guiche.publisher.v1.publisher_service_pb2 import IdentifyPublishersRequest
from guiche.publisher.v1.publisher_service_pb2_grpc import PublisherServiceStub

from publisher.config import PublisherSettings
from publisher.main import build
from servicekit import cli
from servicekit.database import Database
from servicekit.process import api
from servicekit.rpc.client import Peer
from servicekit.tokens import Keys


@pytest.fixture
def settings(tmp_path: Path, keys_folder: Path, database: Database) -> PublisherSettings:
    return PublisherSettings(keys=keys_folder, publisher_database_url=database.url, listen=f"unix:{tmp_path}/publisher")


@pytest.fixture
def routing(settings: PublisherSettings, keys_of: Callable[[str], Keys]) -> Iterator[Peer]:
    """The API as main.build() wires it, and its caller."""
    service = build(settings)
    stop = threading.Event()
    thread = threading.Thread(target=api(service), args=(stop,))
    thread.start()
    try:
        peer = Peer(keys_of("routing"), "publisher", settings.listen)
        grpc.channel_ready_future(peer.channel).result(timeout=20)
        yield peer
        peer.close()
    finally:
        stop.set()
        thread.join()
        service.database.close()


def test_it_answers_and_republishes_what_it_knows(
    routing: Peer, settings: PublisherSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = Identity(organization_id=str(uuid4()), kind=IDENTITY_KIND_EMAIL, value="maria@exemplo.com")
    request = IdentifyPublishersRequest(identities=[identity])
    name = routing.call(PublisherServiceStub(routing.channel).IdentifyPublishers, request).publishers[0].name
    assert name == "maria@exemplo.com"
    url = settings.publisher_database_url
    capsys.readouterr()
    cli.main("publisher", lambda: settings, lambda _: url, build, words=["republish"])
    assert json.loads(capsys.readouterr().out) == {"republished": 1}
