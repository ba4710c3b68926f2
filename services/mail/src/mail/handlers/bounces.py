"""Reports of mail servers that a message of ours did not arrive (RFC 3464)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from mail.handlers import deliveries
from mail.handlers.joining import Placed
from servicekit.telemetry import span

# A report without an action is one of the time before RFC 3464: it returns what could not be delivered.
NOT_DELIVERED = ("", "failed")


def take_back(connection: Connection, mails: Sequence[Placed]) -> None:
    """Lets fail the messages of ours that the reports among these return. A message fails once, by the first report."""
    returned = {one.returns: one for one in reversed(mails) if one.returns and one.mail.report.action in NOT_DELIVERED}
    # In one order, so that two batches lock them so.
    for message_id in sorted(returned):
        report = returned[message_id]
        with span("mail returned", report.mail.traceparent):
            organization_id = report.conversation.organization_id
            deliveries.returned(connection, organization_id, message_id, detail_of(report))


def detail_of(report: Placed) -> str:
    """The server's words; where the report has none of its own, how it begins."""
    return report.mail.report.detail or report.message.snippet
