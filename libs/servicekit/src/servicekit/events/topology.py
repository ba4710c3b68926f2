"""Who consumes what. The one place to look, and what every relay declares before it publishes its first event.

Event types are full names of protobuf messages as plain text, since servicekit knows no contracts.
"""

from collections.abc import Iterable, Mapping

from google.protobuf.message import Message

from servicekit.events.envelope import type_of

Topology = Mapping[str, tuple[str, ...]]

CONSUMERS: dict[str, tuple[str, ...]] = {
    "mail": (
        "guiche.ticket.v1.TicketOpened",
        "guiche.ticket.v1.TicketReplyReleased",
        "guiche.ticket.v1.TicketMessageAppended",
        "guiche.ticket.v1.TicketRestated",
        "guiche.routing.v1.OrganizationChanged",
        "guiche.routing.v1.DepartmentChanged",
        "guiche.routing.v1.LevelChanged",
        "guiche.routing.v1.AttendantChanged",
    ),
    "routing": ("guiche.mail.v1.MessageReceived",),
    "ticket": (
        "guiche.routing.v1.OrganizationChanged",
        "guiche.routing.v1.DepartmentChanged",
        "guiche.routing.v1.LevelChanged",
        "guiche.routing.v1.AttendantChanged",
        "guiche.publisher.v1.PublisherChanged",
        "guiche.mail.v1.DeliveryChanged",
    ),
}


def check(service: str, consumes: Iterable[type[Message]]) -> None:
    """For each service's tests: what it handles is what is sent to it. AssertionError names the difference."""
    handled, sent = {type_of(event) for event in consumes}, set(CONSUMERS.get(service, ()))
    assert handled == sent, (
        f"{service}: handled and missing in topology.py: {sorted(handled - sent)}; "
        f"in topology.py and not handled: {sorted(sent - handled)}"
    )


def durable_types(consumers: Topology) -> frozenset[str]:
    """The types some service must get; of the others it is no loss when nobody listens."""
    return frozenset(event_type for types in consumers.values() for event_type in types)
