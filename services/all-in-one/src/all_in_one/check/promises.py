"""All that is checked: the visible list."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import mail.checks
import publisher.checks
import routing.checks
import ticket.checks
from all_in_one.check import broker, messages, references
from all_in_one.check.settings import CheckSettings
from mail.checks.store import Store
from servicekit.checking import Counter, Finding, Look

TOGETHER = "together"
BROKER = "broker"

# What several services must agree on.
BETWEEN = (
    ("Every message that arrived is known to routing, and the other way round", messages.every_message_occurred),
    (
        "Every routed message stands on exactly one ticket, where routing says",
        messages.every_occurrence_is_on_its_ticket,
    ),
    ("Every message is shown on the ticket on which it stands", messages.every_message_knows_its_ticket),
    (
        "Every reply in a history is a message of mail's, and its delivery is told",
        messages.every_reply_is_the_same_in_both,
    ),
    ("Every ticket is known to mail as it is", messages.every_ticket_is_known_to_mail),
)
# As BETWEEN, where no row tells its age.
COPIES = (
    ("Copies of organizations, departments, levels and attendants are current", references.directories_agree),
    ("Copies of publishers are current", references.publishers_agree),
    ("Rules and levels name accounts that exist", references.accounts_are_known),
)
NO_BROKER = "no broker, for GUICHE_RABBITMQ_URL is not set: right where everything is one process, and only there"
OF_BROKER = (
    ("No message is dead", broker.nothing_is_dead),
    ("Events do not pile up in the broker", broker.queues_are_short),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """of: whose it is: a service's name, TOGETHER or BROKER. looks: the databases without which nobody can look.

    counter: tells how much was looked at where that is none of the looks. rest_seconds: so long at least to its second
    look, where what is found does not tell how old it is.
    """

    of: str
    words: str
    find: Callable[[], Iterator[Finding]]
    looks: tuple[Look, ...] = field(default=())
    leftover: bool = False
    counter: Counter | None = None
    rest_seconds: float = 0.0

    @property
    def counters(self) -> tuple[Counter, ...]:
        return self.looks if self.counter is None else (self.counter,)


def promises(settings: CheckSettings, looks: dict[str, Look], *, hashing: bool) -> list[Promise]:
    own = {
        "ticket": ticket.checks.CHECKS,
        "routing": routing.checks.CHECKS,
        "mail": mail.checks.checks(Store(settings.mail_files_url, hashing=hashing)),
        "publisher": publisher.checks.CHECKS,
    }
    found = [
        Promise(name, check.promise, partial(check.find, looks[name]), (looks[name],), check.leftover)
        for name, checks in own.items()
        for check in checks
    ]
    everybody = tuple(looks.values())
    found += [Promise(TOGETHER, words, partial(find, looks), everybody) for words, find in BETWEEN]
    grace = max(look.grace.total_seconds() for look in everybody)
    found += [Promise(TOGETHER, words, partial(find, looks), everybody, rest_seconds=grace) for words, find in COPIES]
    return found + of_broker(settings.rabbitmq_url)


def left_out(settings: CheckSettings) -> list[str]:
    """What nobody looks at, and why. Whether it ought to be there, no data tells: whoever reads the report knows."""
    return [] if settings.rabbitmq_url else [NO_BROKER]


def of_broker(url: str) -> list[Promise]:
    """Of which no database is a part."""
    if not url:
        return []
    counter = Counter()
    return [Promise(BROKER, words, partial(find, url, counter), counter=counter) for words, find in OF_BROKER]
