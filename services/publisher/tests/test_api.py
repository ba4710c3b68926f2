import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import grpc
import pytest
from guiche.publisher.v1.publisher_pb2 import IDENTITY_KIND_EMAIL, Identity, IdentityKind
from guiche.publisher.v1.publisher_service_pb2 import IdentifyPublishersRequest
from guiche.publisher.v1.publisher_service_pb2_grpc import PublisherServiceStub
from sqlalchemy import Table, func, select

from publisher.storage import IDENTITIES, PUBLISHERS
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.outbox import OUTBOX
from servicekit.rpc.client import Peer
from servicekit.tokens import Keys

HERE = str(uuid4())


def identity(value: str, name: str = "", kind: IdentityKind.ValueType = IDENTITY_KIND_EMAIL) -> Identity:
    return Identity(organization_id=HERE, kind=kind, value=value, display_name=name)


def identify(peer: Peer, stub: PublisherServiceStub, *identities: Identity) -> list[str]:
    request = IdentifyPublishersRequest(identities=identities)
    return [publisher.id for publisher in peer.call(stub.IdentifyPublishers, request, timeout=30).publishers]


def rows(database: Database, table: Table) -> int:
    with database.transaction() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_answers_stand_in_the_order_of_the_identities(peer: Peer, stub: PublisherServiceStub) -> None:
    names = ["c", "a", "b", "a"]
    first = identify(peer, stub, *[identity(f"{name}@exemplo.com", name) for name in names])
    request = IdentifyPublishersRequest(identities=[identity(f"{name}@exemplo.com") for name in names])
    answer = peer.call(stub.IdentifyPublishers, request).publishers
    assert [p.name for p in answer] == names
    assert [p.id for p in answer] == first
    assert {p.organization_id for p in answer} == {HERE}


def test_twenty_who_identify_the_same_new_address_at_once_get_the_same_publisher(
    peer: Peer, stub: PublisherServiceStub, database: Database
) -> None:
    together = Barrier(20)

    def ask(_: int) -> list[str]:
        together.wait()
        return identify(peer, stub, identity("maria@exemplo.com"))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert len({answer[0] for answer in answers}) == 1
    assert (rows(database, PUBLISHERS), rows(database, IDENTITIES), rows(database, OUTBOX)) == (1, 1, 1)


def test_many_who_identify_the_same_addresses_in_other_orders_neither_deadlock_nor_differ(
    peer: Peer, stub: PublisherServiceStub, database: Database
) -> None:
    addresses = [f"person{n}@exemplo.com" for n in range(60)]

    def ask(seed: int) -> dict[str, str]:
        shuffled = random.Random(seed).sample(addresses, 50)
        return dict(zip(shuffled, identify(peer, stub, *[identity(a) for a in shuffled]), strict=True))

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(24)))
    merged = {address: {answer[address] for answer in answers if address in answer} for address in addresses}
    assert all(len(ids) <= 1 for ids in merged.values())
    assert rows(database, PUBLISHERS) == rows(database, OUTBOX) == sum(bool(ids) for ids in merged.values())


def test_an_address_of_320_characters_is_taken_and_one_more_refused(peer: Peer, stub: PublisherServiceStub) -> None:
    longest = "é" * 308 + "@exemplo.com"
    assert identify(peer, stub, identity(longest)) == identify(peer, stub, identity(longest.upper()))
    with pytest.raises(Failure) as refused:
        identify(peer, stub, identity("x" + longest))
    assert [v.field for v in refused.value.violations] == ["identities[0].value"]


@pytest.mark.parametrize("value", ["a\0b@exemplo.com", "a\nb@exemplo.com", "   "])
def test_an_impossible_address_is_refused_by_the_name_of_its_field(
    peer: Peer, stub: PublisherServiceStub, database: Database, value: str
) -> None:
    with pytest.raises(Failure) as refused:
        identify(peer, stub, identity("good@exemplo.com"), identity(value))
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in refused.value.violations] == ["identities[1].value"]
    assert rows(database, PUBLISHERS) == 0


def test_a_name_with_nul_is_cleaned_and_kept(peer: Peer, stub: PublisherServiceStub) -> None:
    request = IdentifyPublishersRequest(identities=[identity("m@exemplo.com", "Ma\0ria")])
    assert peer.call(stub.IdentifyPublishers, request).publishers[0].name == "Maria"


def test_an_unknown_kind_and_an_empty_batch_are_refused(peer: Peer, stub: PublisherServiceStub) -> None:
    for identities in ([], [identity("m@exemplo.com", kind=IdentityKind.IDENTITY_KIND_UNSPECIFIED)]):
        with pytest.raises(Failure) as refused:
            identify(peer, stub, *identities)
        assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("caller", ["gateway", "mail", "ticket"])
def test_only_routing_may_ask(address: str, keys_of: Callable[[str], Keys], caller: str) -> None:
    stranger = Peer(keys_of(caller), "publisher", address)
    with pytest.raises(Failure) as refused:
        identify(stranger, PublisherServiceStub(stranger.channel), identity("m@exemplo.com"))
    stranger.close()
    assert refused.value.code == grpc.StatusCode.UNAUTHENTICATED
