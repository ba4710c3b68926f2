"""Problems in the OpenAPI document."""

from typing import Any

from gateway.problems import MEDIA_TYPE, REASONS, TITLES

_TEXT = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "description": "Why a request failed (RFC 9457). Some codes bring members of their own, e.g. allowedVerbs.",
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Names the kind of problem, as code."},
            "title": {"type": "string", "description": "The kind of problem in few words, for people."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What happened this time, for people."},
            "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "For programs, e.g. STALE."},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
            "traceId": {"type": "string", "description": "Tell it to whoever operates this system."},
            "holder": {"type": "string", "description": "With TICKET_ALREADY_STARTED: the name of who has it."},
            "allowedVerbs": {
                "type": "array",
                "items": _TEXT,
                "description": "With TRANSITION_NOT_ALLOWED: what may be done instead.",
            },
            "lastMessageId": {
                "type": "string",
                "description": "With SEEN_UP_TO_STALE: what seenUpTo would have to be.",
            },
            "allowed": {"type": "array", "items": _TEXT, "description": "The values that would have been accepted."},
            "retryAfter": {"type": "integer", "description": "Seconds; as the header Retry-After."},
        },
        "required": ["type", "title", "status", "detail", "code", "errors", "traceId"],
    },
    "ProblemError": {
        "type": "object",
        "description": "One thing that is wrong with the request.",
        "properties": {
            "pointer": {
                "type": "string",
                "description": (
                    "JSON Pointer into the body, e.g. /refreshToken, empty for the body itself; or the parameter, "
                    "e.g. ?pageSize, {ticketId} or Content-Type."
                ),
            },
            "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
            "detail": _TEXT,
        },
        "required": ["pointer", "code", "detail"],
    },
}


def documented(*statuses: int) -> dict[str, Any]:
    """The answers of these statuses, as an operation lists them in the OpenAPI document."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def documented_responses() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {
        401: {"WWW-Authenticate": {"schema": _TEXT}},
        429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
        503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    }
    return {
        f"Problem{status}": {"description": title, "content": content}
        | ({"headers": headers[status]} if status in headers else {})
        for status, title in TITLES.items()
    }


def documented_codes() -> dict[str, Any]:
    return {code: {"status": status, "title": title} for code, (status, title) in sorted(REASONS.items())}
