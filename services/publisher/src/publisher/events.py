"""Publishers as events."""

from collections.abc import Iterable

from google.protobuf.message import Message
from guiche.publisher.v1 import publisher_events_pb2

from publisher.domain import Publisher


def changed(publishers: Iterable[Publisher]) -> list[tuple[str, Message]]:
    """Carries the name and never the address: a name is all that others show."""
    return [
        (
            str(publisher.id),
            publisher_events_pb2.PublisherChanged(
                id=str(publisher.id),
                organization_id=str(publisher.organization_id),
                version=publisher.version,
                name=publisher.name,
            ),
        )
        for publisher in publishers
    ]
