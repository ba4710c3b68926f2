"""How often one may try to sign in.

Two limits, both kept in the database, so that all replicas share them:

- A client address has so many failures in a window of time; then it waits. A correct password does not lift this, else
  an attacker with an account of their own would reset it at will.
- A name has a few failures; then each further attempt has to wait, twice as long each time, up to a few minutes. Were
  this one counter per name, anybody could lock anybody out by failing on purpose. So it is two: an address from which
  this attendant has signed in lately is counted by itself, and all other addresses share one. Strangers slow down
  strangers, however many addresses they have; the attendant at their usual place never notices. What remains: under a
  lasting attack, an attendant at a new address may have to wait a few minutes for their turn.

An attempt counts from its beginning, before the password is checked: otherwise a thousand at once would all find the
limit not yet reached.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

MAX_ADDRESS = 100
# How long failures count for a name. After the longest delay nothing is gained by remembering much longer.
NAME_WINDOW = timedelta(hours=1)
KNOWN_FOR = timedelta(days=30)
# Where only attempts still being checked fill the limit, it is over as soon as they are.
UNTIL_CHECKED = timedelta(seconds=1)


@dataclass(frozen=True)
class Limits:
    address_failures: int
    address_window: timedelta
    name_failures: int
    name_longest_delay: timedelta


@dataclass(frozen=True)
class Tries:
    """Attempts that count against one limit: failed ones, those still being checked, and when some of them were."""

    failed: int
    pending: int
    # Of the failed ones that count, the oldest and the newest.
    oldest: datetime | None
    newest: datetime | None


def address_key(address: str) -> str:
    """What is counted as one client: an IPv4 address; of IPv6 the /64, which is the least anybody is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "".join(letter for letter in address if letter.isprintable())[:MAX_ADDRESS]
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((int(parsed), 64), strict=False))
    return str(parsed)


def address_wait(tries: Tries, limits: Limits, now: datetime) -> timedelta:
    """How long an address has to wait; zero: not at all. tries: of the last `address_window`."""
    if tries.failed >= limits.address_failures and tries.oldest:
        return max(tries.oldest + limits.address_window - now, UNTIL_CHECKED)
    return UNTIL_CHECKED if tries.failed + tries.pending >= limits.address_failures else timedelta()


def name_wait(tries: Tries, limits: Limits, now: datetime) -> timedelta:
    """How long a name has to wait, from one of its known addresses, or from all others. tries: of NAME_WINDOW."""
    beyond = tries.failed - limits.name_failures
    if beyond >= 0 and tries.newest:
        delay = min(timedelta(seconds=2 ** min(beyond, 20)), limits.name_longest_delay)
        # While one who had to wait is being checked, nobody else takes the same turn.
        return max(tries.newest + delay - now, UNTIL_CHECKED if tries.pending else timedelta())
    return UNTIL_CHECKED if tries.failed + tries.pending >= limits.name_failures else timedelta()
