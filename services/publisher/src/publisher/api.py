"""gRPC ↔ handlers; opens the transaction."""

from uuid import UUID

import grpc
from guiche.publisher.v1 import publisher_pb2, publisher_service_pb2, publisher_service_pb2_grpc

from publisher import handlers
from publisher.domain import IdentityKey, Publisher, Sender, normalised
from servicekit.database import Database
from servicekit.rpc.server import AddServicer


class PublisherService(publisher_service_pb2_grpc.PublisherServiceServicer):
    def __init__(self, database: Database) -> None:
        self.database = database

    def IdentifyPublishers(
        self, request: publisher_service_pb2.IdentifyPublishersRequest, context: grpc.ServicerContext
    ) -> publisher_service_pb2.IdentifyPublishersResponse:
        senders = [to_sender(identity) for identity in request.identities]
        with self.database.transaction() as connection:
            publishers = handlers.identify(connection, senders)
        return publisher_service_pb2.IdentifyPublishersResponse(publishers=[to_message(p) for p in publishers])


def to_sender(identity: publisher_pb2.Identity) -> Sender:
    kind = publisher_pb2.IdentityKind.Name(identity.kind).removeprefix("IDENTITY_KIND_")
    key = IdentityKey(UUID(identity.organization_id), kind, normalised(identity.value))
    return Sender(key, identity.display_name)


def to_message(publisher: Publisher) -> publisher_pb2.Publisher:
    return publisher_pb2.Publisher(
        id=str(publisher.id), organization_id=str(publisher.organization_id), name=publisher.name
    )


def servicer(database: Database) -> AddServicer:
    service = PublisherService(database)
    return lambda server: publisher_service_pb2_grpc.add_PublisherServiceServicer_to_server(service, server)
