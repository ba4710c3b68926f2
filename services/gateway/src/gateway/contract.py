"""What the gateway exposes, read from the contracts: every method with a `google.api.http` annotation is a route."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from guiche.common.v1 import access_pb2
from guiche.gateway.v1 import reply_service_pb2
from guiche.mail.v1 import message_service_pb2, message_service_pb2_grpc
from guiche.routing.v1 import directory_service_pb2, directory_service_pb2_grpc
from guiche.ticket.v1 import (
    service_type_service_pb2,
    service_type_service_pb2_grpc,
    ticket_service_pb2,
    ticket_service_pb2_grpc,
    verb_service_pb2,
    verb_service_pb2_grpc,
)

Stub = Callable[[grpc.Channel], Any]


@dataclass(frozen=True)
class Exposed:
    """A service whose annotated methods are routes, and the neighbour that answers them; none: routes.OWN does."""

    service: ServiceDescriptor
    stub: Stub | None = None
    peer: str = ""


# The whole list: a service that is not here cannot be reached from outside, whatever its annotations say.
EXPOSED = [
    Exposed(
        ticket_service_pb2.DESCRIPTOR.services_by_name["TicketService"],
        ticket_service_pb2_grpc.TicketServiceStub,
        "ticket",
    ),
    Exposed(
        verb_service_pb2.DESCRIPTOR.services_by_name["VerbService"],
        verb_service_pb2_grpc.VerbServiceStub,
        "ticket",
    ),
    Exposed(reply_service_pb2.DESCRIPTOR.services_by_name["ReplyService"]),
    Exposed(
        service_type_service_pb2.DESCRIPTOR.services_by_name["ServiceTypeService"],
        service_type_service_pb2_grpc.ServiceTypeServiceStub,
        "ticket",
    ),
    Exposed(
        message_service_pb2.DESCRIPTOR.services_by_name["MessageService"],
        message_service_pb2_grpc.MessageServiceStub,
        "mail",
    ),
    Exposed(
        directory_service_pb2.DESCRIPTOR.services_by_name["DirectoryService"],
        directory_service_pb2_grpc.DirectoryServiceStub,
        "routing",
    ),
]

VERBS = ("get", "put", "post", "delete", "patch")
VARIABLE = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True)
class Route:
    """One RPC as the outside sees it."""

    name: str  # "StartTicket"
    exposed: Exposed
    verb: str  # "POST"
    path: str  # "/api/v1/tickets/{ticket_id}:start"
    variables: tuple[str, ...]
    body: bool
    # The field of the response that is the answer; "": the whole response.
    response_body: str
    request: Descriptor
    response: Descriptor
    access: access_pb2.Access

    @property
    def operation_id(self) -> str:
        return self.name[0].lower() + self.name[1:]

    @property
    def answer(self) -> Descriptor:
        """The message the client gets."""
        if not self.response_body:
            return self.response
        answer = self.response.fields_by_name[self.response_body].message_type
        if answer is None:
            raise TypeError(f"{self.name}: response_body must be a message")
        return answer

    def takes(self, field: str) -> bool:
        return field in self.request.fields_by_name

    def fields(self) -> list[FieldDescriptor]:
        """Those of the request that do not stand in the path."""
        return [field for field in self.request.fields if field.name not in self.variables]

    def new_request(self) -> Message:
        return message_factory.GetMessageClass(self.request)()


def routes() -> list[Route]:
    return [
        route_of(exposed, method) for exposed in EXPOSED for method in exposed.service.methods if is_annotated(method)
    ]


def is_annotated(method: MethodDescriptor) -> bool:
    return bool(method.GetOptions().HasExtension(annotations_pb2.http))


def route_of(exposed: Exposed, method: MethodDescriptor) -> Route:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = next(verb for verb in VERBS if getattr(rule, verb))
    path: str = getattr(rule, verb)
    # Nothing else is used by the contracts, and half-supporting it would be a trap for whoever writes the next one.
    if rule.body not in ("", "*") or rule.additional_bindings or (rule.body and verb == "get"):
        raise ValueError(f"{method.full_name}: only body '*' without additional bindings is supported")
    return Route(
        name=method.name,
        exposed=exposed,
        verb=verb.upper(),
        path=path,
        variables=tuple(VARIABLE.findall(path)),
        body=bool(rule.body),
        response_body=rule.response_body,
        request=method.input_type,
        response=method.output_type,
        access=method.GetOptions().Extensions[access_pb2.access],
    )
