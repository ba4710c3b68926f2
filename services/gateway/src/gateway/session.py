"""Signing in and out: tokens for programs, `__Host-` cookies for browsers."""

from typing import Any

from gateway.problems import documented

_TOKENS = {"application/json": {"schema": {"$ref": "#/components/schemas/Tokens"}}}
_COOKIES = {"Set-Cookie": {"schema": {"type": "string"}, "description": "The two cookies, in a COOKIE session."}}
_CSRF = {"$ref": "#/components/parameters/csrf"}


def _operation(name: str, summary: str, body: str, answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
    return {
        "post": {
            "operationId": name,
            "tags": ["Session"],
            "description": summary,
            "security": [{}],
            "parameters": [_CSRF],
            "requestBody": {"content": schema, "required": body == "LoginRequest"},
            "responses": answer | documented(400, 401, 403, 413, 415, 429, 431, 500, 503, 504),
        }
        | more
    }


PATHS: dict[str, Any] = {
    "/api/v1/auth:login": _operation(
        "login",
        "Signs an attendant in. Unknown users, wrong passwords and inactive attendants are all told "
        "CREDENTIALS_REJECTED; after repeated failures TOO_MANY_ATTEMPTS.",
        "LoginRequest",
        {"200": {"description": "Signed in.", "headers": _COOKIES, "content": _TOKENS}},
    ),
    "/api/v1/auth:refresh": _operation(
        "refresh",
        "Gives new tokens for a refresh token, which is used up by it. In a COOKIE session leave the body out.",
        "RefreshTokenRequest",
        {"200": {"description": "New tokens.", "headers": _COOKIES, "content": _TOKENS}},
    ),
    "/api/v1/auth:logout": _operation(
        "logout",
        "Ends the session. Succeeds also where there is none. In a COOKIE session leave the body out.",
        "RefreshTokenRequest",
        {"204": {"description": "Signed out.", "headers": _COOKIES}},
    ),
}

SCHEMAS: dict[str, Any] = {
    "LoginRequest": {
        "type": "object",
        "properties": {
            "username": {"type": "string", "minLength": 1, "maxLength": 100},
            "password": {"type": "string", "minLength": 1, "maxLength": 200},
            "session": {
                "type": "string",
                "enum": ["TOKEN", "COOKIE"],
                "default": "TOKEN",
                "description": "COOKIE: the tokens come as HttpOnly cookies and are empty in the answer.",
            },
        },
        "required": ["username", "password"],
        "additionalProperties": False,
    },
    "RefreshTokenRequest": {
        "type": "object",
        "properties": {"refreshToken": {"type": "string", "maxLength": 200}},
        "additionalProperties": False,
    },
}
