"""Messages as JSON: proto3's mapping, with every field present and enum names without prefix.

json_format asks the descriptor about every field of every message anew. Here one function per message type is made once
and kept; bench/encode_page.py measures what that brings.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.contract import enum_prefix
from gateway.schemas import is_time

Encode = Callable[[Any], dict[str, Any]]
# From the message and the value of one of its fields to the JSON value.
Convert = Callable[[Any, Any], Any]

# Without a zone, so that isoformat() appends none and "Z" can be.
EPOCH = datetime(1970, 1, 1)
PLAIN = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_INT32)


def to_json(message: Message) -> bytes:
    value = encoder(message.DESCRIPTOR)(message)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@cache
def encoder(message: Descriptor) -> Encode:
    """The function that turns this type of message into a dict, made once."""
    fields = list(message.fields)
    if not fields:
        return lambda _: {}
    names = [field.json_name for field in fields]
    # attrgetter and zip fetch all fields within C; only those that are not JSON as they are need a step of their own.
    get = attrgetter(*(field.name for field in fields))
    values = get if len(fields) > 1 else lambda message: (get(message),)
    converts = [(field.json_name, convert) for field in fields if (convert := converter(field))]

    def encode(message: Any) -> dict[str, Any]:
        answer = dict(zip(names, values(message), strict=True))
        for name, convert in converts:
            answer[name] = convert(message, answer[name])
        return answer

    return encode


def converter(field: FieldDescriptor) -> Convert | None:
    """None: the value is JSON as it is."""
    one = element_converter(field)
    if field.is_repeated:
        return (lambda _, values: [one(value) for value in values]) if one else (lambda _, values: list(values))
    if one is None or field.message_type is None:
        return (lambda _, value: one(value)) if one else None
    name = field.name
    return lambda message, value: one(value) if message.HasField(name) else None


def element_converter(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    if field.type in PLAIN:
        return None
    if field.type == FieldDescriptor.TYPE_INT64:
        return str
    if field.enum_type is not None:
        return enum_namer(field.enum_type)
    if is_time(field):
        return time_to_json
    if field.message_type is not None and not field.message_type.GetOptions().map_entry:
        return encoder(field.message_type)
    raise NotImplementedError(f"{field.full_name}: no contract has had such a field in an answer yet")


def enum_namer(enum: EnumDescriptor) -> Callable[[int], str]:
    names = {value.number: value.name.removeprefix(enum_prefix(enum.name)) for value in enum.values}
    unknown = names[0]
    # A value that is newer than this gateway is shown as UNSPECIFIED: the document promises one of the listed names.
    return lambda number: names.get(number, unknown)


def time_to_json(value: Any) -> str:
    """RFC 3339 in UTC, cut to milliseconds."""
    instant = EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    return instant.isoformat(timespec="milliseconds") + "Z"
