"""Page tokens (AIP-158): opaque, signed, bound to who asked for what, so that none can be forged or used elsewhere."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from servicekit.errors import InvalidRequest, Violation
from servicekit.tokens import Keys


class PageTokenInvalid(InvalidRequest):
    reason = "PAGE_TOKEN_INVALID"


PURPOSE = b"guiche page tokens"


def secret_of(keys: Keys, purpose: bytes = PURPOSE) -> bytes:
    """The secret that seals a service's page tokens: derived from its key (RFC 5869), so all its replicas share it.

    purpose: of another secret, so that what is sealed for one purpose is worth nothing for another.
    """
    private = keys.private.raw_value
    assert isinstance(private, Ed25519PrivateKey)
    return HKDF(SHA256(), 32, None, purpose).derive(private.private_bytes_raw())


def make_token(secret: bytes, scope: str, position: list[Any]) -> str:
    """scope: everything that must be the same on the next call, e.g. attendant and filters. position: JSON values."""
    body = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(seal(secret, scope, body) + body).decode().rstrip("=")


def read_token(secret: bytes, scope: str, token: str) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except ValueError:
        raw = b""
    mark, body = raw[:16], raw[16:]
    if not hmac.compare_digest(mark, seal(secret, scope, body)):
        detail = "The page token is not one of this list with these filters. Start again without it."
        raise PageTokenInvalid(detail, violations=[Violation("page_token", "page_token.foreign", detail)])
    position: list[Any] = json.loads(body)
    return position


def seal(secret: bytes, scope: str, body: bytes) -> bytes:
    return hmac.new(secret, scope.encode() + b"\0" + body, hashlib.sha256).digest()[:16]
