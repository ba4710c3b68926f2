"""Delivery without a broker: straight into the inbox tables of those who consume. For everything in one process."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from servicekit.database import Database
from servicekit.events.envelope import Envelope
from servicekit.events.inbox_rows import store
from servicekit.events.topology import CONSUMERS, Topology
from servicekit.telemetry import log


class DirectDelivery:
    """databases: of every service in the topology. taps: told of each delivered event, e.g. the gateway's push."""

    def __init__(
        self,
        databases: Mapping[str, Database],
        consumers: Topology = CONSUMERS,
        taps: Sequence[Callable[[Envelope], None]] = (),
    ) -> None:
        self.targets = [(databases[service], frozenset(types)) for service, types in consumers.items()]
        self.taps = taps
        self.log = log("direct")

    def deliver(self, envelopes: Sequence[Envelope]) -> set[UUID]:
        missed: set[UUID] = set()
        for database, types in self.targets:
            wanted = [envelope for envelope in envelopes if envelope.type in types]
            if wanted and not self.stored(database, wanted):
                missed |= {envelope.id for envelope in wanted}
        delivered = [envelope for envelope in envelopes if envelope.id not in missed]
        self.tell(delivered)
        return {envelope.id for envelope in delivered}

    def stored(self, database: Database, envelopes: list[Envelope]) -> bool:
        try:
            with database.transaction() as connection:
                store(connection, envelopes)
        except SQLAlchemyError as error:
            # The relay says once that delivery fails; here is why.
            self.log.debug("inbox_unreachable", error=str(error))
            return False
        return True

    def tell(self, delivered: list[Envelope]) -> None:
        for envelope in delivered:
            for tap in self.taps:
                try:
                    tap(envelope)
                except Exception:
                    self.log.exception("tap_failed", type=envelope.type)

    def close(self) -> None:
        """Nothing of its own: the databases belong to their services."""
