"""Who asks: an access token of the routing service, as bearer or cookie, verified here without asking anybody."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from werkzeug.http import parse_cookie

from gateway.failures import CsrfHeaderMissing, NotSignedIn
from servicekit.rpc.caller import Attendant
from servicekit.tokens import Keys, TokenExpired, TokenInvalid

ISSUER = "routing"
# The prefix makes browsers insist on Secure, Path=/ and no Domain, so that no neighbouring host can set them.
ACCESS_COOKIE = "__Host-guiche-access"
REFRESH_COOKIE = "__Host-guiche-refresh"
CSRF_HEADER = "X-Guiche-CSRF"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class SignedIn:
    attendant: Attendant
    session: str
    # Seconds since 1970.
    expires_at: int


class Authenticator:
    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        # Checking a signature costs 0.3 ms, and a client uses the same token for many requests.
        self.verified = lru_cache(maxsize=4096)(self.verify)

    def signed_in(self, authorization: str, cookies: str, method: str, csrf: str) -> SignedIn:
        """From the values of the headers, each "" where there is none."""
        if authorization:
            return self.from_token(bearer(authorization))
        token = parse_cookie(cookies).get(ACCESS_COOKIE, "")
        if not token:
            raise NotSignedIn("Sign in first.")
        require_csrf_header(method, csrf)
        return self.from_token(token)

    def from_token(self, token: str) -> SignedIn:
        claims = self.verified(token)
        if claims["exp"] <= time.time():
            raise TokenExpired("The access token has expired.")
        return SignedIn(Attendant(claims["sub"], claims["org"]), claims["sid"], claims["exp"])

    def verify(self, token: str) -> dict[str, Any]:
        claims = self.keys.verify(token, (ISSUER,))
        if not all(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "org", "sid")):
            # Tokens with which services call each other have no session.
            raise TokenInvalid("The token is not an access token.")
        return claims


def bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise TokenInvalid("The scheme of Authorization must be Bearer.")
    return token.strip()


def require_csrf_header(method: str, value: str) -> None:
    """A header of our own cannot be sent from another origin without a preflight, which nobody here answers."""
    if method not in SAFE_METHODS and value != "1":
        raise CsrfHeaderMissing(f"With a session cookie this needs the header {CSRF_HEADER}: 1.")
