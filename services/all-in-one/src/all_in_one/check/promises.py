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
from servicekit.checking import Finding, Look

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
    ("Copies of organizations, departments, levels and attendants are current", references.directories_agree),
    ("Copies of publishers are current", references.publishers_agree),
    ("Rules and levels name accounts that exist", references.accounts_are_known),
)
OF_BROKER = (
    ("No message is dead", broker.nothing_is_dead),
    ("Events do not pile up in the broker", broker.queues_are_short),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """of: whose it is: a service's name, TOGETHER or BROKER. looks: whose `seen` tells how much was looked at."""

    of: str
    words: str
    find: Callable[[], Iterator[Finding]]
    looks: tuple[Look, ...] = field(default=())
    leftover: bool = False


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
    found += [Promise(TOGETHER, words, partial(find, looks), tuple(looks.values())) for words, find in BETWEEN]
    if settings.rabbitmq_url:
        look = looks["mail"]
        found += [
            Promise(BROKER, words, partial(find, settings.rabbitmq_url, look), (look,)) for words, find in OF_BROKER
        ]
    return found
