"""Which tickets an attendant may take to another service."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from ticket.domain.verbs import Verb
from ticket.domain.visibility import Viewer
from ticket.handlers.reading import read_for, read_ticket
from ticket.storage import tickets


def authorized(
    connection: Connection, who: Viewer, ticket_id: UUID, verb: Verb | None, request_id: str = ""
) -> Row[Any]:
    """The ticket, where the attendant sees it and may use the verb on it.

    Also where they did with this very request id, whatever the ticket has become by it: the repeated call must find
    what the first one did.
    """
    if verb is None or (request_id and tickets.was_given(connection, ticket_id, who.attendant_id, request_id)):
        return read_ticket(connection, who, ticket_id)
    return read_for(connection, who, ticket_id, verb)
