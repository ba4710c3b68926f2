"""The routes of the contracts: one Flask rule per annotated method."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flask import Flask, Response, g, request
from google.protobuf.message import Message
from werkzeug.routing import BaseConverter

from gateway.contract import VARIABLE, Route, Stub, routes
from gateway.decoder import read_body, read_query
from gateway.encoder import encoder, to_json
from gateway.failures import BadInput, MediaTypeUnsupported
from gateway.gate import Gate, record_of, sign_in_of_request
from gateway.grants import ask_grant
from gateway.problems import camel
from gateway.replies import reply_to_ticket
from servicekit.rpc.caller import Attendant
from servicekit.rpc.rules import validate

View = Callable[..., Response]
Perform = Callable[[Attendant, Any], Message]
# The methods that the gateway answers itself.
OWN: dict[str, Callable[[Gate, Attendant, Any], Message]] = {
    "ReplyToTicket": reply_to_ticket,
}
# In quotes as RFC 9110 has it, or bare as people write it by hand; a list is refused for its comma.
ETAG = re.compile(r"""(?:W/)?"([!#-~]+)"|([!#-+\--~]+)""")
KEY = re.compile(r"[!-~]{1,100}")
JSON = "application/json"


class Segment(BaseConverter):
    """A path variable. Without ":", so that /tickets/abc:start is never the ticket "abc:start"."""

    regex = "[^/:]+"
    part_isolating = True


def add_routes(app: Flask, gate: Gate) -> None:
    app.url_map.converters["segment"] = Segment
    for route in routes():
        rule = VARIABLE.sub(r"<segment:\1>", route.path)
        app.add_url_rule(rule, route.name, view(route, gate), methods=[route.verb], provide_automatic_options=False)


def view(route: Route, gate: Gate) -> View:
    if not route.access.attendant:
        raise ValueError(f"{route.name} is exposed but asks for no attendant")
    encoder(route.answer)  # An answer that cannot be encoded stops the start, not a request.
    perform = own(route, gate) if route.exposed.stub is None else asked_of_neighbour(route, route.exposed.stub, gate)
    template = VARIABLE.sub(lambda found: "{" + camel(found[1]) + "}", route.path)

    def answer(**variables: str) -> Response:
        record_of(request).route = template
        attendant = sign_in_of_request(gate).attendant
        message, places = read_request(route, variables)
        g.places = places
        return response(route, perform(attendant, message))

    return answer


def own(route: Route, gate: Gate) -> Perform:
    perform = OWN[route.name]

    def performed(attendant: Attendant, message: Any) -> Message:
        validate(message)
        return perform(gate, attendant, message)

    return performed


def asked_of_neighbour(route: Route, stub: Stub, gate: Gate) -> Perform:
    peer = gate.peers[route.exposed.peer]
    method = getattr(stub(peer.channel), route.name)
    action = route.access.grant

    def performed(attendant: Attendant, message: Any) -> Message:
        grant = ask_grant(gate.peers["ticket"], attendant, message.ticket_id, action) if action else ""
        answer: Message = peer.call(method, message, attendant, grant)
        return answer

    return performed


def read_request(route: Route, variables: dict[str, str]) -> tuple[Message, dict[str, str]]:
    """The request message, and the pointers of the fields that did not come in the body."""
    message = route.new_request()
    query = request.environ.get("QUERY_STRING", "")
    if route.body:
        read_query(query, message, [])
        require_json()
        read_body(request.get_data(), message, route.fields())
    else:
        read_query(query, message, route.fields())
    places = {} if route.body else {field.name: f"?{field.json_name}" for field in route.fields()}
    if route.takes("service_type_id") and not route.takes("classification"):
        # Such a body is itself what other routes have in that field.
        places["classification"] = ""
    places |= read_headers(route, message)
    for name, value in variables.items():
        setattr(message, name, value)
        places[name] = "{" + camel(name) + "}"
    return message, places


def require_json() -> None:
    if request.get_data() and request.mimetype != JSON:
        raise MediaTypeUnsupported(f"The body must be {JSON}.", "Content-Type", "MEDIA_TYPE_UNSUPPORTED", [JSON])


def read_headers(route: Route, message: Any) -> dict[str, str]:
    places = {}
    if route.takes("etag") and (value := request.headers.get("If-Match", "").strip()):
        set_once(message, "etag", if_match(value), "If-Match")
        places["etag"] = "If-Match"
    if route.takes("request_id") and (value := request.headers.get("Idempotency-Key", "").strip()):
        if not KEY.fullmatch(value):
            raise BadInput("Idempotency-Key must be 1 to 100 visible ASCII characters.", "Idempotency-Key")
        set_once(message, "request_id", value, "Idempotency-Key")
        places["request_id"] = "Idempotency-Key"
    if route.takes("request_id") and not message.request_id:
        # A call whose service is killed after its commit is made again by the channel: it must be known as the same.
        message.request_id = str(uuid4())
    return places


def set_once(message: Any, field: str, value: str, header: str) -> None:
    if getattr(message, field) not in ("", value):
        raise BadInput(f"{header} and the body's {camel(field)} differ.", header)
    setattr(message, field, value)


def if_match(value: str) -> str:
    """The etag; "" for *, which any state of the resource matches.

    RFC 9110 compares If-Match strongly, but proxies that compress weaken our strong etags on their way: W/ is dropped.
    """
    if value == "*":
        return ""
    found = ETAG.fullmatch(value)
    if not found:
        raise BadInput('If-Match must be * or one etag in quotes, e.g. "3".', "If-Match")
    return found[1] or found[2]


def response(route: Route, result: Message) -> Response:
    answer = getattr(result, route.response_body) if route.response_body else result
    headers = {"Cache-Control": "no-store"}
    if etag := getattr(answer, "etag", ""):
        headers["ETag"] = f'"{etag}"'
    record_of(request).protocol = getattr(answer, "protocol", "")
    return Response(to_json(answer), mimetype=JSON, headers=headers)
