"""Reports of mail servers that a message of ours did not arrive (RFC 3464)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from mail.domain import Message
from mail.handlers.deliveries import change, everybody, kind_of
from mail.handlers.joining import Placed
from mail.metrics import DELIVERIES
from mail.outgoing.relay import Refused
from mail.storage import deliveries
from servicekit.telemetry import span

# Whose word it is where a report is none by RFC 3464 (RFC 5321, 4.5.1; RFC 2142, 5).
SERVERS = ("mailer-daemon", "postmaster")
# Of what waits to be sent again the next attempt will say.
MAY_COME_BACK = ("SENDING", "SENT", "UNKNOWN")


def take_back(connection: Connection, mails: Sequence[Placed]) -> None:
    """Lets fail the messages of ours that the reports among these return."""
    reports = [(one.returns, one) for one in mails if one.returns and not_delivered(one, one.returns)]
    # In one order, so that two batches lock them so.
    for message_id, report in sorted(reports, key=lambda found: found[0]):
        with span("mail returned", report.mail.traceparent):
            fail(connection, message_id, report)


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


def fail(connection: Connection, message_id: UUID, report: Placed) -> None:
    """The first report says why; each one of another recipient says who else does not have it."""
    deliveries.lock(connection, [message_id])
    found = deliveries.lock_message(connection, message_id)
    if found is None:
        return
    message, organization_id = found
    known = [Refused(**one) for one in message.refused]
    missing = missed_by(message, known, report)
    if missing and missing == known:
        return
    if message.delivery_state in MAY_COME_BACK:
        change(connection, message, organization_id, "FAILED", detail_of(report), missing)
        DELIVERIES.labels(kind_of(message), "returned").inc()
    elif message.delivery_state == "FAILED" and known:
        change(connection, message, organization_id, "FAILED", message.delivery_detail, missing)


def missed_by(message: Message, known: Sequence[Refused], report: Placed) -> list[Refused]:
    """Who does not have the message: those of whom it was known, and whom the report names.

    Empty where the report names none of its recipients, as after a forward, and there are several: it may be anybody.
    """
    named = {one.email.lower(): one.detail for one in report.mail.report.undelivered}
    reported = [email for email in everybody(message) if email.lower() in named]
    if not reported:
        reported = everybody(message)
        if len(reported) > 1:
            return []
    before = {one.email.lower() for one in known}
    new = [email for email in dict.fromkeys(reported) if email.lower() not in before]
    return [*known, *(Refused(email, named.get(email.lower()) or detail_of(report)) for email in new)]
