"""What becomes of replies on their way, and what that does to their tickets."""

from uuid import uuid4

import pytest
from guiche.mail.v1 import message_events_pb2, message_pb2
from guiche.ticket.v1 import ticket_events_pb2
from sqlalchemy import select
from ticket_support import Calls, Company, kinds, status, told

from servicekit.database import Database
from servicekit.ids import new_id
from ticket.consumers import delivery_changed
from ticket.storage import tickets


def deliver(
    database: Database,
    company: Company,
    ticket_id: str,
    message_id: str,
    state: str,
    times: int = 1,
    version: int = 0,
) -> None:
    """Mail tells what became of a message."""
    said = message_events_pb2.DeliveryChanged(
        message_id=message_id,
        organization_id=str(company.id),
        ticket_id=ticket_id,
        state=message_pb2.DeliveryState.Value(f"DELIVERY_STATE_{state}"),
        version=version,
    )
    for _ in range(times):
        with database.transaction() as connection:
            delivery_changed(connection, said)


@pytest.mark.parametrize("sent_as", ["OPEN", "PENDING", "RESOLVED", "CLOSED"])
def test_a_reply_that_fails_comes_back_to_its_attendant_and_says_so_once(
    calls: Calls, company: Company, ticket_id: str, database: Database, sent_as: str
) -> None:
    message = str(new_id())
    calls.reply(company.ana, ticket_id, sent_as, message_id=message)
    deliver(database, company, ticket_id, message, "SENDING")
    deliver(database, company, ticket_id, message, "FAILED", times=2)
    back = calls.get(company.ana, ticket_id)
    assert (status(back), back.holder.id, back.HasField("awaiting")) == ("STARTED", company.ana.id, False)
    assert back.new_message
    assert kinds(calls, company.ana, ticket_id)[-1] == "DELIVERY_FAILED"
    assert calls.history(company.ana, ticket_id).interactions[-1].message_id == message
    assert kinds(calls, company.ana, ticket_id).count("DELIVERY_FAILED") == 1
    assert len(told(database, ticket_events_pb2.TicketDeliveryChanged)) == 3
    deliver(database, company, ticket_id, message, "QUEUED")
    deliver(database, company, ticket_id, message, "FAILED")
    assert kinds(calls, company.ana, ticket_id).count("DELIVERY_FAILED") == 2


def test_a_reply_that_may_have_arrived_marks_its_ticket_and_changes_nothing_else(
    calls: Calls, company: Company, ticket_id: str, database: Database
) -> None:
    message = str(new_id())
    before = calls.reply(company.ana, ticket_id, "PENDING", message_id=message)
    deliver(database, company, ticket_id, message, "UNKNOWN", times=2)
    after = calls.get(company.ana, ticket_id)
    assert (status(after), after.new_message, after.interactions) == ("PENDING", True, before.interactions)
    assert kinds(calls, company.ana, ticket_id)[-2:] == ["REPLIED", "DELIVERY_UNKNOWN"]


def test_what_becomes_of_an_acknowledgement_is_news_for_open_pages_and_no_more(
    calls: Calls, company: Company, ticket_id: str, database: Database
) -> None:
    before = calls.get(company.ana, ticket_id)
    for state in ("SENT", "FAILED", "UNKNOWN"):
        deliver(database, company, ticket_id, str(new_id()), state)
    deliver(database, company, str(uuid4()), str(new_id()), "FAILED")
    assert calls.get(company.ana, ticket_id) == before
    events = told(database, ticket_events_pb2.TicketDeliveryChanged)
    assert len(events) == 3
    assert all(event.audience.before == event.audience.after for event in events)


def test_a_closed_ticket_whose_conversation_goes_on_elsewhere_does_not_come_back(
    calls: Calls, company: Company, ticket_id: str, conversation: str, database: Database
) -> None:
    message = str(new_id())
    calls.reply(company.ana, ticket_id, "CLOSED", message_id=message)
    calls.open(company, company.n1, conversation_id=conversation)
    before = calls.get(company.ana, ticket_id)
    deliver(database, company, ticket_id, message, "FAILED")
    after = calls.get(company.ana, ticket_id)
    assert (status(after), after.interactions) == ("CLOSED", before.interactions)
    assert kinds(calls, company.ana, ticket_id)[-1] == "DELIVERY_FAILED"


def test_of_states_that_are_told_in_the_wrong_order_the_newest_stands(
    calls: Calls, company: Company, ticket_id: str, database: Database
) -> None:
    message = str(new_id())
    calls.reply(company.ana, ticket_id, "PENDING", message_id=message)
    deliver(database, company, ticket_id, message, "FAILED", version=3)
    deliver(database, company, ticket_id, message, "QUEUED", version=1)
    deliver(database, company, ticket_id, message, "FAILED", version=3)
    assert kinds(calls, company.ana, ticket_id).count("DELIVERY_FAILED") == 1
    deliver(database, company, ticket_id, message, "SENT", version=6)
    deliver(database, company, ticket_id, message, "QUEUED", version=4)
    with database.transaction() as connection:
        assert connection.scalar(select(tickets.REPLIES.c.delivery_state)) == "SENT"
