"""How long the gateway takes to write a page of 50 tickets as JSON. Usage: .venv/bin/python bench/encode_page.py

Beside it json_format, which it replaces, and json.dumps of the ready dict, below which no encoder of this kind can get.
"""

import json
import statistics
import time
from collections.abc import Callable
from uuid import uuid4

from google.protobuf import json_format
from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_pb2, ticket_service_pb2
from system import machine

from gateway.encoder import encoder, to_json

ROUNDS = 300


def reference(name: str) -> reference_pb2.Reference:
    return reference_pb2.Reference(id=str(uuid4()), name=name)


def ticket(number: int) -> ticket_pb2.Ticket:
    made = ticket_pb2.Ticket(
        id=str(uuid4()),
        etag=str(number),
        protocol=f"20251007{number:09}",
        subject="Minha fatura veio com o valor errado",
        snippet="Bom dia, recebi hoje a fatura e o valor não é o combinado. Podem verificar, por favor? " * 2,
        status=ticket_pb2.TICKET_STATUS_OPEN,
        priority=ticket_pb2.TICKET_PRIORITY_MEDIUM,
        platform=reference_pb2.PLATFORM_EMAIL,
        department=reference("Atendimento"),
        level=reference("N1"),
        holder=reference("Ana") if number % 2 else None,
        publisher=reference("José da Silva"),
        opened_by=ticket_pb2.Actor(kind=ticket_pb2.ACTOR_KIND_CUSTOMER, id=str(uuid4()), name="José da Silva"),
        allowed_verbs=["start"],
    )
    for moment in (made.occurred_at, made.opened_at, made.last_activity_at):
        moment.FromSeconds(1_759_829_206 + number)
    return made


def milliseconds(work: Callable[[], object]) -> float:
    """The median of many rounds: the machine does other things as well."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def main() -> None:
    print(f"{machine()}; a page of 50, the median of {ROUNDS} rounds")  # noqa: T201 - printing is what it is for
    page = ticket_service_pb2.ListTicketsResponse(tickets=[ticket(number) for number in range(50)])
    ready = encoder(page.DESCRIPTOR)(page)
    rows = {
        "json_format.MessageToJson": lambda: json_format.MessageToJson(page, always_print_fields_with_no_presence=True),
        "gateway.encoder.to_json": lambda: to_json(page),
        "limit: json.dumps of the ready dict": lambda: json.dumps(ready, ensure_ascii=False, separators=(",", ":")),
    }
    for name, work in rows.items():
        print(f"{milliseconds(work):8.3f} ms  {name}")  # noqa: T201 - printing is what it is for


if __name__ == "__main__":
    main()
