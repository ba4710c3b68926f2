"""The comments of the contracts, which exist only in a descriptor set made with source info, not at run time."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

# Field numbers of descriptor.proto, which source_code_info uses as paths.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD, NESTED, NESTED_ENUM = 2, 3, 4
VALUE, METHOD = 2, 2

Place = tuple[int, ...]
# Full name of a thing in the contracts → its comment.
Comments = dict[str, str]


def read(generator: Path) -> Comments:
    """Full name of service, method, message, field, enum and enum value → its comment. Needs protoc."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contracts.binpb"
        command = [sys.executable, str(generator), "--image", str(image)]
        subprocess.run(command, check=True)  # noqa: S603 - our own generator, at build time
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    return {name: text for file in files if file.package.startswith("guiche.") for name, text in of_file(file)}


def of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    names = dict(places(file))
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name and location.leading_comments:
            yield name, tidy(location.leading_comments)


def tidy(comment: str) -> str:
    """Paragraphs, without the line ends that only the width of the source demands."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in re.split(r"\n{2,}", "\n".join(lines)))


def places(file: FileDescriptorProto) -> Iterator[tuple[Place, str]]:
    for index, message in enumerate(file.message_type):
        yield from message_places(message, (MESSAGE, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from enum_places(enum, (ENUM, index), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (SERVICE, index), name
        for number, method in enumerate(service.method):
            yield (SERVICE, index, METHOD, number), f"{name}.{method.name}"


def message_places(message: DescriptorProto, place: Place, scope: str) -> Iterator[tuple[Place, str]]:
    name = f"{scope}.{message.name}"
    yield place, name
    for index, field in enumerate(message.field):
        yield (*place, FIELD, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from message_places(nested, (*place, NESTED, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from enum_places(enum, (*place, NESTED_ENUM, index), name)


def enum_places(enum: EnumDescriptorProto, place: Place, scope: str) -> Iterator[tuple[Place, str]]:
    name = f"{scope}.{enum.name}"
    yield place, name
    for index, value in enumerate(enum.value):
        yield (*place, VALUE, index), f"{name}.{value.name}"
