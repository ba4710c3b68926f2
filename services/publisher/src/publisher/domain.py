"""Who is who: how an identity is compared and what a new publisher is called."""

import unicodedata
from typing import NamedTuple
from uuid import UUID

MAX_NAME = 300
# The limit of guiche.publisher.v1.Identity, in characters.
MAX_ADDRESS = 320


class IdentityKey(NamedTuple):
    """What makes two identities the same. Ordered, so that everybody claims several in the same order."""

    organization_id: UUID
    kind: str
    value: str


class Sender(NamedTuple):
    """An identity as a channel showed it."""

    key: IdentityKey
    display_name: str


class Publisher(NamedTuple):
    id: UUID
    organization_id: UUID
    name: str
    version: int


def normalised(address: str) -> str:
    """An e-mail address as it is compared.

    RFC 5321 lets the part before the @ depend on case, and no mail server does. NFC, since the same letters must not
    make two people (RFC 6532, 3.1). Not casefold(): it takes different addresses, straße@ and strasse@, for one.

    Some letters become two or three by this. An address that grows too long by them, which only an attacker writes, is
    compared as it is: cut, it would be somebody else's.
    """
    given = address.strip()
    normal = unicodedata.normalize("NFC", given).lower()
    return normal if len(normal) <= MAX_ADDRESS else given


def unusable(value: str) -> bool:
    """Nothing is left of it, or it holds what no address can: control characters, of which NUL fits no database."""
    return not value or any(unicodedata.category(letter) == "Cc" for letter in value)


def name_of(display_name: str, value: str) -> str:
    """What the person calls themselves, else the address.

    A name that looks like another person's address is still only a name: it identifies nobody. Control and format
    characters would let it pretend to be written otherwise than it is (right-to-left overrides), so they go; the
    joiner of emoji and Indic scripts (U+200D) stays.
    """
    kept = "".join(
        " " if letter.isspace() else letter for letter in display_name if is_text(letter) or letter.isspace()
    )
    return " ".join(kept.split())[:MAX_NAME].rstrip() or value


def is_text(letter: str) -> bool:
    return letter == "\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Co", "Cn", "Cs"}
