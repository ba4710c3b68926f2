"""Starting a ticket: one holder, in one transaction with its history and its event."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2
from sqlalchemy import select, text
from ticket_support import Calls, Company

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.outbox import OUTBOX
from servicekit.rpc.caller import Attendant
from ticket.storage import directory


def events(database: Database, kind: str) -> list[bytes]:
    with database.transaction() as connection:
        query = select(OUTBOX.c.payload).where(OUTBOX.c.type == kind).order_by(OUTBOX.c.position)
        return list(connection.scalars(query))


def set_facts(database: Database, ticket_id: str, **facts: object) -> None:
    with database.transaction() as connection:
        sets = ", ".join(f"{name} = :{name}" for name in facts)
        connection.execute(text(f"UPDATE tickets SET {sets} WHERE id = :id"), {**facts, "id": ticket_id})


def test_starting_makes_me_the_holder_and_counts_one_interaction(calls: Calls, company: Company) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    started = calls.start(company.ana, ticket_id)
    assert started.status == ticket_pb2.TICKET_STATUS_STARTED
    assert (started.holder.id, started.holder.name) == (company.ana.id, "Ana Souza")
    assert started.interactions == 1
    assert "start" not in started.allowed_verbs


def test_a_started_ticket_leaves_every_queue_but_its_holders(calls: Calls, company: Company) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id)
    assert calls.ids(company.ana) == [ticket_id]
    assert calls.ids(company.bruno) == []
    with pytest.raises(Failure, match="no such ticket"):
        calls.get(company.bruno, ticket_id)


def test_of_many_who_press_at_once_one_gets_it_and_the_others_are_told_who(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    people = ([company.ana, company.bruno, company.fabio, company.carla] * 13)[:50]
    barrier = threading.Barrier(len(people))

    def press(who: Attendant) -> str | Failure:
        barrier.wait()
        try:
            return calls.start(who, ticket_id).holder.id
        except Failure as failure:
            return failure

    with ThreadPoolExecutor(len(people)) as pool:
        outcomes = list(pool.map(press, people))
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert len(winners) == 1
    assert {loser.reason for loser in losers} == {"TICKET_ALREADY_STARTED"}
    assert {loser.metadata["holderId"] for loser in losers} == set(winners)
    assert all(loser.metadata["holderName"] for loser in losers)
    assert len(events(database, "guiche.ticket.v1.TicketStarted")) == 1


def test_history_and_event_tell_what_changed_and_who_could_and_can_see_it(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id)
    opened, started = calls.history(company.ana, ticket_id).interactions
    assert (opened.kind, opened.counted) == (ticket_events_pb2.INTERACTION_KIND_OPENED, False)
    assert opened.actor.name == "Maria Cliente"
    assert (started.kind, started.counted) == (ticket_events_pb2.INTERACTION_KIND_STARTED, True)
    assert started.actor.name == "Ana Souza"
    told = {change.field: (change.before.code, change.after.code, change.after.name) for change in started.changes}
    assert told == {"status": ("OPEN", "STARTED", ""), "holder": ("", company.ana.id, "Ana Souza")}
    event = ticket_events_pb2.TicketStarted.FromString(events(database, "guiche.ticket.v1.TicketStarted")[0])
    assert event.ticket.version == 2
    assert f"l:{company.n1}" in event.audience.before
    assert f"l:{company.n1}" not in event.audience.after
    assert f"a:{company.ana.id}@{company.n1}" in event.audience.after


def test_a_start_that_cannot_tell_of_it_changes_nothing(calls: Calls, company: Company, database: Database) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
    with pytest.raises(Failure) as refusal:
        calls.start(company.ana, ticket_id)
    assert refusal.value.reason == "INTERNAL"
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO outbox"))
    assert calls.get(company.ana, ticket_id).status == ticket_pb2.TICKET_STATUS_OPEN
    assert len(calls.history(company.ana, ticket_id).interactions) == 1


@pytest.mark.parametrize("who", ["davi", "stranger"])
def test_people_of_elsewhere_cannot_even_learn_that_a_ticket_exists(calls: Calls, company: Company, who: str) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id)
    for act in (calls.start, calls.get, calls.history):
        with pytest.raises(Failure) as refusal:
            act(getattr(company, who), ticket_id)
        assert refusal.value.reason == "TICKET_NOT_FOUND"


@pytest.mark.parametrize("status", ["PENDING", "TRANSFERRED", "RESOLVED", "CLOSED"])
def test_only_of_a_ticket_that_was_just_started_is_a_colleague_told_who_has_it(
    calls: Calls, company: Company, database: Database, status: str
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    set_facts(database, ticket_id, status=status, holder_id=company.ana.id)
    with pytest.raises(Failure) as refusal:
        calls.start(company.bruno, ticket_id)
    assert refusal.value.reason == "TICKET_NOT_FOUND"
    assert not refusal.value.metadata


@pytest.mark.parametrize("who", ["vera", "elisa"])
def test_viewers_and_approvers_see_but_start_nothing(
    calls: Calls, company: Company, database: Database, who: str
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    set_facts(database, ticket_id, status="APPROVAL", holder_id=company.bruno.id)
    assert list(calls.get(getattr(company, who), ticket_id).allowed_verbs) == []
    with pytest.raises(Failure) as refusal:
        calls.start(getattr(company, who), ticket_id)
    assert refusal.value.reason == "TRANSITION_NOT_ALLOWED"


def test_a_released_ticket_can_be_taken_over_though_it_is_started(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id)
    set_facts(database, ticket_id, released=True)
    assert calls.ids(company.bruno) == [ticket_id]
    taken = calls.start(company.bruno, ticket_id)
    assert (taken.holder.name, taken.released) == ("Bruno Lima", False)
    assert calls.ids(company.ana) == []


def test_a_resolved_ticket_is_not_started_and_the_refusal_says_what_it_is(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    set_facts(database, ticket_id, status="RESOLVED")
    with pytest.raises(Failure) as refusal:
        calls.start(company.ana, ticket_id)
    assert refusal.value.reason == "TRANSITION_NOT_ALLOWED"
    assert refusal.value.metadata == {"verb": "start", "status": "RESOLVED", "allowedVerbs": ""}


def test_what_was_read_too_long_ago_is_refused(calls: Calls, company: Company, database: Database) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    etag = calls.get(company.ana, ticket_id).etag
    set_facts(database, ticket_id, status="ANSWERED", version=2)
    with pytest.raises(Failure) as refusal:
        calls.start(company.ana, ticket_id, etag=etag)
    assert refusal.value.reason == "STALE"
    fresh = calls.get(company.ana, ticket_id).etag
    assert calls.start(company.ana, ticket_id, etag=fresh).status == ticket_pb2.TICKET_STATUS_STARTED


def test_the_same_request_gives_the_same_answer_and_has_one_effect(calls: Calls, company: Company) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    first = calls.start(company.ana, ticket_id, request_id="once")
    assert calls.start(company.ana, ticket_id, request_id="once") == first
    assert len(calls.history(company.ana, ticket_id).interactions) == 2
    with pytest.raises(Failure) as refusal:
        calls.start(company.ana, ticket_id, request_id="again")
    assert refusal.value.reason == "TICKET_ALREADY_STARTED"


def test_an_answer_that_was_kept_is_not_shown_to_who_may_not_see_the_ticket_any_more(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id, request_id="once")
    set_facts(database, ticket_id, holder_id=company.bruno.id)
    with pytest.raises(Failure) as refusal:
        calls.start(company.ana, ticket_id, request_id="once")
    assert refusal.value.reason == "TICKET_NOT_FOUND"


def test_an_attendant_who_was_deactivated_can_do_nothing(calls: Calls, company: Company, database: Database) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    with database.transaction() as connection:
        row = {"id": UUID(company.ana.id), "version": 2, "organization_id": company.id, "name": "Ana Souza"}
        gone = {**row, "active": False, "level_ids": [company.n1], "roles": []}
        directory.keep_newest(connection, directory.ATTENDANTS, gone)
    for act in (calls.ids, lambda who: calls.start(who, ticket_id)):
        with pytest.raises(Failure) as refusal:
            act(company.ana)
        assert refusal.value.reason == "ATTENDANT_INACTIVE"


@pytest.mark.parametrize(
    "statement", ["UPDATE interactions SET kind = 'X'", "DELETE FROM interactions", "TRUNCATE interactions"]
)
def test_the_history_cannot_be_rewritten(calls: Calls, company: Company, database: Database, statement: str) -> None:
    calls.open(company, company.n1)
    with pytest.raises(Exception, match="append-only"), database.transaction() as connection:
        connection.execute(text(statement))
