"""Messages as JSON: proto3's mapping, with every field present and enum names without prefix.

json_format asks the descriptor about every field of every message anew. Here one function per message type is made once
and kept; bench/encode_page.py measures what that brings.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.schemas import is_time
from servicekit.rpc.rules import enum_prefix

Convert = Callable[[Any], Any]
Encode = Callable[[Any], dict[str, Any]]

# Without a zone, so that isoformat() appends none and "Z" can be.
EPOCH = datetime(1970, 1, 1)
PLAIN = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_INT32)


def to_json(message: Message) -> bytes:
    value = encoder(message.DESCRIPTOR)(message)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@cache
def encoder(message: Descriptor) -> Encode:
    """The function that turns this type of message into a dict, made once."""
    empty = {field.json_name: value_of_absent(field) for field in message.fields}
    fields = {field.number: (field.json_name, converter(field)) for field in message.fields}

    def encode(message: Any) -> dict[str, Any]:
        answer = empty.copy()
        # Only the fields that are set, and found within C: on a page of tickets faster than asking for each by name.
        for field, value in message.ListFields():
            name, convert = fields[field.number]
            answer[name] = convert(value) if convert else value
        return answer

    return encode


def value_of_absent(field: FieldDescriptor) -> Any:
    if field.is_repeated:
        return []
    if field.message_type is not None:
        return None
    convert = element_converter(field)
    return convert(field.default_value) if convert else field.default_value


def converter(field: FieldDescriptor) -> Convert | None:
    """None: the value is JSON as it is."""
    one = element_converter(field)
    if not field.is_repeated:
        return one
    return (lambda values: [one(value) for value in values]) if one else list


def element_converter(field: FieldDescriptor) -> Convert | None:
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
    return f"{second_to_json(value.seconds)}.{value.nanos // 1_000_000:03}Z"


@lru_cache(maxsize=8192)
def second_to_json(seconds: int) -> str:
    """Kept, since the same tickets are listed again and again."""
    return (EPOCH + timedelta(seconds=seconds)).isoformat()
