"""The gateway's settings, from the environment (GUICHE_…)."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

import servicekit.config
from servicekit.config import KnownPort


def networks_of(words: str) -> list[IPv4Network | IPv6Network]:
    return [ip_network(word.strip()) for word in words.split(",") if word.strip()]


def networks(words: str) -> str:
    try:
        networks_of(words)
    except ValueError as error:
        raise ValueError(f"must be networks, comma-separated, e.g. 10.0.0.0/8: {error}") from error
    return words


class Settings(servicekit.config.Settings):
    host: str = "127.0.0.1"
    port: KnownPort = 8080
    # The built web app.
    web_dist: Path = Path("web/dist")
    # Networks, comma-separated, whose X-Forwarded-For and traceparent are believed, e.g. "10.0.0.0/8"; empty: nobody's.
    trusted_proxies: Annotated[str, AfterValidator(networks)] = ""
    # How many requests are worked on at once; push connections need no thread.
    threads: int = 32
    # How many of those may be downloads, which last as long as the slowest client wants.
    downloads: int = 16
    # And how many uploads, which last as long.
    uploads: int = 8
    # Bytes of one file, and seconds within which it must have come; pauses may last body_seconds.
    max_upload: int = 20 * 1024 * 1024
    upload_seconds: float = 300
    # Bytes of a JSON body, and of one that holds a reply, whose text and HTML may have 700,000 characters.
    max_body: int = 1024 * 1024
    max_reply: int = 4 * 1024 * 1024
    # Seconds within which a whole body must have come.
    body_seconds: float = 15.0
    # Requests a second, and how many at once; 0: no limit. Per client address, since many sit behind one, much more.
    address_rate: float = 200
    address_burst: int = 1000
    attendant_rate: float = 50
    attendant_burst: int = 200
    # Push connections of one attendant.
    push_connections: int = 20

    def proxies(self) -> list[IPv4Network | IPv6Network]:
        return networks_of(self.trusted_proxies)
