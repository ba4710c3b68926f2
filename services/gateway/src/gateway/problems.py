"""Problem details (RFC 9457): the one shape of every error that leaves the gateway, and the one map that words it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from gateway.failures import BadInput
from servicekit.errors import Failure, RemoteFailure, Violation
from servicekit.telemetry import current_trace_id

# Every status the API answers a failure with, and the title where the code has none of its own.
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request came too slowly",
    409: "Conflict",
    412: "Changed in the meantime",
    413: "Too large",
    415: "Unsupported media type",
    429: "Too many requests",
    431: "Too many headers",
    500: "Internal error",
    503: "Temporarily unavailable",
    504: "Answered too late",
}

# What the kind of a failure means to HTTP. A kind that is not here is nobody's business: 500.
STATUS_OF_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
# Reasons whose status their kind does not tell, or that deserve a title of their own.
REASONS: dict[str, tuple[int, str]] = {
    "STALE": (412, TITLES[412]),
    "TICKET_ALREADY_STARTED": (409, "Somebody else has taken the ticket"),
    "TRANSITION_NOT_ALLOWED": (409, "Not possible in this state"),
    "SEEN_UP_TO_STALE": (409, "Something has arrived since"),
    "SERVICE_TYPE_DATA_MISSING": (409, "Mandatory data is missing"),
    "MESSAGE_ALREADY_RELEASED": (409, "The message was sent before"),
    "NO_RECIPIENT": (409, "There is nobody to answer"),
    "DELIVERY_NOT_ENDED": (409, "The message has not come to an end yet"),
    "CREDENTIALS_REJECTED": (401, "Wrong user name or password"),
    "SESSION_ENDED": (401, "The session has ended"),
    "TOKEN_EXPIRED": (401, "The access token has expired"),
    "TOKEN_INVALID": (401, "The access token is not valid"),
    "UNAUTHENTICATED": (401, TITLES[401]),
    "CSRF_HEADER_MISSING": (403, "The header X-Guiche-CSRF is missing"),
    "TICKET_NOT_FOUND": (404, "There is no such ticket"),
    "ATTACHMENT_NOT_FOUND": (404, "There is no such attachment"),
    "MESSAGE_NOT_FOUND": (404, "There is no such message"),
    "SERVICE_TYPE_NOT_FOUND": (404, "There is no such service type"),
    "DEPARTMENT_NOT_FOUND": (404, "There is no such department"),
    "AWAIT_UNTIL_INVALID": (400, "Not a time to wait until"),
    "MESSAGE_EMPTY": (400, "There is nothing to send"),
    "RECIPIENT_INVALID": (400, "Not an address mail can be sent to"),
    "TOO_MANY_RECIPIENTS": (400, "More people than one mail can be sent to"),
    "ACCOUNT_NOT_ALLOWED": (403, "This account may not answer here"),
    "UNKNOWN_FIELD": (400, "There is no such field or parameter"),
    "INVALID_REQUEST": (400, TITLES[400]),
    "INVALID_JSON": (400, "Not the JSON that is expected"),
    "PAGE_TOKEN_INVALID": (400, "The page token is of another list"),
    "REQUEST_ID_REUSED": (400, "The Idempotency-Key was used for another request"),
    "ATTENDANT_INACTIVE": (403, "The attendant is not active"),
    "NOT_ALLOWED": (403, TITLES[403]),
    "NOT_FOUND": (404, TITLES[404]),
    "METHOD_NOT_ALLOWED": (405, TITLES[405]),
    "BODY_TOO_SLOW": (408, TITLES[408]),
    "BODY_TOO_LARGE": (413, TITLES[413]),
    "ATTACHMENT_TOO_LARGE": (413, "The file is too large"),
    "MESSAGE_TOO_LARGE": (413, "The message is too large with its files"),
    "MEDIA_TYPE_UNSUPPORTED": (415, TITLES[415]),
    "TOO_MANY_HEADERS": (431, TITLES[431]),
    "TOO_MANY_ATTEMPTS": (429, "Too many attempts to sign in"),
    "TOO_MANY_REQUESTS": (429, TITLES[429]),
    "TOO_MANY_CONNECTIONS": (429, "Too many open event streams"),
    "INTERNAL": (500, TITLES[500]),
    "BUSY": (503, TITLES[503]),
    "UNAVAILABLE": (503, TITLES[503]),
    "DEADLINE_EXCEEDED": (504, TITLES[504]),
}
# gRPC itself says RESOURCE_EXHAUSTED where a neighbour is at the limit of its calls: not the client's doing.
OVERLOADED = "RESOURCE_EXHAUSTED"
# A neighbour that says so rejects the gateway's own token; signing in again would not help the client.
NEIGHBOURS_REFUSAL = {"UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_INVALID"}
# Metadata of failures that become members of the problem, and their names there; lists are comma-separated.
TEXT_MEMBERS = {"holderName": "holder", "lastMessageId": "lastMessageId"}
LIST_MEMBERS = ("allowedVerbs", "allowed")
DEFAULT_RETRY_SECONDS = 1

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        return json.dumps(
            {
                "type": f"/docs#{self.code}",
                "title": REASONS.get(self.code, (0, TITLES[self.status]))[1],
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                "errors": self.errors,
                "traceId": current_trace_id(),
            }
            | self.members,
            ensure_ascii=False,
            # JSON can spell half a character as a name ("\ud800"), and what is refused for its name tells it back.
        ).encode(errors="replace")

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if self.status == 401:
            # RFC 6750, 3.1
            error = ', error="invalid_token"' if self.code.startswith("TOKEN_") else ""
            headers["WWW-Authenticate"] = f'Bearer realm="guiche"{error}'
        if "retryAfter" in self.members:
            headers["Retry-After"] = str(self.members["retryAfter"])
        return headers


INTERNAL = Problem(500, "INTERNAL", "Something went wrong here. Tell the traceId to whoever operates this system.")


def of_failure(failure: Failure, places: Mapping[str, str] | None = None) -> Problem:
    """places: pointers of fields that did not come in the body, by their name in the contract."""
    status = status_of(failure)
    if status == 500:
        return INTERNAL
    members = members_of(failure.metadata)
    if status in (429, 503, 504):
        members.setdefault("retryAfter", DEFAULT_RETRY_SECONDS)
    if status in (503, 504) and isinstance(failure, RemoteFailure):
        code = "UNAVAILABLE" if status == 503 else "DEADLINE_EXCEEDED"
        return Problem(status, code, "A part of the system does not answer; try again in a moment.", [], members)
    errors = [error_of(failure, violation, places or {}) for violation in failure.violations]
    return Problem(status, failure.reason, failure.detail, errors, members)


def status_of(failure: Failure) -> int:
    if isinstance(failure, RemoteFailure):
        if failure.reason in NEIGHBOURS_REFUSAL:
            return 500
        if failure.reason == OVERLOADED:
            return 503
    if failure.reason in REASONS:
        return REASONS[failure.reason][0]
    return STATUS_OF_CODE.get(failure.code, 500)


def members_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    given = {camel(name): value for name, value in metadata.items()}
    members: dict[str, Any] = {member: given[name] for name, member in TEXT_MEMBERS.items() if given.get(name)}
    members |= {name: [word for word in given[name].split(",") if word] for name in LIST_MEMBERS if name in given}
    if given.get("retryAfter", "").isdecimal():
        members["retryAfter"] = int(given["retryAfter"])
    return members


def error_of(failure: Failure, violation: Violation, places: Mapping[str, str]) -> dict[str, str]:
    if isinstance(failure, BadInput):
        return {"pointer": violation.field, "code": violation.rule, "detail": violation.description}
    return {
        "pointer": pointer_of(violation.field, places),
        "code": upper_snake(violation.rule),
        "detail": violation.description,
    }


def pointer_of(path: str, places: Mapping[str, str]) -> str:
    """A place "" is the body itself: what a service names within such a field stands at the body's top."""
    first, *rest = re.split(r"(?=[.\[])", path, maxsplit=1)
    if first not in places:
        return json_pointer(path)
    return places[first] or json_pointer("".join(rest))


def json_pointer(path: str) -> str:
    """openings[0].message_id → /openings/0/messageId"""
    return "".join("/" + camel(word) for word in re.split(r"[.\[\]]+", path) if word)


def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def upper_snake(rule: str) -> str:
    """protovalidate's rule ids, e.g. string.max_len → STRING_MAX_LEN."""
    return re.sub(r"[^A-Z0-9]+", "_", rule.upper()).strip("_") or "INVALID_VALUE"
