"""One function per verb."""

from collections.abc import Sequence

from sqlalchemy import Connection

from publisher import storage
from publisher.domain import IdentityKey, Publisher, Sender, name_of, unusable
from publisher.events import changed
from servicekit.errors import InvalidRequest, Violation
from servicekit.events.outbox import publish
from servicekit.ids import new_id


def identify(connection: Connection, senders: Sequence[Sender]) -> list[Publisher]:
    """The publisher of each sender, in their order; those unknown are made.

    At most five statements for any number of senders; one where all are known.
    """
    refuse_unusable(senders)
    keys = {sender.key for sender in senders}
    known = storage.find(connection, keys)
    missing = keys - known.keys()
    if missing:
        known |= make(connection, missing, display_names(senders))
    # Whatever is still missing was claimed by others meanwhile, and is theirs.
    known |= storage.find(connection, keys - known.keys())
    return [known[sender.key] for sender in senders]


def refuse_unusable(senders: Sequence[Sender]) -> None:
    detail = "An identity needs a value without control characters."
    violations = [
        Violation(f"identities[{place}].value", "identity.value", detail)
        for place, sender in enumerate(senders)
        if unusable(sender.key.value)
    ]
    if violations:
        raise InvalidRequest(detail, violations=violations)


def display_names(senders: Sequence[Sender]) -> dict[IdentityKey, str]:
    """The first name each gave: one batch may hold several messages of one person."""
    names: dict[IdentityKey, str] = {}
    for sender in senders:
        names[sender.key] = names.get(sender.key) or sender.display_name
    return names


def make(connection: Connection, keys: set[IdentityKey], names: dict[IdentityKey, str]) -> dict[IdentityKey, Publisher]:
    """New publishers for those of the identities that nobody else claims at the same time."""
    candidates = {key: new_id() for key in keys}
    won = storage.claim(connection, candidates)
    made = {key: Publisher(candidates[key], key.organization_id, name_of(names[key], key.value), 1) for key in won}
    if made:
        storage.add(connection, made.values())
        # By id: ticket stores a batch both from here and with its openings, and two that store the same rows in one
        # order wait for each other, where in two orders they would wait in a circle.
        publish(connection, changed(sorted(made.values())))
    return made
