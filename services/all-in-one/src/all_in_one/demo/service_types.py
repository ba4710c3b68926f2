"""What the demo's tickets are classified as, registered by its administrator over the API."""

from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

# (method, path below /api/v1, body) → the answer.
Call = Callable[[str, str, dict[str, Any]], Any]


def asked(name: str, kind: str, mandatory: bool = True, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    listed = [{"name": choice} for choice in choices]
    return {"name": name, "kind": kind, "mandatory": mandatory} | ({"choices": listed} if listed else {})


# Department → service types with the fields they ask for.
SERVICE_TYPES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "Atendimento": {
        "Entrega": [
            asked("Número do pedido", "TEXT"),
            asked("Motivo", "CHOICE", choices=("Atraso", "Extravio", "Endereço incorreto", "Outro")),
            asked("Nova data prometida", "DATE", mandatory=False),
        ],
        "Troca ou devolução": [
            asked("Número do pedido", "TEXT"),
            asked("Produto com defeito", "YES_NO"),
            asked("Valor do produto", "NUMBER", mandatory=False),
        ],
    },
    "Financeiro": {
        "Cobrança": [
            asked("Número da nota fiscal", "TEXT"),
            asked("Valor contestado", "NUMBER"),
            asked("Vencimento", "DATE", mandatory=False),
        ],
    },
}
# Whose tickets may be closed with a service type only.
DEMANDING = ("Financeiro",)


def register(call: Call, departments: dict[str, UUID]) -> None:
    for department, types in SERVICE_TYPES.items():
        for name, fields in types.items():
            said = {"name": name, "departmentIds": [str(departments[department])], "fields": fields}
            call("POST", "/serviceTypes", said)
    for department in DEMANDING:
        path = f"/departments/{departments[department]}/closingRules"
        etag = call("GET", path, {})["etag"]
        call("PUT", path, {"etag": etag, "serviceTypeRequired": True})


def not_yet(error: HTTPError) -> bool:
    """The ticket service has not heard of the administrator or the department so far."""
    return error.code in (403, 404)
