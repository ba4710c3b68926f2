"""What may be refused here, by name."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from sqlalchemy import Row

from servicekit.errors import Failure, InvalidRequest, NotAllowed, Violation
from ticket.domain.service_types import Field
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


class SeenUpToStale(Failure):
    """Somebody wrote while the attendant did."""

    reason = "SEEN_UP_TO_STALE"

    def __init__(self, last_message_id: str) -> None:
        super().__init__(
            "There is a newer message than the one you have seen.",
            {"lastMessageId": last_message_id},
        )


class MessageAlreadyReleased(Failure):
    reason = "MESSAGE_ALREADY_RELEASED"

    def __init__(self) -> None:
        super().__init__("This message was sent before, by another request.")


class AwaitUntilInvalid(InvalidRequest):
    reason = "AWAIT_UNTIL_INVALID"

    def __init__(self, field: str) -> None:
        detail = "The end of awaiting must lie in the future, at most a year from now."
        super().__init__(detail, violations=[Violation(field, "OUT_OF_RANGE", detail)])


class ClassificationInvalid(InvalidRequest):
    def __init__(self, problems: Mapping[str, tuple[str, str]]) -> None:
        """problems: rule and description by field."""
        violations = [Violation(field, rule, words) for field, (rule, words) in problems.items()]
        super().__init__("The service type or its data do not fit.", violations=violations)


class ServiceTypeDataMissing(Failure):
    """What must be there before the ticket may be closed. No fields: the service type itself."""

    reason = "SERVICE_TYPE_DATA_MISSING"

    def __init__(self, fields: Iterable[Field]) -> None:
        violations = [Violation(data_field(field.id), "REQUIRED", field.name) for field in fields]
        if violations:
            names = ", ".join(violation.description for violation in violations)
            super().__init__(f"Before it can be closed the ticket needs: {names}.", violations=violations)
        else:
            detail = "Before it can be closed the ticket needs a service type."
            violations = [Violation(SERVICE_TYPE_FIELD, "REQUIRED", detail)]
            super().__init__(detail, violations=violations)


SERVICE_TYPE_FIELD = "classification.service_type_id"


def data_field(field_id: str) -> str:
    return f"classification.data[{field_id}]"


class ServiceTypeNotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "SERVICE_TYPE_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such service type.")


class DepartmentNotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "DEPARTMENT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such department.")
