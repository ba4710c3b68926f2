"""The only wiring: settings in, the gateway out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.auth import Authenticator
from gateway.config import Settings
from gateway.edge import Beside, Edge
from gateway.gate import Gate
from gateway.limits import Limiter
from gateway.pages import View
from gateway.push.hub import Hub
from gateway.push.source import subscribed
from gateway.push.stream import Stream
from gateway.web import make_flask
from servicekit.rpc.client import Peer
from servicekit.tokens import load_keys


@dataclass(frozen=True)
class App:
    """asgi: the application to serve. hub.publish: where events of other services go.

    Before the server is told to end, leave(); close() at the end.
    """

    asgi: Edge
    hub: Hub
    peers: Mapping[str, Peer]

    def leave(self) -> None:
        """Ends the streams, and from now on each answer closes its connection. From any thread."""
        self.asgi.leaving = True
        self.hub.drain()

    def close(self) -> None:
        for peer in self.peers.values():
            peer.close()


def build(settings: Settings, extra: Mapping[str, View] | None = None, beside: Sequence[Beside] = ()) -> App:
    """extra: further pages by path. beside: what runs as long as the application is served.

    Call it in the process that serves: channels do not survive a fork.
    """
    keys = load_keys(settings.keys, "gateway")
    peers = {
        "ticket": Peer(keys, "ticket", settings.ticket_address),
        "routing": Peer(keys, "routing", settings.routing_address),
        "mail": Peer(keys, "mail", settings.mail_address),
    }
    authenticator = Authenticator(keys)
    limit = Limiter(settings.attendant_rate, settings.attendant_burst)
    gate = Gate(peers, authenticator, limit)
    hub = Hub(settings.push_connections)
    flask = make_flask(gate, settings, extra or {})
    # Without a broker, in the all-in-one process, whoever delivers the events calls hub.publish.
    sources = [subscribed(settings.rabbitmq_url, hub)] if settings.rabbitmq_url else []
    edge = Edge(settings, flask, Stream(hub, authenticator, limit, peers["ticket"]), [*sources, *beside])
    return App(edge, hub, peers)
