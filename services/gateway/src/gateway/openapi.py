"""The OpenAPI 3.1 document, made from the contracts and the descriptions of the few views written by hand.

Usage: python -m gateway.openapi            writes services/gateway/openapi.json
       python -m gateway.openapi --check    fails where that file is not what the contracts say
"""

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from guiche.common.v1 import access_pb2
from guiche.mail.v1 import message_pb2
from guiche.routing.v1 import session_service_pb2

from gateway import attachments, comments, problem_docs, session, uploads
from gateway.contract import EXPOSED, VARIABLE, Route, routes
from gateway.push import description as push
from gateway.schemas import Schema, Schemas, is_required

HERE = Path(__file__).resolve().parent
# Within the package, so that it is installed with it; services/gateway/openapi.json is a link to it.
TARGET = HERE / "openapi.json"
GENERATOR = HERE.parents[3] / "proto" / "generate.py"

INFO = {
    "title": "Guichê",
    "version": "1",
    "description": (
        "Tickets of customer-service teams. JSON fields are always present; times are RFC 3339 in UTC; ids are opaque. "
        "Errors are problem details (RFC 9457) with a `code` for programs. New fields, enum values and event types "
        "may appear at any time."
    ),
}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-guiche-access",
        "description": "Set by auth:login with session COOKIE. Every unsafe method then needs X-Guiche-CSRF: 1.",
    },
}
PARAMETERS = {
    "csrf": {
        "name": "X-Guiche-CSRF",
        "in": "header",
        "schema": {"type": "string"},
        "description": "Must be 1 where the cookie signs the request in, else CSRF_HEADER_MISSING.",
    },
    "ifMatch": {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string", "pattern": r'^((W/)?"[!#-~]{1,100}"|[!#-+\--~]{0,100})$'},
        "description": "The etag of the state that was seen; another one is refused as STALE. As etag in the body.",
    },
    "idempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[!-~]{0,100}$"},
        "description": "Repeating a call with the same key gives the same answer. As requestId in the body.",
    },
}
# As long as the lists of operations that tools make of it are wide.
SUMMARY_CHARACTERS = 80
# Not the dot of "e.g.", after which a sentence goes on.
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)\s+(?=[A-Z`])")
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The etag of the resource, in quotes."}}


def document(texts: comments.Comments) -> dict[str, Any]:
    schemas = Schemas(texts)
    paths: dict[str, Any] = {}
    for route in routes():
        paths.setdefault(public_path(route), {})[route.verb.lower()] = operation(route, schemas, texts)
    schemas.answer(session_service_pb2.DESCRIPTOR.message_types_by_name["Tokens"])
    schemas.answer(message_pb2.DESCRIPTOR.message_types_by_name["Attachment"])
    by_hand = session.PATHS | attachments.PATHS | uploads.PATHS | push.PATHS
    components = problem_docs.SCHEMAS | session.SCHEMAS | push.SCHEMAS | schemas.components
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": tags(texts),
        "paths": summarized(paths | by_hand),
        "components": {
            "schemas": dict(sorted(components.items())),
            "parameters": PARAMETERS,
            "responses": problem_docs.documented_responses(),
            "securitySchemes": SECURITY_SCHEMES,
        },
        "x-problem-codes": problem_docs.documented_codes(),
    }


def summarized(paths: dict[str, Any]) -> dict[str, Any]:
    """With a summary of every operation, made of its description."""
    return {
        path: {verb: {"summary": summary(one["description"])} | one for verb, one in item.items()}
        for path, item in paths.items()
    }


def summary(description: str) -> str:
    """The first sentence in a line: where it is longer, what it says before it explains, or its first words."""
    sentence = SENTENCE_END.split(description, maxsplit=1)[0].removesuffix(".")
    if len(sentence) > SUMMARY_CHARACTERS:
        sentence = re.split(r"[:;] ", sentence, maxsplit=1)[0]
    return textwrap.shorten(sentence, SUMMARY_CHARACTERS, placeholder="…")


def tags(texts: comments.Comments) -> list[dict[str, str]]:
    services = [
        {"name": exposed.service.name, "description": texts[exposed.service.full_name]}
        for exposed in EXPOSED
        if any(route.exposed is exposed for route in routes())
    ]
    by_hand = [
        {"name": "Session", "description": "Signing in and out."},
        {"name": "Push", "description": "What happens, as it happens."},
    ]
    return services + by_hand


def public_path(route: Route) -> str:
    return VARIABLE.sub(lambda found: "{" + json_name(route, found[1]) + "}", route.path)


def json_name(route: Route, field: str) -> str:
    return str(route.request.fields_by_name[field].json_name)


def operation(route: Route, schemas: Schemas, texts: comments.Comments) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.exposed.service.name],
        "description": texts.get(f"{route.exposed.service.full_name}.{route.name}", ""),
        "security": SECURITY,
        "parameters": parameters(route, schemas),
    }
    if route.body:
        fields = route.fields()
        content = {"application/json": {"schema": schemas.body(route.request, fields)}}
        described["requestBody"] = {"content": content, "required": any(map(is_required, fields))}
    return described | {"responses": {"200": success(route, schemas)} | problem_docs.documented(*failures(route))}


def parameters(route: Route, schemas: Schemas) -> list[Schema]:
    listed = [parameter(route, name, "path", schemas) for name in route.variables]
    if not route.body:
        listed += [parameter(route, field.name, "query", schemas) for field in route.fields()]
    if route.verb != "GET":
        listed.append({"$ref": "#/components/parameters/csrf"})
    if route.takes("etag"):
        listed.append({"$ref": "#/components/parameters/ifMatch"})
    if route.takes("request_id"):
        listed.append({"$ref": "#/components/parameters/idempotencyKey"})
    return listed


def parameter(route: Route, name: str, place: str, schemas: Schemas) -> Schema:
    field = route.request.fields_by_name[name]
    schema = schemas.asked(field)
    text = schema.pop("description", None)
    described: Schema = {"name": field.json_name, "in": place, "required": place == "path" or is_required(field)}
    return described | ({"description": text} if text else {}) | {"schema": schema}


def success(route: Route, schemas: Schemas) -> Schema:
    answer = route.answer
    described: Schema = {
        "description": "Done.",
        "content": {"application/json": {"schema": schemas.answer(answer)}},
    }
    return described | ({"headers": ETAG} if "etag" in answer.fields_by_name else {})


def failures(route: Route) -> list[int]:
    always = [400, 401, 403, 429, 431, 500, 503, 504]
    with_body = [408, 409, 413, 415] if route.body else []
    # Whether one may reply depends on the ticket's state.
    by_state = [409] if route.access.grant == access_pb2.GRANT_ACTION_REPLY and not route.body else []
    always += by_state
    return always + with_body + ([404] if route.variables else []) + ([412] if route.takes("etag") else [])


def rendered() -> str:
    return json.dumps(document(comments.read(GENERATOR)), indent=2, ensure_ascii=False) + "\n"


def main(words: list[str]) -> None:
    text = rendered()
    if words[:1] != ["--check"]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET.name} is not what the contracts say; run 'python -m gateway.openapi'.")


if __name__ == "__main__":
    main(sys.argv[1:])
