"""What may be refused here, by name."""

from collections.abc import Iterable
from typing import Any

import grpc
from sqlalchemy import Row

from servicekit.errors import Failure, NotAllowed
from ticket.domain.verbs import Verb


class AttendantInactive(NotAllowed):
    reason = "ATTENDANT_INACTIVE"

    def __init__(self) -> None:
        super().__init__("The attendant is inactive, or not known here yet.")


class TicketNotFound(Failure):
    """It does not exist, or the caller may not see it: the answer is the same."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "TICKET_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such ticket, or it is not yours to see.")


class TicketAlreadyStarted(Failure):
    reason = "TICKET_ALREADY_STARTED"

    def __init__(self, row: Row[Any]) -> None:
        name = row.holder_name or "Another attendant"
        super().__init__(
            f"{name} has already started this ticket.",
            {"holderId": str(row.holder_id), "holderName": row.holder_name or ""},
        )


class TransitionNotAllowed(Failure):
    reason = "TRANSITION_NOT_ALLOWED"

    def __init__(self, verb: Verb, row: Row[Any], allowed: Iterable[Verb]) -> None:
        names = ",".join(allowed)
        super().__init__(
            f"A ticket that is {row.status} cannot be acted on by '{verb}'. Allowed now: {names or 'nothing'}.",
            {"verb": verb, "status": row.status, "allowedVerbs": names},
        )
