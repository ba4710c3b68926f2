"""The limits written in the contracts: whether a request keeps them, and how it is told where it does not."""

import re
from typing import Any

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from servicekit.errors import InvalidRequest, Violation


def validate(request: Message) -> None:
    """Refuses a request that breaks the limits written in its contract."""
    found = protovalidate.collect_violations(request)
    broken = [(one, fields_of(request, one.proto.field)) for one in found]
    if not broken:
        return
    violations = [violation_of(one, choices(one, fields)) for one, fields in broken]
    first, fields = broken[0]
    # Whoever calls knows the fields by their JSON names: only those may be in words that reach them.
    place = path_of(first.proto.field, [field.json_name for field in fields])
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    allowed = choices(first, fields)
    raise InvalidRequest(
        f"{place or 'The request'}: {violations[0].description}{more}.",
        {"allowed": ",".join(allowed)} if allowed else {},
        violations,
    )


def violation_of(broken: Any, allowed: list[str]) -> Violation:
    path, rule = path_of(broken.proto.field), broken.proto.rule_id
    if not allowed:
        return Violation(path, rule, broken.proto.message or rule)
    # The rule itself speaks of numbers, which mean nothing outside; zero is what an absent value is read as.
    words = f"must be one of {', '.join(allowed)}"
    return Violation(path, rule, words) if broken.field_value else Violation(path, "required", f"missing; {words}")


def choices(broken: Any, fields: list[FieldDescriptor]) -> list[str]:
    """What could have been chosen, where the broken rule is about a choice."""
    return offered_values(fields[-1]) if fields and ".enum." in f".{broken.proto.rule_id}" else []


def fields_of(message: Message, place: Any) -> list[FieldDescriptor]:
    """Those that a FieldPath of protovalidate leads through."""
    fields: list[FieldDescriptor] = []
    within: Any = message.DESCRIPTOR
    for element in place.elements:
        assert within is not None, "only messages have fields"
        fields.append(within.fields_by_name[element.field_name])
        within = fields[-1].message_type
    return fields


def path_of(place: Any, names: list[str] | None = None) -> str:
    """A FieldPath of protovalidate as text, e.g. "openings[0].message_id". names: instead of the contract's."""
    words = []
    for element, name in zip(place.elements, names or [one.field_name for one in place.elements], strict=True):
        index = element.subscript
        words.append(f"{name}[{index.value}]" if index is not None else name)
    return ".".join(words)


def offered_values(field: FieldDescriptor) -> list[str]:
    """The enum's values that the field's limits allow, as JSON has them; without the zero value: leaving it out says
    the same."""
    assert field.enum_type is not None
    rules = field.GetOptions().Extensions[validate_pb2.field]
    enum = rules.repeated.items.enum if field.is_repeated else rules.enum
    allowed = set(getattr(enum, "in")) or {value.number for value in field.enum_type.values}
    values = [value for value in field.enum_type.values if value.number in allowed - {0, *enum.not_in}]
    return [value.name.removeprefix(enum_prefix(field.enum_type.name)) for value in values]


def enum_prefix(name: str) -> str:
    """The prefix of an enum's values by buf's ENUM_VALUE_PREFIX: TicketStatus → TICKET_STATUS_."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"
