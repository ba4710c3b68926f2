"""Rules of mail without I/O: addresses of mailboxes, and what a mail's path through the service is."""

from typing import Literal
from uuid import UUID

# WAITING for ingestion; INGESTED: its message stands; QUARANTINED: set aside with its raw file until a person decides.
RawState = Literal["WAITING", "INGESTED", "QUARANTINED"]
Direction = Literal["IN", "OUT"]


def normal_address(address: str) -> str:
    """As accounts are stored: mailboxes of ours do not tell upper from lower case, though RFC 5321 would let them."""
    return address.strip().lower()


def base_address(address: str) -> str:
    """The mailbox of a plus-address (RFC 5233): atendimento+x@… is delivered to atendimento@…."""
    local, at, domain = normal_address(address).rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def file_key(organization_id: UUID, sha256: str) -> str:
    """Files belong to an organization and are named by what is in them, never by what somebody called them."""
    return f"{organization_id}/{sha256[:2]}/{sha256}"
