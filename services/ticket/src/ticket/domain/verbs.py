"""How a ticket may change: the table of verbs. Every change of Facts goes through it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Literal, NamedTuple
from uuid import UUID

from ticket.domain.facts import LIVE, Facts, Priority, Status
from ticket.domain.visibility import Viewer


class Verb(StrEnum):
    # What attendants use, in the words of the routes.
    START = "start"
    REPLY = "reply"
    AWAIT = "awaitReply"
    RELEASE = "release"
    FOLLOW = "follow"
    SET_STATUS = "setStatus"
    SET_PRIORITY = "setPriority"
    SET_SERVICE_TYPE = "setServiceType"
    CONCLUDE = "conclude"
    FINALIZE = "finalize"
    REOPEN = "reopen"
    # What happens to a ticket.
    OPEN = "open"
    INTERACT = "firstInteraction"
    RECEIVE = "customerWrites"
    EXPIRE = "awaitingExpires"
    FAIL = "deliveryFails"
    DOUBT = "deliveryUnknown"
    CONTINUE = "continue"


class Who(StrEnum):
    # Whoever treats tickets of its level and sees it.
    ANYONE = "who sees it"
    HOLDER = "holder"
    STARTER = "who may start it"
    SUPERVISOR = "supervisor"


class Needs(StrEnum):
    NOTHING = ""
    HELD = "held"
    KEPT = "held, not released"
    RELEASED = "released"


class Wait(NamedTuple):
    """How a ticket waits for its customer. Followed without end where nothing is said."""

    release: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is given with a verb. None: nothing. service_type: the id of a type, or None, and its data."""

    status: Status | None = None
    wait: Wait | None = None
    priority: Priority | None = None
    service_type: tuple[UUID | None, dict[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. "=": stays as it is. Several rows of a verb start from different statuses.

    who: empty where nobody uses it, but it happens. counted: whether it is an interaction.
    """

    verb: Verb
    kind: str
    sources: frozenset[Status]
    to: Status | Literal["=", "as asked", "started, unheld: open"]
    who: frozenset[Who] = frozenset()
    needs: Needs = Needs.NOTHING
    holder: Literal["=", "me"] = "="
    released: Literal["=", "no", "yes", "no, or as await says", "as it was, or as await says"] = "="
    awaiting: Literal["=", "cleared", "as await says"] = "="
    mark: Literal["=", "set", "cleared"] = "="
    counted: bool = True


S = Status
ALL_LIVE = frozenset(LIVE)
STARTABLE = frozenset({S.CREATED, S.OPEN, S.PENDING, S.ANSWERED, S.TRANSFERRED, S.APPROVAL})
RESPONSIBLE = frozenset({Who.HOLDER, Who.SUPERVISOR})
TREATING = frozenset({Who.HOLDER, Who.STARTER, Who.SUPERVISOR})

# The product's table. Closing ends every release and takes the mark away, and the first counted interaction that leaves
# CREATED alone makes it OPEN (the row of INTERACT): these stand in outcome() and not in each row.
TABLE: tuple[Rule, ...] = (
    Rule(Verb.OPEN, "OPENED", frozenset(), S.OPEN, counted=False),
    Rule(Verb.INTERACT, "", frozenset({S.CREATED}), S.OPEN, counted=False),
    Rule(
        Verb.START,
        "STARTED",
        STARTABLE,
        S.STARTED,
        frozenset({Who.ANYONE}),
        holder="me",
        released="no",
        mark="cleared",
    ),
    Rule(
        Verb.START,
        "STARTED",
        ALL_LIVE - STARTABLE,
        S.STARTED,
        frozenset({Who.ANYONE}),
        Needs.RELEASED,
        holder="me",
        released="no",
        mark="cleared",
    ),
    Rule(
        Verb.REPLY,
        "REPLIED",
        ALL_LIVE,
        "as asked",
        frozenset({Who.HOLDER, Who.STARTER}),
        holder="me",
        released="no, or as await says",
        awaiting="as await says",
        mark="cleared",
    ),
    Rule(
        Verb.AWAIT,
        "AWAITED",
        frozenset({S.OPEN, S.STARTED, S.ANSWERED}),
        S.PENDING,
        frozenset({Who.HOLDER}),
        released="no, or as await says",
        awaiting="as await says",
        mark="cleared",
    ),
    Rule(Verb.RELEASE, "RELEASED", ALL_LIVE, "=", RESPONSIBLE, Needs.KEPT, released="yes"),
    Rule(Verb.FOLLOW, "FOLLOWED", ALL_LIVE, "=", RESPONSIBLE, Needs.RELEASED, released="no"),
    Rule(
        Verb.SET_STATUS,
        "STATUS_SET",
        ALL_LIVE,
        "as asked",
        RESPONSIBLE,
        released="as it was, or as await says",
        awaiting="as await says",
    ),
    Rule(Verb.SET_PRIORITY, "PRIORITY_SET", ALL_LIVE, "=", TREATING),
    Rule(Verb.SET_SERVICE_TYPE, "SERVICE_TYPE_SET", ALL_LIVE, "=", TREATING),
    Rule(Verb.CONCLUDE, "CONCLUDED", ALL_LIVE, S.CLOSED, RESPONSIBLE, Needs.HELD, awaiting="cleared", mark="cleared"),
    Rule(Verb.FINALIZE, "FINALIZED", ALL_LIVE, S.CLOSED, TREATING, awaiting="cleared", mark="cleared"),
    Rule(Verb.REOPEN, "REOPENED", frozenset({S.RESOLVED}), S.OPEN, RESPONSIBLE),
    Rule(Verb.RECEIVE, "MESSAGE_RECEIVED", frozenset({S.PENDING, S.RESOLVED}), S.ANSWERED, awaiting="cleared"),
    Rule(
        Verb.RECEIVE,
        "MESSAGE_RECEIVED",
        ALL_LIVE - {S.PENDING, S.RESOLVED},
        "=",
        awaiting="cleared",
        mark="set",
    ),
    Rule(Verb.EXPIRE, "AWAITING_EXPIRED", frozenset({S.PENDING}), S.OPEN, awaiting="cleared"),
    Rule(Verb.FAIL, "DELIVERY_FAILED", frozenset(Status), "started, unheld: open", awaiting="cleared", mark="set"),
    Rule(Verb.DOUBT, "DELIVERY_UNKNOWN", frozenset(Status), "=", mark="set", counted=False),
    Rule(Verb.CONTINUE, "CONTINUED", frozenset({S.CLOSED}), "=", counted=False),
)
KINDS = {rule.verb: rule.kind for rule in TABLE}
COUNTED = {rule.verb: rule.counted for rule in TABLE}
MESSAGES = frozenset({Verb.REPLY, Verb.RECEIVE})
FOR_ATTENDANTS = tuple(dict.fromkeys(rule.verb for rule in TABLE if rule.who))
# Those by which one takes part in treating a ticket that waits in a queue: of two who try, one may come too late.
CONTESTED = frozenset(rule.verb for rule in TABLE if rule.who & {Who.ANYONE, Who.STARTER})


class Standing(NamedTuple):
    """All that decides which verbs somebody who sees a ticket may use.

    mine: they hold it. member: of its level, and no colleague keeps it to themselves: another role of theirs may let
    them see such a ticket, but not treat it.
    """

    status: Status
    held: bool
    mine: bool
    released: bool
    member: bool
    supervisor: bool


def standing(facts: Facts, who: Viewer) -> Standing:
    held, mine = facts.holder_id is not None, facts.holder_id == who.attendant_id
    return Standing(
        facts.status,
        held,
        mine,
        facts.released,
        facts.level_id in who.levels and (not held or mine or facts.released),
        facts.level_id in who.supervised_levels,
    )


@cache
def rule_for(verb: Verb, at: Standing) -> Rule | None:
    """The row by which somebody may use the verb; None where there is none."""
    for rule in TABLE:
        if rule.verb is verb and at.status in rule.sources and meets(rule.needs, at) and permits(rule, at):
            return rule
    return None


def meets(needs: Needs, at: Standing) -> bool:
    return {
        Needs.NOTHING: True,
        Needs.HELD: at.held,
        Needs.KEPT: at.held and not at.released,
        Needs.RELEASED: at.held and at.released,
    }[needs]


def permits(rule: Rule, at: Standing) -> bool:
    # Approvers and viewers see, but treat nothing.
    if not (at.member or at.supervisor):
        return False
    return (
        Who.ANYONE in rule.who
        or (Who.HOLDER in rule.who and at.mine)
        or (Who.SUPERVISOR in rule.who and at.supervisor)
        or (Who.STARTER in rule.who and rule_for(Verb.START, at) is not None)
    )


@cache
def verbs_at(at: Standing) -> tuple[Verb, ...]:
    return tuple(verb for verb in FOR_ATTENDANTS if rule_for(verb, at) is not None)


def allowed_verbs(facts: Facts, who: Viewer) -> tuple[Verb, ...]:
    """What somebody who sees the ticket may do to it, in the order of the table."""
    return verbs_at(standing(facts, who))


def perform(verb: Verb, facts: Facts, who: Viewer, asked: Asked = Asked()) -> Facts | None:
    """The facts after an attendant who sees the ticket has used the verb; None where the table does not allow it."""
    rule = rule_for(verb, standing(facts, who))
    return None if rule is None else outcome(rule, facts, asked, who.attendant_id)


def opened(department_id: UUID, level_id: UUID, priority: Priority) -> Facts:
    """The facts of a ticket that its customer opens."""
    (rule,) = (rule for rule in TABLE if rule.verb is Verb.OPEN)
    assert isinstance(rule.to, Status)
    return Facts(rule.to, department_id, level_id, priority=priority)


def happen(verb: Verb, facts: Facts) -> Facts | None:
    """The facts after what nobody of ours did; None where it cannot happen to such a ticket."""
    for rule in TABLE:
        if rule.verb is verb and not rule.who and facts.status in rule.sources:
            return outcome(rule, facts, Asked(), None)
    return None


def outcome(rule: Rule, facts: Facts, asked: Asked, me: UUID | None) -> Facts:
    status = target(rule, facts, asked)
    wait = (asked.wait or Wait()) if status is Status.PENDING else None
    holder_id = me if rule.holder == "me" else facts.holder_id
    after = replace(
        facts,
        status=status,
        holder_id=holder_id,
        # Only what somebody holds can be released by them. What is over waits in nobody's queue and calls nobody.
        released=holder_id is not None and status is not Status.CLOSED and released(rule, facts, wait),
        new_message=status is not Status.CLOSED and marked(rule, facts),
        priority=asked.priority or facts.priority,
    )
    if rule.awaiting != "=":
        waits = wait if rule.awaiting == "as await says" else None
        after = replace(after, awaiting_customer=waits is not None, awaiting_until=waits.until if waits else None)
    if asked.service_type is not None:
        after = replace(after, service_type_id=asked.service_type[0], data=asked.service_type[1])
    first = counts(rule.verb, facts, after) and after.status is Status.CREATED
    return replace(after, status=Status.OPEN) if first else after


def counts(verb: Verb, before: Facts, after: Facts) -> bool:
    """Whether it is an interaction. What changes nothing or the mark alone is none, but a message always is."""
    return COUNTED[verb] and (verb in MESSAGES or replace(after, new_message=before.new_message) != before)


def target(rule: Rule, facts: Facts, asked: Asked) -> Status:
    if rule.to == "=":
        return facts.status
    if rule.to == "as asked":
        assert asked.status is not None, "the contract demands it"
        return asked.status
    if rule.to == "started, unheld: open":
        return Status.STARTED if facts.holder_id else Status.OPEN
    return rule.to


def marked(rule: Rule, facts: Facts) -> bool:
    return facts.new_message if rule.mark == "=" else rule.mark == "set"


def released(rule: Rule, facts: Facts, wait: Wait | None) -> bool:
    match rule.released:
        case "=":
            return facts.released
        case "as it was, or as await says":
            return wait.release if wait else facts.released
        case "no, or as await says":
            return wait is not None and wait.release
        case "no" | "yes":
            return rule.released == "yes"
