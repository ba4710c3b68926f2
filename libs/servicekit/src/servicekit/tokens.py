"""Signed tokens (JWT, RFC 7519, EdDSA): one key pair per service; the signer is the issuer, the reader the audience.

`python -m servicekit.tokens FOLDER` makes the key pairs of an installation.
"""

import base64
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from servicekit.errors import Unauthenticated

ALGORITHM = "Ed25519"  # RFC 9864: the fully specified name
SERVICES = ("gateway", "ticket", "routing", "mail", "publisher")
MAX_TOKEN = 4096
# Clocks of two machines differ a little.
LEEWAY = 5


class TokenInvalid(Unauthenticated):
    reason = "TOKEN_INVALID"


class TokenExpired(Unauthenticated):
    reason = "TOKEN_EXPIRED"


@dataclass(frozen=True)
class Keys:
    """The private key of this service and the public keys of all."""

    service: str
    private: OKPKey
    public: Mapping[str, OKPKey]

    def sign(self, audience: str, seconds: int, claims: Mapping[str, Any]) -> str:
        now = int(time.time())
        payload = {"iss": self.service, "aud": audience, "iat": now, "exp": now + seconds, **claims}
        return jwt.encode({"alg": ALGORITHM}, payload, self.private, algorithms=[ALGORITHM])

    def verify(self, token: str, issuers: tuple[str, ...]) -> dict[str, Any]:
        """The claims of a token for this service, signed by one of the issuers; TokenExpired or TokenInvalid else."""
        issuer = claimed_issuer(token)
        if issuer not in issuers or issuer not in self.public:
            raise TokenInvalid("The token was not signed by a service that may call here.")
        try:
            claims = jwt.decode(token, self.public[issuer], algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise TokenInvalid("The token is not valid.") from error
        if claims.get("aud") != self.service or claims.get("iss") != issuer:
            raise TokenInvalid("The token is meant for another service.")
        if not isinstance(claims.get("exp"), int) or claims["exp"] + LEEWAY < time.time():
            raise TokenExpired("The token has expired.")
        return claims


def claimed_issuer(token: str) -> str:
    """Read before the signature is checked, only to choose the key that checks it."""
    if not token or len(token) > MAX_TOKEN:
        raise TokenInvalid("The token is missing or too long.")
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["iss"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise TokenInvalid("The token is not valid.") from error


def load_keys(folder: Path, service: str) -> Keys:
    public = {name: read_key(folder / f"{name}.public.pem") for name in SERVICES}
    return Keys(service, read_key(folder / f"{service}.private.pem"), public)


def read_key(path: Path) -> OKPKey:
    return OKPKey.import_key(path.read_bytes())


def make_keys(folder: Path) -> None:
    """Writes a key pair for every service without one. Where others can read the folder, they are no secrets."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in SERVICES:
        path = folder / f"{name}.private.pem"
        if path.exists():
            continue
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.public.pem").write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        path.touch(mode=0o600)
        path.write_bytes(pem)


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]))
