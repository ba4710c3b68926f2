"""How much one client may ask for: token buckets in memory, and who the client is."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from gateway.failures import TooManyRequests

Networks = Sequence[IPv4Network | IPv6Network]
# Bounds the memory (about 20 MB) against floods from ever new addresses; who is forgotten starts with a full bucket.
MAX_BUCKETS = 100_000


class Limiter:
    """A token bucket per key. rate: tokens a second, 0 for no limit; burst: the size of a bucket."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.now = rate, burst, now
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.lock = threading.Lock()

    def take(self, key: str) -> None:
        """Raises TooManyRequests where the bucket is empty."""
        if not self.rate:
            return
        with self.lock:
            now = self.now()
            tokens, since = self.buckets.pop(key, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - since) * self.rate)
            allowed = tokens >= 1
            self.buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self.buckets) > MAX_BUCKETS:
                self.buckets.popitem(last=False)
        if not allowed:
            raise TooManyRequests((1 - tokens) / self.rate)


def counted_as(address: str) -> str:
    """What is one client to a limit: an IPv4 address; of IPv6 the /64, which is the least anybody is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Network((int(parsed), 64), strict=False))


def is_trusted(address: str, proxies: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies)


def client_address(peer: str, forwarded_for: str, proxies: Networks) -> str:
    """The address nearest to us that is not one of our proxies: whatever stands left of it anybody may have written."""
    address = peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and is_trusted(address, proxies):
        address = hops.pop()
    return address[:100]
