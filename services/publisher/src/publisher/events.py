"""Publishers as events."""

from collections.abc import Iterable

from google.protobuf.message import Message
from guiche.publisher.v1 import publisher_events_pb2

from publisher.domain import Publisher


def changed(publishers: Iterable[Publisher]) -> list[tuple[str, Message]]:
    return [change_of(publisher) for publisher in publishers]


def change_of(publisher: Publisher) -> tuple[str, Message]:
    """With its aggregate. Carries the name and never the address: a name is all that others show."""
    event = publisher_events_pb2.PublisherChanged(
        id=str(publisher.id),
        organization_id=str(publisher.organization_id),
        version=publisher.version,
        name=publisher.name,
    )
    return event.id, event
