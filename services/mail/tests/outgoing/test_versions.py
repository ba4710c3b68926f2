"""Whoever hears of a delivery in the wrong order knows what came last."""

from guiche.mail.v1.message_events_pb2 import DeliveryChanged
from sqlalchemy import select

from mail.storage.tables import MESSAGES
from servicekit.events.outbox import OUTBOX


def test_each_state_that_is_told_has_a_greater_version_than_the_one_before(
    ticket, replied, send, customer, rows, database
):
    customer.data = lambda: "550 5.7.1 no"
    message_id = replied(ticket)
    send()
    query = select(OUTBOX.c.payload).where(OUTBOX.c.type == DeliveryChanged.DESCRIPTOR.full_name)
    with database.transaction() as connection:
        told = [
            DeliveryChanged.FromString(payload) for payload in connection.scalars(query.order_by(OUTBOX.c.position))
        ]
    versions = [event.version for event in told if event.message_id == str(message_id)]
    assert len(versions) == 2
    assert 0 < versions[0] < versions[1]
    (row,) = (row for row in rows(MESSAGES) if row.id == message_id)
    assert row.delivery_version == versions[-1]
