"""Messages as JSON."""

import json
from typing import Any

import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from guiche.routing.v1.directory_events_pb2 import AttendantChanged
from guiche.ticket.v1 import ticket_pb2
from guiche.ticket.v1.ticket_events_pb2 import TicketOpened
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import routes
from gateway.encoder import encoder, to_json
from gateway.schemas import is_time
from servicekit.rpc.rules import enum_prefix

# Years 1 to 9999, as RFC 3339 has them.
SECONDS = st.integers(-62135596800, 253402300799)
TIMES = st.builds(
    lambda seconds, millis: Timestamp(seconds=seconds, nanos=millis * 10**6), SECONDS, st.integers(0, 999)
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
}
# Events have fields of kinds no answer has had yet, such as int64 beside lists of text.
DESCRIPTORS = [route.answer for route in routes()] + [TicketOpened.DESCRIPTOR, AttendantChanged.DESCRIPTOR]


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if is_time(field):
        return TIMES
    if field.message_type is not None:
        return messages(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return SCALARS[field.type]


def messages(message: Descriptor) -> st.SearchStrategy[Message]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    fields |= {field.name: st.lists(values(field), max_size=2) for field in message.fields if field.is_repeated}
    fields |= {field.name: st.none() | values(field) for field in message.fields if not field.is_repeated}
    made = message_factory.GetMessageClass(message)
    return st.fixed_dictionaries(fields).map(lambda given: made(**given))


def with_prefixes(value: Any, message: Descriptor) -> Any:
    """Our JSON as json_format reads it: with the whole names of enum values."""
    fields = {field.json_name: field for field in message.fields}
    return {name: one_with_prefix(inner, fields[name]) for name, inner in value.items() if inner is not None}


def one_with_prefix(value: Any, field: FieldDescriptor) -> Any:
    if isinstance(value, list):
        return [one_with_prefix(inner, field) for inner in value]
    if field.enum_type is not None:
        return enum_prefix(field.enum_type.name) + value
    if field.message_type is not None and not is_time(field):
        return with_prefixes(value, field.message_type)
    return value


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
def test_json_format_reads_our_json_back_into_the_message(descriptor: Descriptor) -> None:
    @settings(max_examples=40, deadline=None)
    @given(messages(descriptor))
    def check(message: Message) -> None:
        value = json.loads(to_json(message))
        read = json_format.ParseDict(with_prefixes(value, descriptor), type(message)())
        assert read == message

    check()


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
def test_every_field_is_there_also_in_an_empty_message(descriptor: Descriptor) -> None:
    value = encoder(descriptor)(message_factory.GetMessageClass(descriptor)())
    assert list(value) == [field.json_name for field in descriptor.fields]
    for field in descriptor.fields:
        if field.is_repeated:
            assert value[field.json_name] == []
        elif field.message_type is not None:
            assert value[field.json_name] is None


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (1_759_829_206, 646_999_999, "2025-10-07T09:26:46.646Z"),
        (-1, 500_000_000, "1969-12-31T23:59:59.500Z"),
    ],
)
def test_times_are_cut_to_milliseconds(seconds: int, nanos: int, text: str) -> None:
    ticket = ticket_pb2.Ticket(opened_at=Timestamp(seconds=seconds, nanos=nanos))
    assert json.loads(to_json(ticket))["openedAt"] == text


def test_a_value_newer_than_this_gateway_is_unspecified() -> None:
    ticket = ticket_pb2.Ticket()
    ticket.MergeFromString(b"\x30\x63")  # status = 99
    assert json.loads(to_json(ticket))["status"] == "UNSPECIFIED"
