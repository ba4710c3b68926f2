"""The table of verbs, walked through whole, against the product's table said once more in plain conditions."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from guiche.ticket.v1 import ticket_events_pb2

from ticket.domain import visibility
from ticket.domain.drawing import drawings
from ticket.domain.facts import LIVE, Facts, Priority, Status, changes
from ticket.domain.verbs import (
    FOR_ATTENDANTS,
    KINDS,
    TABLE,
    Asked,
    Verb,
    Wait,
    allowed_verbs,
    counts,
    happen,
    opened,
    perform,
)
from ticket.domain.visibility import Viewer
from ticket.events import event_type

ORGANIZATION, DEPARTMENT, LEVEL, ELSEWHERE, ME, OTHER, TYPE = (UUID(int=n) for n in range(1, 8))
UNTIL = datetime(2026, 4, 1, 12, tzinfo=UTC)
HERE, THERE = frozenset({LEVEL}), frozenset({ELSEWHERE})
ROLES = {
    "member": Viewer(ME, ORGANIZATION, HERE),
    "supervisor": Viewer(ME, ORGANIZATION, frozenset(), supervised_levels=HERE, whole_levels=HERE),
    "viewer": Viewer(ME, ORGANIZATION, frozenset(), whole_levels=HERE),
    "approver": Viewer(ME, ORGANIZATION, frozenset(), approval_levels=HERE),
    "member and viewer": Viewer(ME, ORGANIZATION, HERE, whole_levels=HERE),
    "member and approver": Viewer(ME, ORGANIZATION, HERE, approval_levels=HERE),
    "of another level": Viewer(ME, ORGANIZATION, THERE, supervised_levels=THERE, whole_levels=THERE),
}


class At(NamedTuple):
    """How somebody who may treat a ticket stands to it. mine: they hold it. startable: they may start it."""

    status: str
    held: bool
    mine: bool
    released: bool
    supervises: bool

    @property
    def startable(self) -> bool:
        return self.released or self.status not in ("STARTED", "RESOLVED")

    @property
    def responsible(self) -> bool:
        return self.mine or self.supervises


class Said(NamedTuple):
    """What the product says of a verb: who may use it, and what becomes of the ticket. "=": it stays as it was.

    status and awaiting "as asked": as whoever uses it says.
    """

    may: Callable[[At], bool]
    status: str = "="
    takes: bool = False
    released: str = "="
    awaiting: str = "="
    reads: bool = False


# The product's table once more: whatever attendants do to a live ticket, in the order in which they are offered it.
PRODUCT = {
    "start": Said(lambda at: at.startable, "STARTED", takes=True, released="no", reads=True),
    "reply": Said(
        lambda at: at.mine or at.startable, "as asked", takes=True, released="no", awaiting="as asked", reads=True
    ),
    "awaitReply": Said(
        lambda at: at.mine and at.status in ("OPEN", "STARTED", "ANSWERED"), "PENDING", awaiting="as asked", reads=True
    ),
    "release": Said(lambda at: at.held and not at.released and at.responsible, released="yes"),
    "follow": Said(lambda at: at.released and at.responsible, released="no"),
    "setStatus": Said(lambda at: at.responsible, "as asked", awaiting="as asked"),
    "setPriority": Said(lambda at: at.startable or at.responsible),
    "setServiceType": Said(lambda at: at.startable or at.responsible),
    "conclude": Said(lambda at: at.held and at.responsible, "CLOSED", awaiting="no"),
    "finalize": Said(lambda at: at.startable or at.responsible, "CLOSED", awaiting="no"),
    "reopen": Said(lambda at: at.status == "RESOLVED" and at.responsible, "OPEN"),
}
# What a verb is told that is told more than the ticket.
ASKED = {
    Verb.REPLY: [
        Asked(status, wait)
        for status, wait in product(
            (Status.OPEN, Status.PENDING, Status.RESOLVED, Status.CLOSED), (None, Wait(True, UNTIL), Wait(False, None))
        )
    ],
    Verb.AWAIT: [Asked(wait=Wait(release, until)) for release, until in product((True, False), (None, UNTIL))],
    Verb.SET_PRIORITY: [Asked(priority=priority) for priority in Priority],
    Verb.SET_SERVICE_TYPE: [Asked(service_type=(TYPE, {"field": "value"})), Asked(service_type=(None, {}))],
}
ASKED[Verb.SET_STATUS] = ASKED[Verb.REPLY]


def every_facts() -> Iterator[Facts]:
    holders = (None, ME, OTHER)
    for status, holder, released, awaiting, mark in product(
        Status, holders, (False, True), (False, True), (False, True)
    ):
        possible = (holder or not released) and (holder or status is not Status.STARTED)
        if possible and not ((released or mark) and status is Status.CLOSED):
            until = UNTIL if awaiting else None
            yield Facts(status, DEPARTMENT, LEVEL, holder, released, awaiting, until, mark)


def seen(facts: Facts, who: Viewer) -> bool:
    key = visibility.queue_key(facts.level_id, facts.holder_id, facts.released)
    return visibility.sees(who, visibility.ticket_keys(key, facts.level_id, facts.status))


def may(verb: Verb, facts: Facts, role: str) -> bool:
    """Who may do what where, as the product says it."""
    if role not in ("member", "member and viewer", "member and approver", "supervisor") or facts.status == "CLOSED":
        return False
    held, mine, supervises = facts.holder_id is not None, facts.holder_id == ME, role == "supervisor"
    at = At(facts.status, held, mine, facts.released, supervises)
    free = not held or mine or facts.released or supervises
    return free and PRODUCT[verb].may(at)


def test_attendants_have_exactly_the_verbs_of_the_product() -> None:
    assert list(FOR_ATTENDANTS) == list(PRODUCT)


@pytest.mark.parametrize("role", ROLES)
def test_everybody_may_do_what_the_product_says_and_nothing_else(role: str) -> None:
    who = ROLES[role]
    looked = 0
    for facts in every_facts():
        if not seen(facts, who):
            continue
        looked += 1
        expected = [verb for verb in FOR_ATTENDANTS if may(verb, facts, role)]
        assert list(allowed_verbs(facts, who)) == expected, facts
        for verb in FOR_ATTENDANTS:
            asked = ASKED.get(verb, [Asked()])[0]
            assert (perform(verb, facts, who, asked) is not None) is (verb in expected), (verb, facts)
    assert looked or role == "of another level"


@pytest.mark.parametrize("verb", FOR_ATTENDANTS)
def test_each_verb_leads_where_the_product_says(verb: Verb) -> None:
    for role, facts, asked in product(ROLES, every_facts(), ASKED.get(verb, [Asked()])):
        if not seen(facts, ROLES[role]) or not may(verb, facts, role):
            continue
        after = perform(verb, facts, ROLES[role], asked)
        assert after is not None
        check_outcome(verb, facts, asked, after)


def check_outcome(verb: Verb, before: Facts, asked: Asked, after: Facts) -> None:
    said = PRODUCT[verb]
    # The first thing that is done to a new ticket opens it.
    kept = Status.OPEN if before.status is Status.CREATED and after != before else before.status
    status = {"=": kept, "as asked": asked.status}.get(said.status, said.status)
    assert after.status == status, (before, asked)
    assert after.holder_id == (ME if said.takes else before.holder_id), before
    waits, closed = said.awaiting == "as asked" and status == "PENDING", status == "CLOSED"
    wait = asked.wait or Wait()
    released = {"=": before.released, "no": False, "yes": True}[said.released]
    if waits:
        released = wait.release and after.holder_id is not None
    assert after.released is (released and not closed), (before, asked)
    if waits:
        assert (after.awaiting_customer, after.awaiting_until) == (True, wait.until)
    elif said.awaiting == "=":
        assert (after.awaiting_customer, after.awaiting_until) == (before.awaiting_customer, before.awaiting_until)
    else:
        assert (after.awaiting_customer, after.awaiting_until) == (False, None)
    assert after.new_message is (before.new_message and not said.reads and not closed)
    assert after.priority is (asked.priority or before.priority)
    given = asked.service_type or (before.service_type_id, before.data)
    assert (after.service_type_id, after.data) == given
    assert (after.department_id, after.level_id) == (DEPARTMENT, LEVEL)


def test_the_customer_writing_answers_what_waits_and_marks_what_does_not() -> None:
    for facts in every_facts():
        after = happen(Verb.RECEIVE, facts)
        if facts.status is Status.CLOSED:
            assert after is None
            continue
        assert after is not None
        answers = facts.status in (Status.PENDING, Status.RESOLVED)
        expected = {Status.CREATED: Status.OPEN}.get(facts.status, facts.status)
        assert after.status is (Status.ANSWERED if answers else expected)
        assert after.new_message is (facts.new_message if answers else True)
        assert (after.awaiting_customer, after.awaiting_until) == (False, None)
        assert (after.holder_id, after.released) == (facts.holder_id, facts.released)


def test_awaiting_runs_out_only_of_what_is_pending() -> None:
    for facts in every_facts():
        after = happen(Verb.EXPIRE, facts)
        if facts.status is not Status.PENDING:
            assert after is None
            continue
        assert after is not None
        assert (after.status, after.awaiting_customer, after.awaiting_until) == (Status.OPEN, False, None)
        assert (after.holder_id, after.released, after.new_message) == (
            facts.holder_id,
            facts.released,
            facts.new_message,
        )


def test_a_failed_reply_brings_a_ticket_back_from_wherever_it_is_and_an_uncertain_one_only_marks_it() -> None:
    for facts in every_facts():
        failed, doubted = happen(Verb.FAIL, facts), happen(Verb.DOUBT, facts)
        assert failed is not None
        assert doubted is not None
        assert failed.status is (Status.STARTED if facts.holder_id else Status.OPEN)
        assert (failed.holder_id, failed.awaiting_customer, failed.new_message) == (facts.holder_id, False, True)
        assert doubted.new_message is (facts.status is not Status.CLOSED)
        assert {change["field"] for change in changes(facts, doubted)} <= {"newMessage"}


def test_a_failed_reply_that_finds_its_ticket_with_its_attendant_is_a_mark_and_no_interaction() -> None:
    for facts in every_facts():
        failed = happen(Verb.FAIL, facts)
        assert failed is not None
        moved = {change["field"] for change in changes(facts, failed)} - {"newMessage"}
        assert counts(Verb.FAIL, facts, failed) is bool(moved), facts


def test_nobody_uses_what_only_happens_and_nothing_happens_that_somebody_must_use() -> None:
    facts = Facts(Status.OPEN, DEPARTMENT, LEVEL)
    supervising = ROLES["supervisor"]
    happening = [rule.verb for rule in TABLE if not rule.who]
    assert all(perform(verb, facts, supervising) is None for verb in happening)
    assert all(happen(verb, facts) is None for verb in FOR_ATTENDANTS)


def test_one_status_of_a_verb_has_one_row_for_each_way_to_be_held() -> None:
    rows = [(rule.verb, status, rule.needs) for rule in TABLE for status in rule.sources]
    assert len(rows) == len(set(rows))


def test_a_ticket_that_its_customer_opens_is_open_and_waits_in_its_queue() -> None:
    assert opened(DEPARTMENT, LEVEL, Priority.HIGH) == Facts(Status.OPEN, DEPARTMENT, LEVEL, priority=Priority.HIGH)


def test_what_is_live_is_everything_but_closed() -> None:
    assert set(Status) - set(LIVE) == {Status.CLOSED}


@pytest.mark.parametrize("path", drawings(), ids=lambda path: path.name)
def test_what_is_drawn_from_the_table_is_the_table_that_the_code_has(path: Path) -> None:
    assert path.read_text() == drawings()[path], "draw it anew: make proto"


def test_whatever_leaves_an_entry_in_the_history_is_told_by_an_event_and_has_a_word_of_its_own():
    for verb, kind in KINDS.items():
        if kind:
            assert "audience" in event_type(verb).DESCRIPTOR.fields_by_name, verb
            assert ticket_events_pb2.InteractionKind.Value(f"INTERACTION_KIND_{kind}"), verb
