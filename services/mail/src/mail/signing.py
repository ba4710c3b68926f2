"""Signed names of what we send: a later mail that bears one is an answer to that message, and nobody else can make one.

A token is 39 characters: the message's id and eight bytes of HMAC-SHA-256, in lower-case base32, since mailboxes
do not tell upper from lower case.
"""

import base64
import hashlib
import hmac
import re
from uuid import UUID

from servicekit import pages
from servicekit.tokens import Keys

_PURPOSE = b"guiche mail names"
_MARK = 8
_CHARACTERS = 39
_TOKEN = re.compile(r"[a-z2-7]{39}")
# RFC 5321, 4.5.3.1.1.
_LOCAL_OCTETS = 64
_PREFIX = "g."


def secret_of(keys: Keys) -> bytes:
    """Shared by all replicas. With another key of the service, names given before lead nowhere any more."""
    return pages.secret_of(keys, _PURPOSE)


def token(secret: bytes, message_id: UUID) -> str:
    return _signed(secret, message_id.bytes)


def message_of(secret: bytes, given: str) -> UUID | None:
    """The message a token names; None where it is none of ours. Takes as long for a good signature as for a bad one."""
    if not _TOKEN.fullmatch(given):
        return None
    named = UUID(bytes=base64.b32decode(given.upper() + "=")[:16])
    return named if hmac.compare_digest(token(secret, named), given) else None


def reply_address(account_address: str, token: str) -> str:
    """The account's address with the token after a plus (RFC 5233); without it where that would be too long."""
    local, _, domain = account_address.rpartition("@")
    signed = f"{local}+{token}"
    return f"{signed}@{domain}" if len(signed.encode()) <= _LOCAL_OCTETS else account_address


def token_in_address(address: str) -> str:
    """What could be a token after the first plus; '' if nothing could. message_of() says whether it is one."""
    local = address.strip().lower().rpartition("@")[0]
    return _likely(local.partition("+")[2])


def header_id(token: str, domain: str) -> str:
    """A Message-ID without <>."""
    return f"{_PREFIX}{token}@{domain}"


def header_id_of(secret: bytes, message_id: UUID, account_address: str) -> str:
    """The Message-ID, without <>, of a message of ours that this account sends."""
    return header_id(token(secret, message_id), account_address.rpartition("@")[2])


def token_in_header_id(header_id: str) -> str:
    """As token_in_address(), of a Message-ID without <>."""
    left = header_id.strip().lower().partition("@")[0]
    return _likely(left.removeprefix(_PREFIX)) if left.startswith(_PREFIX) else ""


def _likely(text: str) -> str:
    return text if len(text) == _CHARACTERS and _TOKEN.fullmatch(text) else ""


def _signed(secret: bytes, content: bytes) -> str:
    return base64.b32encode(content + _mark(secret, content)).decode().rstrip("=").lower()


def _mark(secret: bytes, content: bytes) -> bytes:
    return hmac.new(secret, b"message\0" + content, hashlib.sha256).digest()[:_MARK]
