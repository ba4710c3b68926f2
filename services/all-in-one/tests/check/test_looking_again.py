"""Only what is found twice is broken: nothing that is under way is, and nothing that stays is forgotten."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from all_in_one.check.checking import MOST_KEPT, check
from all_in_one.check.command import BROKEN, UNSEEN, status
from all_in_one.check.promises import COPIES, Promise, promises
from all_in_one.check.report import table
from servicekit.checking import Finding, Look

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

MANY = 3 * MOST_KEPT
AWAY = ConnectionError("the server is away")


def seen(*looks: list[Finding | Exception]) -> Promise:
    """A promise of which each look sees the next of these; an exception ends the look."""
    turns = iter(looks)

    def find() -> Iterator[Finding]:
        for one in next(turns):
            if isinstance(one, Exception):
                raise one
            yield one

    return Promise("ticket", "Nothing stays", find)


def findings(name: str, count: int) -> list[Finding | Exception]:
    return [Finding(f"{name} {n}", "here") for n in range(count)]


def test_what_has_moved_on_when_one_looks_again_is_no_finding() -> None:
    (result,) = check([seen([Finding("stays", ""), Finding("moves", "")], [Finding("stays", "")])], 0)
    assert [finding.what for finding in result.findings] == ["stays"]


def test_however_much_is_under_way_it_is_looked_at_again() -> None:
    (result,) = check([seen(findings("moves", MANY), [])], 0)
    assert (result.broken, result.findings) == (0, [])


def test_all_that_stays_is_counted_however_much_it_is() -> None:
    first = findings("moves", MANY) + findings("stays", MANY)
    (result,) = check([seen(first, findings("stays", MANY) + findings("comes", MANY))], 0)
    assert result.broken == MANY
    assert {finding.what.split()[0] for finding in result.findings} == {"stays"}


def test_what_has_come_further_by_the_second_look_is_under_way() -> None:
    (result,) = check([seen([Finding("one", "late", "1")], [Finding("one", "late", "2")])], 0)
    assert result.broken == 0
    (result,) = check([seen([Finding("one", "late", "1")], [Finding("one", "late", "1")])], 0)
    assert result.broken == 1


def test_what_cannot_be_looked_at_again_is_shown_and_said_not_to_be_certain() -> None:
    results = check([seen([Finding("one", "broken")], [AWAY])], 0)
    assert results[0].broken == 0
    assert results[0].unseen == "1 findings could not be looked at again: ConnectionError: the server is away"
    assert "one  broken" in "\n".join(table(results, most=5))
    assert status(results) == UNSEEN


@pytest.mark.parametrize("looks", [([AWAY], []), ([], [AWAY])], ids=["the first", "the second"])
def test_what_was_found_twice_is_broken_though_a_look_was_cut_short(looks) -> None:
    found: list[Finding | Exception] = [Finding("one", "broken")]
    results = check([seen(*(found + end for end in looks))], 0)
    assert results[0].broken == 1
    assert results[0].unseen == "ConnectionError: the server is away"
    assert status(results) == BROKEN
    assert "BROKEN: 1, and could not look further" in "\n".join(table(results, most=5))


def test_what_does_not_tell_its_age_rests_for_the_grace() -> None:
    def find() -> Iterator[Finding]:
        if time.monotonic() < healed_at:
            yield Finding("one", "under way")

    promise = Promise("together", "Copies are current", find)
    healed_at = time.monotonic() + 0.3
    assert check([replace(promise, rest_seconds=0.3)], 0)[0].broken == 0
    healed_at = time.monotonic() + 60
    assert check([replace(promise, rest_seconds=0.0)], 0)[0].broken == 1


def test_copies_have_the_grace(lived_in) -> None:
    looks = {owner: Look(url, timedelta(seconds=77)) for owner, url in lived_in.databases.items()}
    found = {promise.words: promise.rest_seconds for promise in promises(lived_in.settings, looks, hashing=False)}
    assert {words for words, seconds in found.items() if seconds} == {words for words, _ in COPIES}
    assert {found[words] for words, _ in COPIES} == {77}


def test_a_department_that_is_changed_all_the_time_is_no_finding_as_long_as_its_copies_follow(copied) -> None:
    house = copied("routing", "ticket", "mail")

    def change() -> None:
        house.execute("routing", "UPDATE departments SET version = version + 1")

    def follow() -> None:
        for owner in ("ticket", "mail"):
            house.execute(owner, "UPDATE departments SET version = version + 1")

    assert looked_at_while(house, lambda: None) == 0, "all is in order"
    change()
    assert looked_at_while(house, lambda: (change(), follow())) == 0, "always one behind, and never the same one"
    assert looked_at_while(house, change) > 0, "these do not follow"


def looked_at_while(house, happens: Callable[[], object]) -> int:
    """What is found of copies while something happens between the looks."""
    looks = {owner: Look(url, timedelta(0)) for owner, url in house.databases.items()}
    (promise,) = (
        one for one in promises(house.settings, looks, hashing=False) if one.words.startswith("Copies of org")
    )
    turns = iter([lambda: None, happens])

    def find() -> Iterator[Finding]:
        next(turns)()
        yield from promise.find()

    (result,) = check([replace(promise, find=find)], 0)
    for look in looks.values():
        look.close()
    assert not result.unseen
    return result.broken
