"""The push stream in the OpenAPI document."""

from typing import Any

from gateway.problem_docs import documented
from gateway.push.changes import VERBS

PATHS: dict[str, Any] = {
    "/api/v1/events": {
        "get": {
            "operationId": "streamEvents",
            "tags": ["Push"],
            "description": (
                "Server-sent events about the tickets the attendant may see. `ticket` (data: TicketEvent): a ticket "
                "changed, came into view or left it. `counts` (data: {}): the counts changed; at most one a second. "
                "`resync` (data: {}): events were lost or what the attendant may see has changed: fetch everything "
                "again. A comment every 15 seconds keeps the connection alive. It ends with the access token; "
                "connect again, with Last-Event-ID to get what was missed."
            ),
            "security": [{"bearer": []}, {"cookie": []}],
            "parameters": [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "schema": {"type": "string", "maxLength": 100},
                    "description": "The id of the last event received. Browsers send it by themselves.",
                }
            ],
            "responses": {
                "200": {
                    "description": "The stream.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                },
            }
            | documented(400, 401, 403, 429, 431, 500, 503, 504),
        }
    }
}

SCHEMAS: dict[str, Any] = {
    "TicketEvent": {
        "type": "object",
        "description": "The data of a `ticket` event.",
        "properties": {
            "ticketId": {"type": "string", "format": "uuid"},
            "verb": {"type": "string", "enum": list(VERBS.values()), "description": "What happened to it."},
            "visible": {"type": "boolean", "description": "false: the attendant may not see it any more."},
        },
        "required": ["ticketId", "verb", "visible"],
    }
}
