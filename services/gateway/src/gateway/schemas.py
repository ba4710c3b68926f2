"""JSON Schema (2020-12, as OpenAPI 3.1 has it) of the contracts' messages, with their comments and limits."""

from collections.abc import Callable, Iterable
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.comments import Comments
from servicekit.rpc.rules import enum_prefix, offered_values

Schema = dict[str, Any]

TIMESTAMP = "google.protobuf.Timestamp"
# proto3's JSON mapping: 64-bit integers are strings, since JavaScript's numbers end at 2^53.
SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"},
}
INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}


class Schemas:
    """Collects the messages and enums that answers are made of as components."""

    def __init__(self, comments: Comments) -> None:
        self.comments = comments
        self.components: dict[str, Schema] = {}
        self._full_names: dict[str, str] = {}

    def answer(self, message: Descriptor) -> Schema:
        """A reference to the message as it is answered: every property is always there."""

        def build() -> Schema:
            properties = {field.json_name: self._answered(field) for field in message.fields}
            return {"type": "object", "properties": properties, "required": list(properties)}

        return self._component(message.name, message.full_name, build)

    def body(self, message: Descriptor, fields: Iterable[FieldDescriptor]) -> Schema:
        """A reference to these fields of a request, as a JSON object that may hold nothing else."""
        return self._object(message, fields, message.name)

    def _input(self, message: Descriptor) -> Schema:
        """A message within a request. By another name than in answers, where the same has every property."""
        return self._object(message, message.fields, f"{message.name}Input")

    def _object(self, message: Descriptor, fields: Iterable[FieldDescriptor], name: str) -> Schema:
        listed = list(fields)

        def build() -> Schema:
            schema: Schema = {"type": "object", "properties": {f.json_name: self.asked(f) for f in listed}}
            required = [field.json_name for field in listed if is_required(field)]
            return schema | ({"required": required} if required else {}) | {"additionalProperties": False}

        return self._component(name, message.full_name, build)

    def asked(self, field: FieldDescriptor) -> Schema:
        """What a client may send in a field of a request."""
        rules = field.GetOptions().Extensions[validate_pb2.field]
        if not field.is_repeated:
            schema = self._asked_one(field, rules)
            if field.name in BY_HEADER:
                schema.pop("minLength", None)
            if field.message_type is not None:
                # What is answered as null may be sent back as null.
                schema = time_or_null() if is_time(field) else nullable(schema)
            return schema | self._description(field.full_name)
        limits = {"minItems": rules.repeated.min_items, "maxItems": rules.repeated.max_items}
        unique = {"uniqueItems": True} if rules.repeated.unique else {}
        items = self._asked_one(field, rules.repeated.items)
        given = {name: value for name, value in limits.items() if value}
        return {"type": "array", "items": items} | given | unique | self._description(field.full_name)

    def _asked_one(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if is_time(field):
            return {"type": "string", "format": "date-time"}
        if field.message_type is not None:
            return self._input(field.message_type)
        if field.enum_type is not None:
            return {"type": "string", "enum": offered_values(field)}
        return SCALARS[field.type] | string_limits(rules.string) | integer_limits(field, rules)

    def _answered(self, field: FieldDescriptor) -> Schema:
        if field.is_repeated:
            return {"type": "array", "items": self._answered_one(field)} | self._description(field.full_name)
        schema = self._answered_one(field)
        if field.message_type is not None:
            # A reference cannot have a type of its own beside it, hence the anyOf.
            schema = time_or_null() if is_time(field) else nullable(schema)
        return schema | self._description(field.full_name)

    def _answered_one(self, field: FieldDescriptor) -> Schema:
        if is_time(field):
            return {"type": "string", "format": "date-time"}
        if field.message_type is not None:
            return self.answer(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return dict(SCALARS[field.type])

    def _enum(self, enum: EnumDescriptor) -> Schema:
        def build() -> Schema:
            values = [value.name.removeprefix(enum_prefix(enum.name)) for value in enum.values]
            return {"type": "string", "enum": values}

        return self._component(enum.name, enum.full_name, build)

    def _component(self, name: str, full_name: str, build: Callable[[], Schema]) -> Schema:
        if self._full_names.setdefault(name, full_name) != full_name:
            raise ValueError(f"{full_name} and {self._full_names[name]} would have the same name in the document")
        if name not in self.components:
            self.components[name] = {}  # Holds the place, so that a message may contain itself.
            self.components[name] = build() | self._description(full_name)
        return {"$ref": f"#/components/schemas/{name}"}

    def _description(self, full_name: str) -> Schema:
        text = self.comments.get(full_name)
        return {"description": text} if text else {}


def nullable(reference: Schema) -> Schema:
    return {"anyOf": [reference, {"type": "null"}]}


def time_or_null() -> Schema:
    return {"type": ["string", "null"], "format": "date-time"}


def is_time(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == TIMESTAMP


# Fields of a body that a header may give instead: If-Match and Idempotency-Key.
BY_HEADER = ("etag", "request_id")


def is_required(field: FieldDescriptor) -> bool:
    """Whether the limits refuse the field's zero value, so that leaving it out is an error."""
    rules = field.GetOptions().Extensions[validate_pb2.field]
    if rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE or field.name in BY_HEADER:
        return False
    string, enum = rules.string, rules.enum
    refuses_zero = 0 in enum.not_in or (getattr(enum, "in") and 0 not in getattr(enum, "in"))
    return bool(rules.required or string.min_len or string.uuid or rules.repeated.min_items or refuses_zero)


def string_limits(rules: validate_pb2.StringRules) -> Schema:
    limits: Schema = {}
    if rules.uuid:
        limits["format"] = "uuid"
    if rules.min_len:
        limits["minLength"] = rules.min_len
    if rules.max_len:
        limits["maxLength"] = rules.max_len
    if rules.pattern:
        limits["pattern"] = rules.pattern
    return limits


def integer_limits(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
    if field.type != FieldDescriptor.TYPE_INT32:
        return {}
    limits = dict(INT32)
    if rules.int32.HasField("gte"):
        limits["minimum"] = rules.int32.gte
    if rules.int32.HasField("lte"):
        limits["maximum"] = rules.int32.lte
    return limits
