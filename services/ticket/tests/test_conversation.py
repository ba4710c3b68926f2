"""A ticket's way through its conversation: answered, awaited, written on, continued."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2, ticket_service_pb2, verb_service_pb2
from sqlalchemy import event, text
from ticket_support import NOW, Calls, Clock, Company, appended, kinds, opening, refused, status, told

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.commands import republish
from servicekit.ids import new_id
from servicekit.testing import eventually
from ticket import main, tasks
from ticket.handlers import awaiting

FOLLOW, RELEASE = verb_service_pb2.AWAIT_MODE_FOLLOW, verb_service_pb2.AWAIT_MODE_RELEASE


def expire(database: Database, clock: Clock) -> int:
    with database.transaction() as connection:
        return awaiting.expire(connection, clock(), 100)


def test_a_reply_takes_an_unheld_ticket_sends_and_waits_in_one_step(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    message = str(new_id())
    wait = verb_service_pb2.Await(mode=RELEASE)
    wait.until.FromDatetime(NOW + timedelta(days=3))
    after = calls.reply(company.ana, ticket_id, "PENDING", message_id=message, awaiting=wait)
    assert (status(after), after.holder.id, after.released) == ("PENDING", company.ana.id, True)
    assert (after.awaiting.customer, after.awaiting.until) == (True, wait.until)
    assert (after.last_message_id, after.interactions) == (message, 1)
    assert kinds(calls, company.ana, ticket_id) == ["OPENED", "REPLIED"]
    assert calls.history(company.ana, ticket_id).interactions[1].message_id == message
    (event,) = told(database, ticket_events_pb2.TicketReplyReleased)
    assert (event.message_id, event.ticket.awaiting.customer, event.ticket.version) == (message, True, 2)
    assert calls.ids(company.bruno) == [ticket_id]


def test_sent_as_pending_without_more_it_is_followed_without_end(
    calls: Calls, company: Company, ticket_id: str
) -> None:
    after = calls.reply(company.ana, ticket_id, "PENDING")
    assert (status(after), after.released, after.awaiting.customer) == ("PENDING", False, True)
    assert not after.awaiting.HasField("until")


def test_a_reply_that_was_written_before_the_customers_newest_message_is_warned(
    calls: Calls, company: Company, ticket_id: str, conversation: str
) -> None:
    seen = calls.get(company.ana, ticket_id).last_message_id
    calls.append(company, conversation)
    newest = calls.get(company.ana, ticket_id)
    assert newest.new_message
    failure = refused(lambda: calls.reply(company.ana, ticket_id, "OPEN", seen_up_to=seen))
    assert (failure.reason, failure.metadata) == ("SEEN_UP_TO_STALE", {"lastMessageId": newest.last_message_id})
    after = calls.reply(company.ana, ticket_id, "OPEN", seen_up_to=newest.last_message_id)
    assert not after.new_message


def test_two_tabs_with_one_request_id_send_once_and_with_two_ids_the_second_is_warned(
    calls: Calls, company: Company, ticket_id: str, database: Database
) -> None:
    seen = calls.get(company.ana, ticket_id).last_message_id
    message = str(new_id())
    said = {"message_id": message, "request_id": "tab", "seen_up_to": seen}
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: calls.reply(company.ana, ticket_id, "OPEN", **said), range(2))
    assert first == second
    assert len(told(database, ticket_events_pb2.TicketReplyReleased)) == 1
    late = refused(lambda: calls.reply(company.ana, ticket_id, "OPEN", seen_up_to=seen, request_id="other tab"))
    assert late.reason == "SEEN_UP_TO_STALE"
    twice = refused(lambda: calls.reply(company.ana, ticket_id, "OPEN", message_id=message))
    assert twice.reason == "MESSAGE_ALREADY_RELEASED"


def test_somebody_who_answers_what_a_colleague_has_just_started_is_told_who(
    calls: Calls, company: Company, ticket_id: str
) -> None:
    late = refused(lambda: calls.reply(company.bruno, ticket_id, "OPEN"))
    assert (late.reason, late.metadata["holderName"]) == ("TICKET_ALREADY_STARTED", "Ana Souza")
    assert refused(lambda: calls.act(company.bruno, "ReleaseTicket", ticket_id)).reason == "TICKET_NOT_FOUND"
    assert refused(lambda: calls.reply(company.davi, ticket_id, "OPEN")).reason == "TICKET_NOT_FOUND"


def test_a_released_ticket_is_seen_and_may_be_taken_until_it_is_followed_again(
    calls: Calls, company: Company, ticket_id: str
) -> None:
    assert calls.ids(company.bruno) == []
    released = calls.act(company.ana, "ReleaseTicket", ticket_id)
    assert (released.released, status(released)) == (True, "STARTED")
    assert "follow" in released.allowed_verbs
    assert "release" not in released.allowed_verbs
    assert calls.ids(company.bruno) == [ticket_id]
    assert not calls.act(company.ana, "FollowTicket", ticket_id).released
    assert calls.ids(company.bruno) == []


@pytest.mark.parametrize("days", [-1, 0, 400])
def test_awaiting_ends_in_the_future_and_within_a_year(
    calls: Calls, company: Company, ticket_id: str, clock: Clock, days: int
) -> None:
    clock.stand()
    until = clock.now + timedelta(days=days)
    failure = refused(lambda: calls.act(company.ana, "AwaitReply", ticket_id, mode=FOLLOW, until=until))
    assert failure.reason == "AWAIT_UNTIL_INVALID"
    assert [violation.field for violation in failure.violations] == ["until"]
    wait = verb_service_pb2.Await(mode=FOLLOW, until=until)
    failure = refused(lambda: calls.reply(company.ana, ticket_id, "PENDING", awaiting=wait))
    assert [violation.field for violation in failure.violations] == ["awaiting.until"]


def test_what_was_awaited_and_does_not_come_brings_the_ticket_back_to_its_holder_once(
    calls: Calls, company: Company, ticket_id: str, clock: Clock, database: Database
) -> None:
    calls.act(company.ana, "AwaitReply", ticket_id, mode=RELEASE, until=clock.now + timedelta(hours=1))
    calls.open(company, company.n1)
    assert expire(database, clock) == 0
    clock.now += timedelta(hours=1)
    assert expire(database, clock) == 1
    assert expire(database, clock) == 0
    back = calls.get(company.ana, ticket_id)
    assert (status(back), back.holder.id, back.HasField("awaiting")) == ("OPEN", company.ana.id, False)
    assert kinds(calls, company.ana, ticket_id)[-1] == "AWAITING_EXPIRED"
    assert calls.history(company.ana, ticket_id).interactions[-1].actor.kind == ticket_pb2.ACTOR_KIND_SYSTEM
    assert len(told(database, ticket_events_pb2.TicketAwaitingExpired)) == 1


def test_any_number_of_clocks_bring_back_each_ticket_once(
    calls: Calls, company: Company, clock: Clock, database: Database
) -> None:
    ids = calls.open(company, company.n1, 20)
    wait = verb_service_pb2.Await(mode=RELEASE, until=clock.now + timedelta(hours=1))
    for ticket_id in ids:
        calls.reply(company.ana, ticket_id, "PENDING", awaiting=wait)
    clock.now += timedelta(hours=2)
    stop = threading.Event()
    loops = [threading.Thread(target=tasks.awaiting_loop(database, clock), args=(stop,)) for _ in range(3)]
    for loop in loops:
        loop.start()
    try:
        eventually(lambda: len(calls.ids(company.ana, status=[ticket_service_pb2.STATUS_FILTER_OPEN])) == 20)
    finally:
        stop.set()
        for loop in loops:
            loop.join()
    assert len(told(database, ticket_events_pb2.TicketAwaitingExpired)) == 20


def test_a_ticket_that_cannot_be_brought_back_holds_up_no_other_and_is_tried_again(
    calls: Calls, company: Company, clock: Clock, database: Database
) -> None:
    ids = calls.open(company, company.n1, 3)
    for minutes, ticket_id in enumerate(ids, 1):
        wait = verb_service_pb2.Await(mode=RELEASE, until=clock.now + timedelta(minutes=minutes))
        calls.reply(company.ana, ticket_id, "PENDING", awaiting=wait)
    broken = f"BEGIN IF NEW.id = '{ids[0]}' THEN RAISE EXCEPTION 'broken'; END IF; RETURN NEW; END"
    with database.transaction() as connection:
        connection.execute(text(f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ {broken} $$"))
        connection.execute(
            text("CREATE TRIGGER broken BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION broken()")
        )
    clock.now += timedelta(hours=2)

    def back() -> set[str]:
        return set(calls.ids(company.ana, status=[ticket_service_pb2.STATUS_FILTER_OPEN]))

    stop = threading.Event()
    loop = threading.Thread(target=tasks.awaiting_loop(database, clock), args=(stop,))
    loop.start()
    try:
        eventually(lambda: back() == set(ids[1:]))
        with database.transaction() as connection:
            connection.execute(text("DROP TRIGGER broken ON tickets"))
        clock.now += timedelta(hours=1)
        eventually(lambda: back() == set(ids))
    finally:
        stop.set()
        loop.join()


def test_a_batch_of_messages_is_added_in_order_and_each_once_however_often_it_is_told(
    calls: Calls, company: Company, ticket_id: str, conversation: str, database: Database
) -> None:
    calls.act(company.ana, "AwaitReply", ticket_id, mode=FOLLOW)
    said = [appended(company, conversation, snippet=f"{n}ª mensagem") for n in (1, 2, 3)]
    elsewhere = appended(company, str(new_id()))
    request = ticket_service_pb2.AppendMessagesRequest(messages=[*said, elsewhere, said[0]])
    for _ in range(2):
        answer = calls.routing.call(calls.inner.AppendMessages, request)
        assert [found.ticket_id for found in answer.tickets] == [ticket_id, ticket_id, ticket_id, "", ticket_id]
    after = calls.get(company.ana, ticket_id)
    assert (status(after), after.new_message, after.snippet) == ("ANSWERED", True, "3ª mensagem")
    assert (after.last_message_id, after.interactions) == (said[-1].message_id, 5)
    assert kinds(calls, company.ana, ticket_id)[-3:] == ["MESSAGE_RECEIVED"] * 3
    events = told(database, ticket_events_pb2.TicketMessageAppended)
    assert [event.message_id for event in events] == [message.message_id for message in said]


def test_racing_batches_that_share_messages_add_each_once(calls: Calls, company: Company) -> None:
    conversations = [str(new_id()) for _ in range(5)]
    opened = [calls.open(company, company.n1, conversation_id=conversation)[0] for conversation in conversations]
    said = [appended(company, conversation) for conversation in conversations for _ in range(4)]
    batches = [said[start:] + said[:start] for start in range(0, 20, 4)]

    def tell(batch: list[ticket_service_pb2.AppendedMessage]) -> list[str]:
        request = ticket_service_pb2.AppendMessagesRequest(messages=batch)
        return [
            found.ticket_id for found in calls.routing.call(calls.inner.AppendMessages, request, timeout=20).tickets
        ]

    with ThreadPoolExecutor(len(batches)) as pool:
        answers = list(pool.map(tell, batches))
    assert all(set(answer) == set(opened) for answer in answers)
    assert [calls.get(company.ana, ticket_id).interactions for ticket_id in opened] == [4] * 5


def test_appending_a_batch_takes_no_more_statements_than_one_message(
    calls: Calls, company: Company, database: Database
) -> None:
    conversations = [str(new_id()) for _ in range(20)]
    for conversation in conversations:
        calls.open(company, company.n1, conversation_id=conversation)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    calls.append(company, conversations[0])
    alone = len(statements)
    statements.clear()
    calls.append(company, *conversations)
    assert len(statements) == alone


def test_lists_take_no_further_statement_for_what_tickets_carry(
    calls: Calls, company: Company, database: Database
) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    calls.open(company, company.n1)
    statements.clear()
    calls.tickets(company.ana)
    alone = len(statements)
    calls.open(company, company.n1, 20)
    statements.clear()
    assert len(calls.tickets(company.ana).tickets) == 21
    assert len(statements) == alone


def test_a_message_for_a_closed_ticket_opens_a_new_one_and_both_show_the_way_to_each_other(
    calls: Calls, company: Company, ticket_id: str, conversation: str, database: Database
) -> None:
    assert status(calls.act(company.ana, "ConcludeTicket", ticket_id)) == "CLOSED"
    (nothing,) = calls.append(company, conversation)
    assert nothing.ticket_id == ""
    said = opening(company, company.n2, conversation_id=conversation)
    request = ticket_service_pb2.OpenTicketsRequest(openings=[said])
    for _ in range(2):
        (new,) = calls.routing.call(calls.inner.OpenTickets, request).tickets
    closed, fresh = calls.get(company.vera, ticket_id), calls.get(company.vera, new.ticket_id)
    (forward,), (back,) = closed.links, fresh.links
    assert (forward.kind, forward.ticket_id) == (ticket_pb2.TICKET_LINK_KIND_NEXT, fresh.id)
    assert (back.kind, back.protocol) == (ticket_pb2.TICKET_LINK_KIND_PREVIOUS, closed.protocol)
    assert kinds(calls, company.ana, ticket_id)[-1] == "CONTINUED"
    entry = calls.history(company.vera, ticket_id).interactions[-1]
    assert [(c.field, c.after.code, c.after.name) for c in entry.changes] == [("next", fresh.id, fresh.protocol)]
    assert not entry.counted
    assert told(database, ticket_events_pb2.TicketOpened)[-1].ticket.previous_ticket_id == ticket_id
    (continued,) = told(database, ticket_events_pb2.TicketContinued)
    assert (continued.ticket.id, str(continued.ticket.version)) == (ticket_id, closed.etag)
    assert continued.audience.before == continued.audience.after
    assert (fresh.level.name, fresh.interactions) == ("N2", 0)


def test_of_a_neighbour_that_one_may_not_see_only_the_protocol_is_told(
    calls: Calls, company: Company, ticket_id: str, conversation: str
) -> None:
    calls.act(company.ana, "ConcludeTicket", ticket_id)
    (new,) = calls.open(company, company.money, conversation_id=conversation)
    protocol = calls.get(company.davi, new).protocol
    assert refused(lambda: calls.get(company.ana, new)).reason == "TICKET_NOT_FOUND"
    (forward,) = calls.get(company.ana, ticket_id).links
    assert (forward.ticket_id, forward.protocol) == ("", protocol)
    (change,) = calls.history(company.ana, ticket_id).interactions[-1].changes
    assert (change.field, change.after.code, change.after.name) == ("next", "", protocol)
    (back,) = calls.get(company.davi, new).links
    assert (back.ticket_id, back.protocol) == ("", calls.get(company.ana, ticket_id).protocol)


def test_of_one_conversation_two_openings_in_a_batch_are_a_ticket_and_a_message_on_it(
    calls: Calls, company: Company
) -> None:
    conversation = str(new_id())
    openings = [opening(company, company.n1, conversation_id=conversation) for _ in range(2)]
    request = ticket_service_pb2.OpenTicketsRequest(openings=openings)
    first, second = calls.routing.call(calls.inner.OpenTickets, request).tickets
    assert first == second
    assert kinds(calls, company.ana, first.ticket_id) == ["OPENED", "MESSAGE_RECEIVED"]


def test_openings_and_messages_of_one_conversation_racing_with_its_closing_lose_nothing(
    calls: Calls, company: Company
) -> None:
    conversation = str(new_id())
    openings = [opening(company, company.n1, conversation_id=conversation) for _ in range(12)]

    def arrive(said: ticket_service_pb2.TicketOpening) -> str:
        request = ticket_service_pb2.OpenTicketsRequest(openings=[said])
        return calls.routing.call(calls.inner.OpenTickets, request, timeout=20).tickets[0].ticket_id

    def close(_: int) -> None:
        for ticket_id in calls.ids(company.ana):
            try:
                calls.act(company.ana, "FinalizeTicket", ticket_id)
            except Failure as failure:
                assert failure.reason == "TRANSITION_NOT_ALLOWED"

    with ThreadPoolExecutor(6) as pool:
        closing = pool.map(close, range(6))
        arrived = list(pool.map(arrive, openings))
        list(closing)
    for ticket_id in set(arrived):
        mine = [said.message_id for said, where in zip(openings, arrived, strict=True) if where == ticket_id]
        entries = calls.history(company.ana, ticket_id).interactions
        messages = [entry.message_id for entry in entries if entry.message_id]
        assert len(messages) == len(mine) - 1
        assert set(messages) <= set(mine)
    links = [link for ticket_id in set(arrived) for link in calls.get(company.ana, ticket_id).links]
    assert len(links) == 2 * (len(set(arrived)) - 1)


def test_the_first_counted_act_on_a_created_ticket_opens_it(calls: Calls, company: Company, database: Database) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE tickets SET status = 'CREATED'")
    same = calls.act(company.ana, "SetPriority", ticket_id, priority=ticket_pb2.TICKET_PRIORITY_MEDIUM)
    assert (status(same), same.interactions) == ("CREATED", 0)
    after = calls.act(company.ana, "SetPriority", ticket_id, priority=ticket_pb2.TICKET_PRIORITY_HIGH)
    assert (status(after), after.interactions) == ("OPEN", 1)
    changed = calls.history(company.ana, ticket_id).interactions[-1].changes
    assert [(c.field, c.before.code, c.after.code) for c in changed] == [
        ("status", "CREATED", "OPEN"),
        ("priority", "MEDIUM", "HIGH"),
    ]


def test_an_act_that_changes_nothing_is_none(calls: Calls, company: Company, ticket_id: str) -> None:
    before = calls.act(company.ana, "SetStatus", ticket_id, status="TICKET_STATUS_OPEN")
    assert calls.act(company.ana, "SetStatus", ticket_id, status="TICKET_STATUS_OPEN") == before


def test_a_resolved_ticket_is_reopened_and_set_by_hand_by_holder_and_supervisor(
    calls: Calls, company: Company, ticket_id: str
) -> None:
    calls.act(company.ana, "SetStatus", ticket_id, status="TICKET_STATUS_RESOLVED")
    assert status(calls.act(company.carla, "ReopenTicket", ticket_id)) == "OPEN"
    failure = refused(lambda: calls.act(company.ana, "ReopenTicket", ticket_id))
    assert failure.reason == "TRANSITION_NOT_ALLOWED"
    assert failure.metadata["allowedVerbs"].split(",") == list(calls.get(company.ana, ticket_id).allowed_verbs)
    wait = verb_service_pb2.Await(mode=RELEASE)
    after = calls.act(company.carla, "SetStatus", ticket_id, status="TICKET_STATUS_PENDING", awaiting=wait)
    assert (status(after), after.released, after.holder.id) == ("PENDING", True, company.ana.id)


def test_every_ticket_is_told_anew_with_its_opening_message(
    calls: Calls, company: Company, ticket_id: str, database: Database
) -> None:
    calls.open(company, company.n2)
    assert republish(database, main.republish) == 2
    restated = told(database, ticket_events_pb2.TicketRestated)
    first = next(event for event in restated if event.ticket.id == ticket_id)
    (opened, _) = told(database, ticket_events_pb2.TicketOpened)
    assert (first.message_id, first.ticket.version) == (opened.message_id, 2)
    assert UUID(first.ticket.conversation_id)
