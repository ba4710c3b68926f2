"""ServiceTypeService: what may be asked for, and what departments demand."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import grpc
from guiche.ticket.v1 import service_type_pb2, service_type_service_pb2, service_type_service_pb2_grpc
from sqlalchemy import Row

from servicekit.database import Database
from servicekit.errors import InvalidRequest, Violation
from servicekit.idempotency import once
from servicekit.ids import new_id
from servicekit.pages import make_token, read_token, secret_of
from servicekit.tokens import Keys
from ticket.api.calls import Context, caller
from ticket.domain.service_types import Field, Kind, fields_of
from ticket.handlers import service_types
from ticket.handlers.service_types import Definition
from ticket.storage import service_types as storage

DEFAULT_PAGE = 100
START = ("", UUID(int=0))


class ServiceTypeApi(service_type_service_pb2_grpc.ServiceTypeServiceServicer):
    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.secret = secret_of(keys)

    def ListServiceTypes(
        self, request: service_type_service_pb2.ListServiceTypesRequest, context: Context
    ) -> service_type_service_pb2.ListServiceTypesResponse:
        size = request.page_size or DEFAULT_PAGE
        department_id = UUID(request.department_id) if request.department_id else None
        with self.database.transaction() as connection:
            who = caller(connection)
            scope = f"service types|{who.attendant_id}|{department_id}|{request.show_inactive}"
            after = START
            if request.page_token:
                name, service_type_id = read_token(self.secret, scope, request.page_token)
                after = (name, UUID(service_type_id))
            rows = storage.page(
                connection, who.organization_id, department_id, after, size + 1, inactive_too=request.show_inactive
            )
        last = rows[size - 1] if len(rows) > size else None
        return service_type_service_pb2.ListServiceTypesResponse(
            service_types=[shown(row) for row in rows[:size]],
            next_page_token=make_token(self.secret, scope, [last.name, str(last.id)]) if last is not None else "",
        )

    def GetServiceType(
        self, request: service_type_service_pb2.GetServiceTypeRequest, context: Context
    ) -> service_type_service_pb2.GetServiceTypeResponse:
        with self.database.transaction() as connection:
            who = caller(connection)
            row = service_types.read(connection, who.organization_id, UUID(request.service_type_id))
        return service_type_service_pb2.GetServiceTypeResponse(service_type=shown(row))

    def CreateServiceType(
        self, request: service_type_service_pb2.CreateServiceTypeRequest, context: Context
    ) -> service_type_service_pb2.CreateServiceTypeResponse:
        said = definition(request, active=True)
        with self.database.transaction() as connection:
            who = caller(connection)
            service_types.check_charge(connection, who, said.department_ids)

            def perform() -> service_type_service_pb2.CreateServiceTypeResponse:
                row = service_types.create(connection, who.organization_id, said)
                return service_type_service_pb2.CreateServiceTypeResponse(service_type=shown(row))

            empty = service_type_service_pb2.CreateServiceTypeResponse()
            return once(connection, str(who.attendant_id), request.request_id, request, perform, empty)

    def UpdateServiceType(
        self, request: service_type_service_pb2.UpdateServiceTypeRequest, context: Context
    ) -> service_type_service_pb2.UpdateServiceTypeResponse:
        said = definition(request, active=request.active)
        with self.database.transaction() as connection:
            who = caller(connection)
            row = service_types.update(connection, who, UUID(request.service_type_id), request.etag, said)
        return service_type_service_pb2.UpdateServiceTypeResponse(service_type=shown(row))

    def GetClosingRules(
        self, request: service_type_service_pb2.GetClosingRulesRequest, context: Context
    ) -> service_type_service_pb2.GetClosingRulesResponse:
        with self.database.transaction() as connection:
            rules = service_types.closing_rules(connection, caller(connection), UUID(request.department_id))
        return service_type_service_pb2.GetClosingRulesResponse(closing_rules=rules_of(request.department_id, rules))

    def UpdateClosingRules(
        self, request: service_type_service_pb2.UpdateClosingRulesRequest, context: Context
    ) -> service_type_service_pb2.UpdateClosingRulesResponse:
        with self.database.transaction() as connection:
            rules = service_types.update_closing_rules(
                connection,
                caller(connection),
                UUID(request.department_id),
                request.etag,
                required=request.service_type_required,
            )
        return service_type_service_pb2.UpdateClosingRulesResponse(closing_rules=rules_of(request.department_id, rules))


def definition(
    said: service_type_service_pb2.CreateServiceTypeRequest | service_type_service_pb2.UpdateServiceTypeRequest,
    *,
    active: bool,
) -> Definition:
    return Definition(
        said.name,
        [UUID(id_) for id_ in said.department_ids],
        [field_of(n, f) for n, f in enumerate(said.fields)],
        active,
    )


def field_of(place: int, said: service_type_pb2.Field) -> Field:
    choices = choices_of(said.choices)
    if len(choices) < len(said.choices):
        detail = "Two choices have the same id."
        raise InvalidRequest(detail, violations=[Violation(f"fields[{place}].choices", "REPEATED", detail)])
    kind = Kind(service_type_pb2.FieldKind.Name(said.kind).removeprefix("FIELD_KIND_"))
    return Field(str(UUID(said.id)) if said.id else "", said.name, kind, said.mandatory, choices)


def choices_of(said: Iterable[service_type_pb2.FieldChoice]) -> dict[str, str]:
    return {str(UUID(choice.id)) if choice.id else str(new_id()): choice.name for choice in said}


def shown(row: Row[Any]) -> service_type_pb2.ServiceType:
    return service_type_pb2.ServiceType(
        id=str(row.id),
        etag=str(row.version),
        name=row.name,
        department_ids=[str(department_id) for department_id in row.department_ids],
        fields=[shown_field(field) for field in fields_of(row.fields).values()],
        active=row.active,
    )


def shown_field(field: Field) -> service_type_pb2.Field:
    return service_type_pb2.Field(
        id=field.id,
        name=field.name,
        kind=service_type_pb2.FieldKind.Value(f"FIELD_KIND_{field.kind}"),
        mandatory=field.mandatory,
        choices=[service_type_pb2.FieldChoice(id=id_, name=name) for id_, name in field.choices.items()],
    )


def rules_of(department_id: str, rules: tuple[int, bool]) -> service_type_pb2.ClosingRules:
    version, required = rules
    return service_type_pb2.ClosingRules(department_id=department_id, etag=str(version), service_type_required=required)


def add_to(api: ServiceTypeApi) -> Callable[[grpc.Server], Any]:
    return lambda server: service_type_service_pb2_grpc.add_ServiceTypeServiceServicer_to_server(api, server)
