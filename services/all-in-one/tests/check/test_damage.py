"""Every kind of damage is found, by the promise it breaks, and named."""

from collections.abc import Callable

import pytest
from damage import LATE, ONE, Damage, of, without_checks
from damages_between import BETWEEN, DIFFERENT, REFERENCES
from mail_damages import MAIL
from publisher_damages import PUBLISHER
from routing_damages import ROUTING
from ticket_damages import FACTS, HISTORY, TICKET

from all_in_one.check.promises import Promise
from all_in_one.environment import OWNERS

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

NEW_EVENT = "gen_random_uuid(), 'guiche.test.v1.Something', 'x', '', '', ''"
QUEUED = {
    f"{what} of {owner}": of(owner, promise, statement)
    for owner in OWNERS
    for what, promise, statement in (
        (
            "an event not told",
            "What happened here is told",
            f"INSERT INTO outbox (id, type, aggregate, payload, traceparent, actor, time) VALUES ({NEW_EVENT}, {LATE}) "
            "RETURNING id",
        ),
        (
            "an event not handled",
            "What others told",
            "INSERT INTO inbox (id, type, aggregate, payload, traceparent, actor, source, time, received_at) "
            f"VALUES ({NEW_EVENT}, 'x', now(), {LATE}) RETURNING id",
        ),
        (
            "an event given up",
            "No event was given up",
            "INSERT INTO inbox (id, type, aggregate, payload, traceparent, actor, source, time, failed_at) "
            f"VALUES ({NEW_EVENT}, 'x', now(), {LATE}) RETURNING id",
        ),
    )
}
DAMAGES = {**TICKET, **ROUTING, **MAIL, **PUBLISHER, **BETWEEN, **REFERENCES, **DIFFERENT, **QUEUED}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_found_and_named(copied: Callable, damage: Damage) -> None:
    house = copied(damage.owner)
    ids = house.execute(damage.owner, *damage.statements)
    assert ids, "the damage is done"
    (broken,) = house.check(only=lambda promise: told_by(promise, damage)).values()
    assert not broken.unseen
    assert set(ids) <= {finding.what for finding in broken.findings}
    assert all(finding.words for finding in broken.findings)


def told_by(promise: Promise, damage: Damage) -> bool:
    return promise.words.startswith(damage.promise) and promise.of in (damage.owner, "together")


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_of_a_ticket_is_compared_with_its_history(copied: Callable, fact: str) -> None:
    house = copied("ticket")
    statement = f"UPDATE tickets SET {fact} = {FACTS[fact]} WHERE id = {ONE} RETURNING id"
    (id,) = house.execute("ticket", without_checks("tickets"), statement)
    (broken,) = house.check(only=lambda promise: promise.words.startswith(HISTORY)).values()
    ((what, words),) = ((finding.what, finding.words) for finding in broken.findings)
    assert (what, words.endswith(fact)) == (id, True)
