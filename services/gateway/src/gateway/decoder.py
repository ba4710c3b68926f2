"""Query strings and JSON bodies, written by anybody, into request messages; what does not fit is named."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError
from typing import Any
from urllib.parse import parse_qsl

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.failures import BadInput, InvalidJson, UnknownField
from gateway.schemas import is_time
from servicekit.rpc.rules import enum_prefix, offered_values

MAX_DEPTH = 20
MAX_PARAMETERS = 100
MAX_DIGITS = 1000
# Names that somebody made up are told back to this many characters.
MAX_ECHO = 60
# RFC 3339; a 60th second is a leap second.
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
INTEGER = re.compile(r"-?[0-9]{1,19}")
RANGES = {FieldDescriptor.TYPE_INT32: 2**31, FieldDescriptor.TYPE_INT64: 2**63}


def read_query(raw: bytes | str, message: Message, fields: Iterable[FieldDescriptor]) -> None:
    """Sets the fields that the query string names, by their JSON names."""
    known = {field.json_name: field for field in fields}
    for name, values in split_query(raw).items():
        if name not in known:
            detail = f"There is no parameter {brief(name)} here."
            raise UnknownField(detail, f"?{name[:MAX_ECHO]}", "UNKNOWN_FIELD", allowed=sorted(known))
        field = known[name]
        if len(values) > 1 and not field.is_repeated:
            raise BadInput(f"{name} may be given once.", f"?{name}", "REPEATED")
        assign(message, field, [read_text(field, value, f"?{name}") for value in values])


def split_query(raw: bytes | str) -> dict[str, list[str]]:
    text = raw.decode("ascii", "replace") if isinstance(raw, bytes) else raw
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise BadInput("The query string is not UTF-8.", "?") from error
    except ValueError as error:
        raise BadInput(f"There are more than {MAX_PARAMETERS} parameters.", "?") from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def read_body(raw: bytes, message: Message, fields: Iterable[FieldDescriptor]) -> None:
    """Sets the fields that the JSON object names. No body at all is as {}."""
    fill(message, fields, parse_object(raw))


def fill(message: Message, fields: Iterable[FieldDescriptor], values: dict[str, Any], *above: str | int) -> None:
    """above: where in the body this object stands."""
    known = {field.json_name: field for field in fields}
    for name, value in values.items():
        if name not in known:
            detail = f"There is no field {brief(name)} here."
            raise UnknownField(detail, pointer(*above, name[:MAX_ECHO]), "UNKNOWN_FIELD", allowed=sorted(known))
        field = known[name]
        if field.is_repeated:
            fill_list(message, field, expect(value, list, pointer(*above, name), "a list"), *above, name)
        elif field.message_type is not None:
            fill_message(getattr(message, field.name), field, value, *above, name)
        else:
            assign(message, field, [read_json(field, value, pointer(*above, name))])


def fill_list(message: Message, field: FieldDescriptor, values: list[Any], *place: str | int) -> None:
    if field.message_type is None:
        assign(message, field, [read_json(field, one, pointer(*place, n)) for n, one in enumerate(values)])
        return
    for n, one in enumerate(values):
        inner = getattr(message, field.name).add()
        fill(inner, inner.DESCRIPTOR.fields, expect(one, dict, pointer(*place, n), "an object"), *place, n)


def fill_message(inner: Any, field: FieldDescriptor, value: Any, *place: str | int) -> None:
    if value is None:
        return  # As absent messages are answered.
    if is_time(field):
        inner.FromDatetime(time(expect(value, str, pointer(*place), "a time"), pointer(*place)))
        return
    inner.SetInParent()
    fill(inner, inner.DESCRIPTOR.fields, expect(value, dict, pointer(*place), "an object"), *place)


def parse_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=without_duplicates, parse_constant=refuse_constant, parse_int=parse_int
        )
        within_depth(value, MAX_DEPTH)
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8 at byte {error.start + 1}.") from error
    except RecursionError as error:
        raise InvalidJson(f"The body is nested more than {MAX_DEPTH} levels deep.") from error
    except JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidJson(f"The body is not JSON at {place}: {error.msg}.") from error
    except ValueError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidJson("The body must be a JSON object.")
    return value


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidJson(f"{brief(twice)} is there twice.", pointer(twice[:MAX_ECHO]), "DUPLICATE")
    return value


def refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no value of it")


def parse_int(digits: str) -> int:
    # Python has a limit of its own, and tells whoever exceeds it how to configure Python.
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def within_depth(value: Any, left: int) -> None:
    if left < 0:
        raise RecursionError
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            within_depth(inner, left - 1)


def assign(message: Message, field: FieldDescriptor, values: list[Any]) -> None:
    if field.is_repeated:
        getattr(message, field.name).extend(values)
    else:
        setattr(message, field.name, values[0])


def read_text(field: FieldDescriptor, value: str, place: str) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return string(field, value, place)
    if field.enum_type is not None:
        return enum_number(field, value, place)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return boolean(value, place)
    return integer(field, value, place)


def read_json(field: FieldDescriptor, value: Any, place: str) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return expect(value, bool, place, "true or false")
    if field.type == FieldDescriptor.TYPE_INT32:
        # In Python true is an int, in JSON it is no number.
        return integer(field, str(expect(value, int, place, "a whole number")), place)
    text = expect(value, str, place, "text")
    if field.type == FieldDescriptor.TYPE_STRING:
        return string(field, text, place)
    return enum_number(field, text, place) if field.enum_type is not None else integer(field, text, place)


def expect(value: Any, kind: type, place: str, words: str) -> Any:
    if type(value) is not kind:
        raise wrong_type(place, words)
    return value


def string(field: FieldDescriptor, value: str, place: str) -> str:
    if not value and field.GetOptions().Extensions[validate_pb2.field].string.uuid:
        raise BadInput("It must be an id; to say nothing, leave it out.", place, "STRING_UUID")
    # JSON can spell half a character as "\ud800", which no UTF-8 and so no message can hold.
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise BadInput("The text holds half a character.", place)
    return value


def time(value: str, place: str) -> datetime:
    found = TIME.fullmatch(value[:MAX_ECHO])
    try:
        if not found:
            raise ValueError
        day, minute, second, fraction, zone = found.groups("")
        # Python's clock has no leap seconds and no more than six places.
        whole = datetime.fromisoformat(f"{day}T{minute}:{second.replace('60', '59')}{fraction[:7]}{zone.upper()}")
        return whole.astimezone(UTC) + timedelta(seconds=second == "60")
    except (ValueError, OverflowError) as error:
        raise BadInput("It must be a time as RFC 3339 has it, e.g. 2026-11-21T12:00:00Z.", place) from error


def boolean(value: str, place: str) -> bool:
    if value not in ("true", "false"):
        raise BadInput("It must be true or false.", place, allowed=["true", "false"])
    return value == "true"


def integer(field: FieldDescriptor, value: str, place: str) -> int:
    limit = RANGES[field.type]
    if not INTEGER.fullmatch(value) or not -limit <= int(value) < limit:
        raise BadInput(f"It must be a whole number from {-limit} to {limit - 1}.", place)
    return int(value)


def enum_number(field: FieldDescriptor, value: str, place: str) -> int:
    assert field.enum_type is not None
    allowed = offered_values(field)
    if value not in allowed:
        raise BadInput(f"It must be one of {', '.join(allowed)}.", place, allowed=allowed)
    return int(field.enum_type.values_by_name[enum_prefix(field.enum_type.name) + value].number)


def wrong_type(place: str, words: str) -> BadInput:
    return BadInput(f"It must be {words}.", place, "WRONG_TYPE")


def pointer(*words: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(word).replace("~", "~0").replace("/", "~1") for word in words)


def brief(name: str) -> str:
    return repr(name if len(name) <= MAX_ECHO else name[:MAX_ECHO] + "…")
