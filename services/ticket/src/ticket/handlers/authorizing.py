"""Which tickets an attendant may take to another service."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.errors import Failure
from ticket.domain.verbs import Verb
from ticket.domain.visibility import Viewer
from ticket.handlers.reading import read_for, read_ticket
from ticket.storage import tickets


def authorized(
    connection: Connection, who: Viewer, ticket_id: UUID, verb: Verb | None, request_id: str = ""
) -> Row[Any]:
    """The ticket, where the attendant sees it and may use the verb on it.

    Also where they did with this very request id, whatever the ticket has become by it: the repeated call must find
    what the first one did. Looked for after the refusal, for the first one may be committed just now.
    """
    if verb is None:
        return read_ticket(connection, who, ticket_id)
    try:
        return read_for(connection, who, ticket_id, verb)
    except Failure:
        if not request_id or not tickets.was_given(connection, ticket_id, who.attendant_id, request_id):
            raise
    return read_ticket(connection, who, ticket_id)
