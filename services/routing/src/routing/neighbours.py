"""Calls to publisher and ticket, in the words of the domain; each raises Failure."""

from collections.abc import Sequence
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1.reference_pb2 import Platform
from guiche.publisher.v1 import publisher_pb2, publisher_service_pb2
from guiche.publisher.v1.publisher_service_pb2_grpc import PublisherServiceStub
from guiche.ticket.v1 import ticket_pb2, ticket_service_pb2
from guiche.ticket.v1.ticket_service_pb2_grpc import TicketServiceStub

from routing.domain.occurrences import Occurrence, Place, Publisher
from servicekit.rpc.client import Peer

# Seconds for a whole batch; a neighbour that needs longer is away.
TIMEOUT = 10.0


class Neighbours:
    def __init__(self, publisher: Peer, ticket: Peer) -> None:
        self.publisher = publisher
        self.ticket = ticket
        self.publishers = PublisherServiceStub(publisher.channel)
        self.tickets = TicketServiceStub(ticket.channel)

    def identify(self, occurrences: Sequence[Occurrence]) -> list[Publisher | None]:
        """The publisher of each, in their order; None for those that name no sender."""
        named = [occurrence for occurrence in occurrences if occurrence.sender_address]
        if not named:
            return [None] * len(occurrences)
        request = publisher_service_pb2.IdentifyPublishersRequest(identities=[identity_of(one) for one in named])
        answer = self.publisher.call(self.publishers.IdentifyPublishers, request, timeout=TIMEOUT)
        found = {
            one.id: Publisher(UUID(publisher.id), publisher.name)
            for one, publisher in zip(named, answer.publishers, strict=True)
        }
        return [found.get(occurrence.id) for occurrence in occurrences]

    def append_messages(self, messages: Sequence[tuple[Occurrence, Publisher | None]]) -> list[tuple[UUID, str] | None]:
        """The live ticket each now stands on and its protocol, in their order; None: its conversation has none.

        Idempotent by the occurrence's id.
        """
        request = ticket_service_pb2.AppendMessagesRequest(messages=[appended_of(*message) for message in messages])
        answer = self.ticket.call(self.tickets.AppendMessages, request, timeout=TIMEOUT)
        assert len(answer.tickets) == len(messages), "the contract answers each message"
        return [(UUID(one.ticket_id), one.protocol) if one.ticket_id else None for one in answer.tickets]

    def open_tickets(self, openings: Sequence[tuple[Occurrence, Place, Publisher | None]]) -> list[tuple[UUID, str]]:
        """The ticket of each and its protocol, in their order. Idempotent by the occurrence's id."""
        request = ticket_service_pb2.OpenTicketsRequest(openings=[opening_of(*opening) for opening in openings])
        answer = self.ticket.call(self.tickets.OpenTickets, request, timeout=TIMEOUT)
        tickets = [(UUID(opened.ticket_id), opened.protocol) for opened in answer.tickets]
        assert len(tickets) == len(openings), "the contract answers each opening"
        return tickets

    def close(self) -> None:
        self.publisher.close()
        self.ticket.close()


def identity_of(occurrence: Occurrence) -> publisher_pb2.Identity:
    return publisher_pb2.Identity(
        organization_id=str(occurrence.organization_id),
        kind=publisher_pb2.IDENTITY_KIND_EMAIL,
        value=occurrence.sender_address,
        display_name=occurrence.sender_name,
    )


def appended_of(occurrence: Occurrence, publisher: Publisher | None) -> ticket_service_pb2.AppendedMessage:
    return ticket_service_pb2.AppendedMessage(
        message_id=str(occurrence.id),
        organization_id=str(occurrence.organization_id),
        conversation_id=str(occurrence.conversation_id),
        publisher_id=str(publisher.id) if publisher else "",
        publisher_name=publisher.name if publisher else "",
        snippet=occurrence.snippet,
        traceparent=occurrence.traceparent,
    )


def opening_of(occurrence: Occurrence, place: Place, publisher: Publisher | None) -> ticket_service_pb2.TicketOpening:
    occurred_at = Timestamp()
    occurred_at.FromDatetime(occurrence.occurred_at)
    return ticket_service_pb2.TicketOpening(
        message_id=str(occurrence.id),
        organization_id=str(occurrence.organization_id),
        conversation_id=str(occurrence.conversation_id),
        publisher_id=str(publisher.id) if publisher else "",
        publisher_name=publisher.name if publisher else "",
        department_id=str(place.department_id),
        level_id=str(place.level_id),
        priority=ticket_pb2.TicketPriority.Value(f"TICKET_PRIORITY_{place.priority}"),
        platform=Platform.Value(f"PLATFORM_{occurrence.platform}"),
        subject=occurrence.subject,
        snippet=occurrence.snippet,
        occurred_at=occurred_at,
        traceparent=occurrence.traceparent,
    )
