"""What reading, starting and answering a ticket take over the HTTP API, for one client and for eight, and what they cost.

Usage: .venv/bin/python bench/verbs.py [TICKETS]   (default 800, made by that many mails; a quarter of them for the one client)
The system runs as `make up` runs it. Each client is a process with one connection that acts again as soon as it is answered. An answer
to a customer is text alone, awaits the customer, and goes gateway → ticket → mail → ticket; its mail then leaves by SMTP for a server
that discards it. Limits of the same run: the ticket service's GetTicket by gRPC alone, and two rows a commit on the same PostgreSQL.
What an act costs is measured with eight clients, with all that follows from it, and without what an idle system needs.
"""

# ruff: noqa: T201 -- prints its figures.

import http.client
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc
from senders import Sink, send_all, sink
from system import (
    Act,
    Client,
    Cost,
    Crowd,
    System,
    asked,
    committing,
    cost_of,
    crowd,
    idle,
    machine,
    running,
    show,
    show_costs,
    until,
)

from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.tokens import load_keys

SECONDS = 4.0
EIGHT = 8
ARRIVED_SECONDS = 280.0
REPLY = {"text": "Bom dia, Ana. O pedido saiu hoje; o rastreio segue por e-mail.", "thenStatus": "PENDING"}
Pair = tuple[Crowd, Crowd]


def main(tickets: int) -> None:
    print(f"{machine()}; {tickets} tickets, reads and limits {SECONDS:g} s each")
    with (
        sink() as relay,
        TemporaryDirectory(prefix="guiche-bench-") as folder,
        running(Path(folder), SMTP_RELAY=relay.address, ACKNOWLEDGEMENTS_AN_HOUR=0) as system,
    ):
        ids = tickets_of_mails(system, tickets)
        costs = {"idle, a second": idle(system)}
        results = measured_verbs(system, relay, ids, costs) | measured_limits(system, ids)
    show_times(results)
    show_costs(costs, "an act")


def tickets_of_mails(system: System, count: int) -> list[str]:
    send_all(system.smtp_port, range(count), EIGHT)
    token = system.token("carla")
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=30)
    found: list[str] = []

    def arrived() -> bool:
        found[:] = ours(connection, token)
        return len(found) >= count

    until(arrived, ARRIVED_SECONDS)
    connection.close()
    return found


def ours(connection: http.client.HTTPConnection, token: str) -> list[str]:
    """Not those of the demo."""
    found, page_token = [], ""
    while True:
        page = asked(connection, f"/tickets?pageSize=100&pageToken={page_token}", token)
        found += [str(row["id"]) for row in page["tickets"] if is_ours(row)]
        page_token = page["nextPageToken"]
        if not page_token:
            return found


def is_ours(row: dict[str, str]) -> bool:
    return row["subject"].startswith("Pedido ") and row["subject"].removeprefix("Pedido ").isdecimal()


def measured_verbs(system: System, relay: Sink, ids: Sequence[str], costs: dict[str, Cost]) -> dict[str, Pair]:
    """The same tickets are read, then started, then answered."""
    few, many = ids[: len(ids) // 4], ids[len(ids) // 4 :]
    nothing, results = costs["idle, a second"], {}
    for name, verb, body in (("read", "", None), ("start", ":start", {}), ("reply", ":reply", REPLY)):
        token, sent = system.token("ana"), relay.received
        doing = partial(acting, system.port, token, verb, body)
        # Reads go round and round; what changes a ticket happens to it once.
        alone = crowd([partial(doing, few)], SECONDS if body is None else 600.0)
        together: list[Crowd] = []
        clients: list[Client] = [partial(doing, many[number::EIGHT]) for number in range(EIGHT)]
        work = partial(run_into, together, clients, SECONDS if body is None else 600.0)
        costs[name] = per_act(cost_of(system, 1, nothing, work), len(together[0].times))
        results[name] = (alone, together[0])
        if verb == ":reply":
            until(partial(all_left, relay, sent + len(ids)), ARRIVED_SECONDS)
    return results


def all_left(relay: Sink, wanted: int) -> bool:
    return relay.received >= wanted


def run_into(results: list[Crowd], clients: Sequence[Client], seconds: float) -> None:
    results.append(crowd(clients, seconds))


def per_act(whole: Cost, acts: int) -> Cost:
    return Cost(*({name: value / acts for name, value in part.items()} for part in (whole.cpu, whole.commits)))


@contextmanager
def acting(port: int, token: str, verb: str, body: dict[str, str] | None, ids: Sequence[str]) -> Iterator[Act]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def acts() -> Iterator[object]:
        yield asked(connection, "/tickets:counts", token)
        for ticket_id in cycle(ids) if body is None else ids:
            yield asked(connection, f"/tickets/{ticket_id}{verb}", token, body)

    yield partial(next, acts())
    connection.close()


def measured_limits(system: System, ids: Sequence[str]) -> dict[str, Pair]:
    me = system.call("/me", "ana")
    attendant = Attendant(me["attendant"]["id"], me["organizations"][0]["id"])
    limits: dict[str, Client] = {
        "limit: GetTicket by gRPC": partial(bare_read, system, attendant, ids[0]),
        "limit: two rows a commit": partial(committing, system.database("ticket"), 2),
    }
    return {name: (crowd([one], SECONDS), crowd([one] * EIGHT, SECONDS)) for name, one in limits.items()}


@contextmanager
def bare_read(system: System, attendant: Attendant, ticket_id: str) -> Iterator[Act]:
    """As the gateway asks, which is why it is signed with its key."""
    keys = load_keys(Path(system.settings["GUICHE_KEYS"]), "gateway")
    peer = Peer(keys, "ticket", system.settings["GUICHE_TICKET_ADDRESS"])
    stub, request = (
        ticket_service_pb2_grpc.TicketServiceStub(peer.channel),
        ticket_service_pb2.GetTicketRequest(ticket_id=ticket_id),
    )
    yield lambda: peer.call(stub.GetTicket, request, attendant)
    peer.close()


def show_times(results: dict[str, Pair]) -> None:
    rows = [[name, *told(alone), *told(many)] for name, (alone, many) in results.items()]
    show(["", "1 client: median ms", "95 %", "a second", "8 clients: median ms", "95 %", "a second"], rows)


def told(crowd: Crowd) -> list[str]:
    return [f"{crowd.median:.2f}", f"{crowd.high:.2f}", f"{crowd.rate:.0f}"]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 800)
