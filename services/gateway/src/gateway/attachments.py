"""The download of an attachment: bytes written by a stranger, given to a browser."""

from typing import Any

from gateway.problems import documented

_ID = {"type": "string", "format": "uuid"}

PATHS: dict[str, Any] = {
    "/api/v1/tickets/{ticketId}/attachments/{attachmentId}": {
        "get": {
            "operationId": "downloadAttachment",
            "tags": ["MessageService"],
            "description": "The bytes of an attachment of one of the ticket's messages.",
            "security": [{"bearer": []}, {"cookie": []}],
            "parameters": [
                {"name": "ticketId", "in": "path", "required": True, "schema": _ID},
                {"name": "attachmentId", "in": "path", "required": True, "schema": _ID},
                {
                    "name": "disposition",
                    "in": "query",
                    "schema": {"type": "string", "enum": ["attachment", "inline"], "default": "attachment"},
                    "description": "inline is honoured for PNG, JPEG, GIF and WebP only.",
                },
            ],
            "responses": {
                "200": {
                    "description": "The file.",
                    "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
                    "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
                },
            }
            | documented(400, 401, 403, 404, 429, 431, 500, 503, 504),
        }
    }
}
