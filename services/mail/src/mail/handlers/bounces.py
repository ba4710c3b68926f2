"""Reports of mail servers that a message of ours did not arrive (RFC 3464)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from mail.handlers.deliveries import change, kind_of
from mail.handlers.joining import Placed
from mail.metrics import DELIVERIES
from mail.outgoing.relay import Refused
from mail.storage import deliveries
from servicekit.telemetry import span

# Whose word it is where a report is none by RFC 3464 (RFC 5321, 4.5.1; RFC 2142, 5).
SERVERS = ("mailer-daemon", "postmaster")
# What has failed already keeps its words; of what waits to be sent again the next attempt will say.
MAY_COME_BACK = ("SENDING", "SENT", "UNKNOWN")


def take_back(connection: Connection, mails: Sequence[Placed]) -> None:
    """Lets fail the messages of ours that the reports among these return, each by the first of its reports."""
    reports = {one.returns: one for one in reversed(mails) if one.returns and not_delivered(one, one.returns)}
    # In one order, so that two batches lock them so.
    for message_id in sorted(reports):
        report = reports[message_id]
        with span("mail returned", report.mail.traceparent):
            fail(connection, message_id, detail_of(report))


def not_delivered(report: Placed, message_id: UUID) -> bool:
    """One without an action is of the time before RFC 3464, or a holiday answer from the null sender.

    Those of old return what could not be delivered, or a server has signed them.
    """
    if report.mail.report.action:
        return report.mail.report.action == "failed"
    name = report.message.sender_email.lower().partition("@")[0]
    return message_id in report.mail.signs.returned or name in SERVERS


def detail_of(report: Placed) -> str:
    """The server's words; where the report has none of its own, how it begins."""
    return report.mail.report.detail or report.message.snippet


def fail(connection: Connection, message_id: UUID, detail: str) -> None:
    deliveries.lock(connection, message_id)
    found = deliveries.lock_message(connection, message_id)
    if found is None or found[0].delivery_state not in MAY_COME_BACK:
        return
    message, organization_id = found
    change(connection, message, organization_id, "FAILED", detail, [Refused(**one) for one in message.refused])
    DELIVERIES.labels(kind_of(message), "returned").inc()
