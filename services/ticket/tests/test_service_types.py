"""Service types: who defines them, what fits their fields, and the gate before a ticket is closed."""

from typing import Any

import pytest
from guiche.ticket.v1 import service_type_pb2, ticket_pb2, verb_service_pb2
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from ticket_support import Calls, Company, refused, status

from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.rpc.caller import Attendant
from ticket.domain.service_types import Field, Kind, misfit

KINDS = {name: service_type_pb2.FieldKind.Value(f"FIELD_KIND_{name}") for name in Kind}


def field(
    name: str, kind: str = "TEXT", mandatory: bool = True, choices: tuple[str, ...] = ()
) -> service_type_pb2.Field:
    made = service_type_pb2.Field(name=name, kind=KINDS[Kind(kind)], mandatory=mandatory)
    made.choices.extend(service_type_pb2.FieldChoice(name=choice) for choice in choices)
    return made


FIELDS = [
    field("Motivo", "CHOICE", choices=("Atraso", "Extravio")),
    field("Valor", "NUMBER"),
    field("Observação", mandatory=False),
]


@pytest.fixture
def delay(calls: Calls, company: Company) -> service_type_pb2.ServiceType:
    """A type with two mandatory fields."""
    made = calls.types_call(company.admin, "CreateServiceType", name="Entrega", fields=FIELDS)
    result: service_type_pb2.ServiceType = made.service_type
    return result


def given_values(kind: service_type_pb2.ServiceType, *values: str) -> list[ticket_pb2.FieldValue]:
    return [
        ticket_pb2.FieldValue(field_id=field.id, value=value)
        for field, value in zip(kind.fields, values, strict=False)
        if value
    ]


def classification(kind: service_type_pb2.ServiceType, *values: str) -> verb_service_pb2.Classification:
    return verb_service_pb2.Classification(service_type_id=kind.id, data=given_values(kind, *values))


def replace(calls: Calls, who: Attendant, kind: service_type_pb2.ServiceType, **said: object) -> Any:
    known = {
        "service_type_id": kind.id,
        "etag": kind.etag,
        "name": kind.name,
        "department_ids": kind.department_ids,
        "fields": kind.fields,
        "active": kind.active,
    }
    return calls.types_call(who, "UpdateServiceType", **{**known, **said}).service_type


DOORS = {
    "ConcludeTicket": {},
    "SetStatus": {"status": "TICKET_STATUS_CLOSED"},
    "ReplyTicket": {"then_status": "TICKET_STATUS_CLOSED"},
    "FinalizeTicket": {},
}


def door(name: str) -> dict[str, object]:
    return {**DOORS[name], **({"message_id": str(new_id())} if name == "ReplyTicket" else {})}


@pytest.mark.parametrize("name", DOORS)
def test_every_door_to_closed_names_what_is_missing_and_opens_once_it_is_given(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType, name: str
) -> None:
    calls.reply(company.ana, ticket_id, "OPEN")
    calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id)
    before = calls.get(company.ana, ticket_id)
    failure = refused(lambda: calls.act(company.ana, name, ticket_id, **door(name)))
    assert failure.reason == "SERVICE_TYPE_DATA_MISSING"
    assert [(v.field, v.rule, v.description) for v in failure.violations] == [
        (f"classification.data[{delay.fields[0].id}]", "REQUIRED", "Motivo"),
        (f"classification.data[{delay.fields[1].id}]", "REQUIRED", "Valor"),
    ]
    assert calls.get(company.ana, ticket_id) == before
    given = classification(delay, delay.fields[0].choices[1].id, "12.50")
    after = calls.act(company.ana, name, ticket_id, classification=given, **door(name))
    assert status(after) == "CLOSED"
    assert after.service_type.name == "Entrega"
    assert list(after.service_type_data) == list(given.data)
    assert after.interactions == before.interactions + 1


def test_what_was_never_answered_may_be_put_aside_without_data(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id)
    assert refused(lambda: calls.act(company.ana, "ConcludeTicket", ticket_id)).reason == "SERVICE_TYPE_DATA_MISSING"
    assert status(calls.act(company.ana, "FinalizeTicket", ticket_id)) == "CLOSED"


def test_a_department_may_demand_a_service_type_of_every_ticket(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    said = {"department_id": str(company.service), "service_type_required": True}
    assert calls.types_call(company.carla, "UpdateClosingRules", **said).closing_rules.service_type_required
    failure = refused(lambda: calls.act(company.ana, "ConcludeTicket", ticket_id))
    assert [violation.field for violation in failure.violations] == ["classification.service_type_id"]
    given = classification(delay, delay.fields[0].choices[0].id, "3")
    assert status(calls.act(company.ana, "ConcludeTicket", ticket_id, classification=given)) == "CLOSED"


def test_values_stand_apart_from_the_history_which_shows_them_by_name(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType, database: Database
) -> None:
    late, lost = delay.fields[0].choices
    for choice in (late, lost):
        data = given_values(delay, choice.id, "12.50")
        calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=data)
    first, second = calls.history(company.ana, ticket_id).interactions[-2:]
    assert {change.field: change.after.name for change in first.changes} == {
        "serviceType": "Entrega",
        f"data:{delay.fields[0].id}": "Atraso",
        f"data:{delay.fields[1].id}": "12.50",
    }
    assert [(change.before.name, change.after.name) for change in second.changes] == [("Atraso", "Extravio")]
    with database.transaction() as connection:
        history = str(connection.scalars(text("SELECT changes::text FROM interactions")).all())
    assert late.id not in history
    assert "12.50" not in history


def test_setting_replaces_all_values_while_closing_adds_to_them(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    choice = delay.fields[0].choices[0].id
    calls.act(
        company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=given_values(delay, choice, "1", "obs")
    )
    after = calls.act(
        company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=given_values(delay, choice)
    )
    assert [value.value for value in after.service_type_data] == [choice]
    after = calls.act(company.ana, "ConcludeTicket", ticket_id, classification=classification(delay, "", "2"))
    assert [value.value for value in after.service_type_data] == [choice, "2"]


def test_a_ticket_can_be_unclassified_again(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    data = given_values(delay, "", "1")
    calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=data)
    after = calls.act(company.ana, "SetServiceType", ticket_id)
    assert not after.HasField("service_type")
    assert not after.service_type_data


def test_values_that_do_not_fit_are_all_named(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    stranger = ticket_pb2.FieldValue(field_id=str(new_id()), value="?")
    data = [*given_values(delay, str(new_id()), "doze"), stranger]
    failure = refused(lambda: calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=data))
    assert failure.reason == "INVALID_REQUEST"
    assert {violation.field: violation.rule for violation in failure.violations} == {
        f"classification.data[{delay.fields[0].id}]": "CHOICE",
        f"classification.data[{delay.fields[1].id}]": "NUMBER",
        f"classification.data[{stranger.field_id}]": "UNKNOWN",
    }


def test_a_type_of_elsewhere_or_out_of_use_cannot_be_chosen_but_stays_where_it_is(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    money = calls.types_call(
        company.admin, "CreateServiceType", name="Estorno", department_ids=[str(company.finance)]
    ).service_type
    calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id)
    replace(calls, company.admin, delay, active=False)
    for wrong in (money.id, str(new_id())):
        failure = refused(lambda w=wrong: calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=w))
        assert [violation.field for violation in failure.violations] == ["classification.service_type_id"]
    kept = calls.act(
        company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=given_values(delay, "", "7")
    )
    assert kept.service_type.name == "Entrega"
    (other,) = calls.open(company, company.n1)
    assert refused(lambda: calls.act(company.ana, "SetServiceType", other, service_type_id=delay.id)).violations


def test_a_field_that_is_asked_for_no_more_leaves_its_value_on_the_ticket(
    calls: Calls, company: Company, ticket_id: str, delay: service_type_pb2.ServiceType
) -> None:
    choice = delay.fields[0].choices[0].id
    data = given_values(delay, choice, "1")
    calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=data)
    replace(calls, company.admin, delay, fields=delay.fields[:1])
    after = calls.act(company.ana, "SetServiceType", ticket_id, service_type_id=delay.id, data=data)
    assert {value.value for value in after.service_type_data} == {choice, "1"}


def test_a_field_keeps_its_kind_so_that_what_was_given_for_it_always_fits(
    calls: Calls, company: Company, delay: service_type_pb2.ServiceType
) -> None:
    reason, amount, note = delay.fields
    turned = service_type_pb2.Field(id=amount.id, name="Valor", kind=KINDS[Kind.DATE], mandatory=True)
    failure = refused(lambda: replace(calls, company.admin, delay, fields=[reason, turned, note]))
    assert [(v.field, v.rule) for v in failure.violations] == [("fields[1].kind", "CHANGED")]
    # Nor by way of taking the field out first.
    without = replace(calls, company.admin, delay, fields=[reason, note])
    failure = refused(lambda: replace(calls, company.admin, without, fields=[reason, turned, note]))
    assert [(v.field, v.rule) for v in failure.violations] == [("fields[1].id", "UNKNOWN")]
    renamed = service_type_pb2.Field(id=note.id, name="Nota", kind=note.kind, mandatory=True)
    changed = replace(calls, company.admin, without, fields=[renamed, reason, field("Dia", "DATE")])
    assert [one.name for one in changed.fields] == ["Nota", "Motivo", "Dia"]


def test_administrators_change_everything_and_supervisors_what_is_of_their_departments_alone(
    calls: Calls, company: Company, delay: service_type_pb2.ServiceType
) -> None:
    mine, both = [str(company.service)], [str(company.service), str(company.finance)]
    made = calls.types_call(company.carla, "CreateServiceType", name="Dúvida", department_ids=mine).service_type
    renamed = replace(calls, company.carla, made, name="Pergunta")
    for act in (
        lambda: calls.types_call(company.carla, "CreateServiceType", name="Tudo"),
        lambda: calls.types_call(company.carla, "CreateServiceType", name="Dois", department_ids=both),
        lambda: calls.types_call(company.ana, "CreateServiceType", name="Meu", department_ids=mine),
        lambda: replace(calls, company.carla, delay, department_ids=mine),
        lambda: replace(calls, company.carla, renamed, department_ids=both),
        lambda: calls.types_call(company.carla, "UpdateClosingRules", department_id=str(company.finance)),
        lambda: calls.types_call(company.ana, "UpdateClosingRules", department_id=str(company.service)),
    ):
        assert refused(act).reason == "NOT_ALLOWED"
    assert replace(calls, company.admin, renamed, department_ids=both).department_ids == both
    assert refused(lambda: replace(calls, company.admin, renamed)).reason == "STALE"


def test_types_are_listed_by_name_for_a_department_page_by_page_and_only_of_ones_own_organization(
    calls: Calls, company: Company, delay: service_type_pb2.ServiceType
) -> None:
    for name, department in (("Abertura", company.service), ("Boleto", company.finance)):
        calls.types_call(company.admin, "CreateServiceType", name=name, department_ids=[str(department)])
    old = calls.types_call(company.admin, "CreateServiceType", name="Carta").service_type
    replace(calls, company.admin, old, active=False)

    def names(who: Attendant, **said: object) -> list[str]:
        found, token = [], ""
        while True:
            answer = calls.types_call(who, "ListServiceTypes", page_token=token, page_size=1, **said)
            found += [one.name for one in answer.service_types]
            token = answer.next_page_token
            if not token:
                return found

    assert names(company.ana) == ["Abertura", "Boleto", "Entrega"]
    assert names(company.ana, department_id=str(company.service)) == ["Abertura", "Entrega"]
    assert names(company.ana, show_inactive=True) == ["Abertura", "Boleto", "Carta", "Entrega"]
    assert names(company.stranger) == []
    failure = refused(lambda: calls.types_call(company.stranger, "GetServiceType", service_type_id=delay.id))
    assert failure.reason == "SERVICE_TYPE_NOT_FOUND"
    failure = refused(lambda: calls.types_call(company.stranger, "GetClosingRules", department_id=str(company.service)))
    assert failure.reason == "DEPARTMENT_NOT_FOUND"


def test_what_is_not_consistent_is_refused_by_place(calls: Calls, company: Company) -> None:
    same = str(new_id())
    fields = [field("Um"), field("Dois", "CHOICE"), field("Três", choices=("a",)), field(" ")]
    fields[0].id = fields[2].id = same
    failure = refused(
        lambda: calls.types_call(
            company.admin, "CreateServiceType", name="Ruim", fields=fields, department_ids=[str(new_id())]
        )
    )
    assert {violation.field for violation in failure.violations} == {
        "department_ids[0]",
        "fields[0].id",
        "fields[2].id",
        "fields[1].choices",
        "fields[2].choices",
        "fields[3].name",
    }


def test_the_same_creation_told_twice_makes_one_type(calls: Calls, company: Company) -> None:
    said = {"name": "Uma vez", "request_id": "once", "fields": [field("Campo")]}
    first, second = (calls.types_call(company.admin, "CreateServiceType", **said) for _ in range(2))
    assert first == second
    assert len(calls.types_call(company.ana, "ListServiceTypes").service_types) == 1


CHOICES = {"a": "A"}


@pytest.mark.parametrize(
    ("kind", "fits", "misfits"),
    [
        (
            "NUMBER",
            ["0", "-1", "1234.50", "0.000001", "999999999999.999999"],
            ["", "1,5", "1.", ".5", "1e3", "1.1234567", "1234567890123.123456", "٣", "--1", "1\n"],
        ),
        ("DATE", ["2026-11-21", "2024-02-29"], ["2026-02-29", "2026-1-1", "21/11/2026", "20261121", "2026-W01-1"]),
        ("CHOICE", ["a"], ["A", "b"]),
        ("YES_NO", ["true", "false"], ["yes", "True", "1"]),
        ("TEXT", ["x" * 4000, "Ação\n"], ["x" * 4001, "a\0b"]),
    ],
)
def test_each_kind_takes_what_the_contract_says(kind: str, fits: list[str], misfits: list[str]) -> None:
    asked = Field("f", "Campo", Kind(kind), True, CHOICES)
    assert [value for value in fits if misfit(asked, value)] == []
    assert [value for value in misfits if not misfit(asked, value)] == []


@given(st.decimals(-(10**11), 10**11, places=6))
def test_every_number_of_the_allowed_size_fits(number: object) -> None:
    assert not misfit(Field("f", "Campo", Kind.NUMBER, True, {}), f"{number:f}")
