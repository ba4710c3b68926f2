"""The service as it is wired."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest
import routing_neighbours as fakes
from guiche.common.v1 import reference_pb2
from guiche.mail.v1.message_events_pb2 import MessageReceived
from guiche.mail.v1.message_pb2 import MailAddress
from guiche.routing.v1.directory_service_pb2 import GetMeRequest
from guiche.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from guiche.routing.v1.session_service_pb2 import SignInRequest
from guiche.routing.v1.session_service_pb2_grpc import SessionServiceStub
from routing_support import ACCOUNT, PASSWORD, House
from sqlalchemy import select

from routing.config import RoutingSettings
from routing.domain.occurrences import State
from routing.main import build
from routing.storage.tables import OCCURRENCES
from servicekit.database import Database
from servicekit.events import inbox_rows
from servicekit.events.envelope import Envelope, type_of
from servicekit.events.inbox import inbox_worker
from servicekit.ids import new_id
from servicekit.process import api
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.testing import eventually
from servicekit.tokens import Keys


@pytest.fixture
def service(tmp_path: Path, settings: RoutingSettings, places: dict[str, fakes.Place], house: House) -> Iterator[str]:
    """All its loops, as main.build() lists them; gives the address of its API."""
    address = f"unix:{tmp_path}/routing"
    where = {
        "listen": address,
        "publisher_address": places["publisher"].address,
        "ticket_address": places["ticket"].address,
    }
    built = build(settings.model_copy(update=where))
    stop = threading.Event()
    loops = [api(built), inbox_worker(built.database, "routing", built.consumes), *built.loops["worker"]]
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=20)
        yield address
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for close in built.closing:
            close()
        built.database.close()


def test_an_attendant_signs_in_and_reads_who_they_are(
    service: str, house: House, keys_of: Callable[[str], Keys]
) -> None:
    gateway = Peer(keys_of("gateway"), "routing", service)
    request = SignInRequest(username="ana", password=PASSWORD, client_address="203.0.113.7")
    tokens = gateway.call(SessionServiceStub(gateway.channel).SignIn, request).tokens
    claims = keys_of("gateway").verify(tokens.access_token, ("routing",))
    ana = Attendant(claims["sub"], claims["org"])
    me = gateway.call(DirectoryServiceStub(gateway.channel).GetMe, GetMeRequest(), attendant=ana).me
    gateway.close()
    assert (me.attendant.name, me.departments[0].levels[0].name) == ("Ana", "N1")


@pytest.mark.usefixtures("service", "rule")
def test_a_message_in_the_inbox_becomes_a_ticket(database: Database, house: House, ticket: fakes.Ticket) -> None:
    event = MessageReceived(
        message_id=str(uuid4()),
        organization_id=str(house.organization),
        account_id=str(ACCOUNT),
        conversation_id=str(uuid4()),
        platform=reference_pb2.PLATFORM_EMAIL,
        sender=MailAddress(email="maria@exemplo.com"),
        subject="Pedido",
    )
    at = datetime.now(UTC)
    event.received_at.FromDatetime(at)
    row = Envelope(new_id(), type_of(event), "mail", event.conversation_id, at, event.SerializeToString(), "", "")
    with database.transaction() as connection:
        inbox_rows.store(connection, [row])

    def routed() -> bool:
        with database.transaction() as connection:
            found = connection.execute(select(OCCURRENCES).where(OCCURRENCES.c.id == UUID(event.message_id))).first()
        return found is not None and found.state == State.ROUTED

    eventually(routed)
    assert ticket.openings[event.message_id].level_id == str(house.n1)


@pytest.mark.parametrize("caller", ["mail", "ticket", "publisher"])
def test_only_the_gateway_may_sign_attendants_in(service: str, keys_of: Callable[[str], Keys], caller: str) -> None:
    stranger = Peer(keys_of(caller), "routing", service)
    request = SignInRequest(username="ana", password=PASSWORD, client_address="203.0.113.7")
    with pytest.raises(Exception, match="token") as refused:
        stranger.call(SessionServiceStub(stranger.channel).SignIn, request)
    stranger.close()
    assert refused.value.reason == "TOKEN_INVALID"  # type: ignore[attr-defined]
