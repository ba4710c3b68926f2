from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sqlalchemy import Connection, event, func, select

from publisher import handlers, storage
from publisher.domain import IdentityKey, Sender, normalised
from publisher.main import republish
from publisher.storage import IDENTITIES, PUBLISHERS
from servicekit.database import Database
from servicekit.events import commands, topology
from servicekit.events.outbox import OUTBOX
from servicekit.testing import eventually

HERE = uuid4()


def sender(address: str, name: str = "", organization: UUID = HERE) -> Sender:
    return Sender(IdentityKey(organization, "EMAIL", normalised(address)), name)


def published(connection: Connection) -> list[PublisherChanged]:
    rows = connection.execute(select(OUTBOX.c.type, OUTBOX.c.payload).order_by(OUTBOX.c.position)).all()
    assert {row.type for row in rows} <= {"guiche.publisher.v1.PublisherChanged"}
    return [PublisherChanged.FromString(row.payload) for row in rows]


def test_an_unknown_sender_becomes_a_publisher_and_is_announced(connection: Connection) -> None:
    [maria] = handlers.identify(connection, [sender("maria@exemplo.com", "Maria")])
    assert published(connection) == [
        PublisherChanged(id=str(maria.id), organization_id=str(HERE), version=1, name="Maria")
    ]


def test_a_batch_is_announced_in_the_order_in_which_others_store_it(connection: Connection) -> None:
    handlers.identify(connection, [sender(f"person{n}@exemplo.com") for n in range(20)])
    ids = [publisher.id for publisher in published(connection)]
    assert ids == sorted(ids)


def test_a_known_sender_is_found_again_and_announced_no_more(connection: Connection) -> None:
    [first] = handlers.identify(connection, [sender("maria@exemplo.com", "Maria")])
    [again] = handlers.identify(connection, [sender("MARIA@exemplo.com", "Someone else")])
    assert again == first
    assert len(published(connection)) == 1


def test_one_person_twice_in_a_batch_is_one_publisher_by_the_first_name_given(connection: Connection) -> None:
    batch = [sender("maria@exemplo.com"), sender("joao@exemplo.com"), sender("Maria@Exemplo.com", "Maria")]
    first, other, again = handlers.identify(connection, batch)
    assert first == again != other
    assert first.name == "Maria"
    assert other.name == "joao@exemplo.com"
    assert len(published(connection)) == 2


def test_the_same_address_in_two_organizations_is_two_publishers(connection: Connection) -> None:
    there = uuid4()
    a, b = handlers.identify(connection, [sender("maria@exemplo.com"), sender("maria@exemplo.com", "", there)])
    assert a.id != b.id
    assert (a.organization_id, b.organization_id) == (HERE, there)


def test_a_name_that_is_somebody_elses_address_gives_nothing_of_theirs(connection: Connection) -> None:
    [boss] = handlers.identify(connection, [sender("boss@exemplo.com", "The boss")])
    [thief] = handlers.identify(connection, [sender("thief@exemplo.org", "boss@exemplo.com")])
    assert thief.id != boss.id
    assert thief.name == "boss@exemplo.com"
    values = connection.scalars(select(IDENTITIES.c.value).where(IDENTITIES.c.publisher_id == thief.id)).all()
    assert values == ["thief@exemplo.org"]


def test_a_whole_batch_takes_five_statements_at_most_and_one_where_all_are_known(connection: Connection) -> None:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *args: statements.append(args[2]))
    batch = [sender(f"person{n}@exemplo.com") for n in range(100)]
    handlers.identify(connection, batch)
    assert len(statements) <= 5
    statements.clear()
    handlers.identify(connection, batch)
    assert len(statements) == 1


def test_a_rolled_back_identification_leaves_nothing(database: Database) -> None:
    try:
        with database.transaction() as connection:
            handlers.identify(connection, [sender("maria@exemplo.com")])
            raise InterruptedError
    except InterruptedError:
        pass
    with database.transaction() as connection:
        assert not published(connection)
        assert connection.scalar(select(func.count()).select_from(PUBLISHERS)) == 0


def test_republishing_announces_everybody_once_without_their_addresses(database: Database) -> None:
    count = commands.REPUBLISH_BATCH + 3
    with database.transaction() as connection:
        handlers.identify(connection, [sender(f"person{n}@exemplo.com", f"Person {n}") for n in range(count)])
        before = published(connection)
        connection.execute(OUTBOX.delete())
    assert commands.republish(database, republish) == count
    with database.transaction() as connection:
        after = published(connection)
    assert {p.id: (p.version, p.name) for p in after} == {p.id: (p.version, p.name) for p in before}
    assert len(after) == count
    assert not any(b"@" in p.SerializeToString() for p in after)


def test_two_who_claim_the_same_identities_in_opposite_orders_do_not_deadlock(database: Database) -> None:
    first, middle, last = (sender(f"{letter}@exemplo.com").key for letter in "amz")

    def claim(*keys: IdentityKey) -> None:
        with database.engine.connect() as connection:
            storage.claim(connection, {key: uuid4() for key in keys})
            connection.rollback()

    def waiting() -> bool:
        with database.transaction() as connection:
            blocked = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return int(connection.exec_driver_sql(blocked).scalar_one()) == 2

    with ThreadPoolExecutor(2) as pool, database.engine.connect() as holder:
        # Both run into this one; in opposite orders, each would then hold what the other wants.
        storage.claim(holder, {middle: uuid4()})
        claims = [pool.submit(claim, first, middle, last), pool.submit(claim, last, middle, first)]
        eventually(waiting)
        holder.rollback()
        for ended in claims:
            ended.result(timeout=30)


def test_every_event_it_is_sent_is_handled() -> None:
    topology.check("publisher", ())
