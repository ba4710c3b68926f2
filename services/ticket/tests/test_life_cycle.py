"""Random lives of tickets, by several attendants at once, with messages and deliveries that are told twice and late.

A normal run tries 25 lives; GUICHE_EXAMPLES sets another number, e.g. 1000 before a release.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from guiche.ticket.v1 import ticket_events_pb2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from life_support import BUSY, DEEDS, FILLS, PEOPLE, REFUSALS, SENT_AS, Deed, may_see, some, waits
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError
from ticket_support import NOW, found_company

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.outbox import OUTBOX
from servicekit.ids import new_id
from ticket.domain.facts import LIVE, Priority, Status, fold
from ticket.domain.service_types import Field, Kind
from ticket.domain.verbs import FOR_ATTENDANTS, Verb, Wait, allowed_verbs
from ticket.domain.visibility import Viewer, viewer_keys
from ticket.handlers import awaiting, messages, opening, service_types
from ticket.handlers.acting import Act, act
from ticket.handlers.classifying import Given
from ticket.handlers.messages import Written
from ticket.handlers.reading import read_ticket, viewer
from ticket.storage import queue, tickets

EXAMPLES = int(os.environ.get("GUICHE_EXAMPLES", "25"))


class Lives(RuleBasedStateMachine):
    """One transaction a life, rolled back at its end; every refusal rolls back to where it began."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.held = self.database.engine.connect()
        self.transaction = self.held.begin()
        self.conversations = [new_id() for _ in range(2)]
        # Each message of a customer, as it was first told, and the conversation of each.
        self.written: list[Written] = []
        self.openings: list[opening.Opening] = []
        # The ticket on which each message of a customer came to stand.
        self.stands: dict[UUID, UUID] = {}
        self.replies: list[tuple[UUID, UUID]] = []
        self.states: dict[UUID, str] = {}
        self.people: Mapping[str, Viewer] = {}

    @property
    def connection(self) -> Connection:
        return self.held

    @initialize()
    def begin(self) -> None:
        self.company = found_company(self.connection)
        ask = Field("", "Resolvido?", Kind.YES_NO, True, {})
        said = service_types.Definition("Pedido", [], [ask])
        made = service_types.create(self.connection, self.company.id, said)
        self.type_id, self.field_id = made.id, made.fields[0]["id"]
        service_types.demand(self.connection, self.company.id, self.company.finance)
        self.people = {name: self.viewer_of(name) for name in PEOPLE}
        self.open([0], [], 0)
        self.open([1], [], 2)

    def viewer_of(self, name: str) -> Viewer:
        me = getattr(self.company, name)
        return viewer(self.connection, UUID(me.organization_id), UUID(me.id))

    def teardown(self) -> None:
        try:
            self.everybody_sees_what_is_theirs()
            self.everybody_reads_what_is_theirs()
        finally:
            self.transaction.rollback()
            self.held.info.pop("poked", None)
            self.held.close()

    def every_ticket(self) -> dict[UUID, Row[Any]]:
        return {row.id: row for row in tickets.every(self.connection)}

    def a_ticket(self, n: int) -> Row[Any]:
        found = list(self.every_ticket().values())
        return found[n % len(found)]

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    # What customers do.

    def new_message(self, n: int) -> Written:
        conversation = self.conversations[n % len(self.conversations)]
        message = Written(new_id(), self.company.id, conversation, new_id(), "Maria", f"mensagem {n}", "")
        self.written.append(message)
        return message

    @rule(numbers=st.lists(some, min_size=1, max_size=4), again=st.lists(some, max_size=3), level=some)
    def open(self, numbers: list[int], again: list[int], level: int) -> None:
        """Openings as routing asks for them, some of them for the second time and amid new ones."""
        where = [self.company.n1, self.company.n2, self.company.money][level % 3]
        department = self.company.finance if where == self.company.money else self.company.service
        fresh = [
            opening.Opening(self.new_message(n), department, where, Priority.MEDIUM, "EMAIL", "Assunto", self.now)
            for n in numbers
        ]
        said = fresh + [self.openings[n % len(self.openings)] for n in again if self.openings]
        self.openings += fresh
        said = list({one.message.message_id: one for one in said}.values())
        numbers_of = opening.reserve_protocols(self.connection, said, self.tick())
        found = opening.open_tickets(self.connection, said, numbers_of, self.now)
        assert set(found) == {one.message.message_id for one in said}
        self.note(found)

    @rule(numbers=st.lists(some, min_size=1, max_size=4), again=st.lists(some, max_size=4))
    def append(self, numbers: list[int], again: list[int]) -> None:
        """Messages, some of them told again, also long after others came."""
        said = [self.new_message(n) for n in numbers]
        said += [self.written[n % len(self.written)] for n in again]
        live = {row.conversation_id for row in self.every_ticket().values() if row.status != "CLOSED"}
        found = messages.append_messages(self.connection, said, self.tick())
        for message in said:
            known = message.message_id in self.stands
            assert (message.message_id in found) is (known or message.conversation_id in live)
        self.note(found)

    def note(self, found: Mapping[UUID, Row[Any]]) -> None:
        for message_id, row in found.items():
            assert self.stands.setdefault(message_id, row.id) == row.id, "a message never moves"

    # What attendants do.

    @rule(deeds=st.lists(DEEDS, min_size=3, max_size=10))
    def do_what_is_allowed(self, deeds: list[Deed]) -> None:
        """As a page lets them: of the verbs that the ticket shows them."""
        for name, n, status, wait, fill in deeds:
            seen = [row for row in self.every_ticket().values() if self.sees(name, row)]
            verbs = [(row, verb) for row in seen for verb in allowed_verbs(tickets.facts_of(row), self.people[name])]
            if verbs:
                row, verb = verbs[n % len(verbs)]
                self.attempt(name, row, self.act_of(verb, row.id, status, wait, fill=fill))

    @rule(
        name=st.sampled_from(BUSY) | st.sampled_from(PEOPLE),
        verb=st.sampled_from((Verb.START, Verb.REPLY)) | st.sampled_from(FOR_ATTENDANTS),
        n=some,
        status=st.sampled_from(SENT_AS),
        wait=waits,
        priority=st.sampled_from(Priority),
        fill=FILLS,
        looked=st.sampled_from(["", "now", "now", "before"]),
        again=st.sampled_from([False, False, False, True]),
    )
    def use(
        self,
        name: str,
        verb: Verb,
        n: int,
        status: Status,
        wait: Wait | None,
        priority: Priority,
        fill: str,
        looked: str,
        again: bool,
    ) -> None:
        before = self.a_ticket(n)
        seen_up_to = {"now": str(before.last_message_id), "before": str(new_id())}.get(looked, "")
        message_id = self.replies[n % len(self.replies)][0] if again and self.replies else new_id()
        said = self.act_of(verb, before.id, status, wait, priority, fill)
        if verb is Verb.REPLY:
            said = dataclasses.replace(said, seen_up_to=seen_up_to, message_id=message_id)
        self.attempt(name, before, said)

    def act_of(
        self,
        verb: Verb,
        ticket_id: UUID,
        status: Status,
        wait: Wait | None,
        priority: Priority = Priority.HIGH,
        fill: str = "true",
    ) -> Act:
        to_status = verb in (Verb.REPLY, Verb.SET_STATUS)
        pends = verb is Verb.AWAIT or (to_status and status is Status.PENDING)
        return Act(
            verb,
            ticket_id,
            status=status if to_status else None,
            wait=(wait or Wait()) if pends else None,
            priority=priority if verb is Verb.SET_PRIORITY else None,
            classification=self.classification(verb, fill),
            message_id=new_id() if verb is Verb.REPLY else None,
        )

    def attempt(self, name: str, before: Row[Any], said: Act) -> None:
        who = self.people[name]
        try:
            with self.connection.begin_nested():
                after = act(self.connection, who, said, self.tick())
        except Failure as failure:
            assert failure.reason in REFUSALS
            row = self.every_ticket()[before.id]
            assert row.version == before.version, "a refusal changes nothing"
            return
        self.check_act(name, who, said, before, after)

    @rule(n=some, level=some)
    def come_back(self, n: int, level: int) -> None:
        """A ticket is answered as closed, and its customer writes again."""
        row = self.a_ticket(n)
        self.attempt("fabio", row, self.act_of(Verb.REPLY, row.id, Status.CLOSED, None))
        self.open([self.conversations.index(row.conversation_id)], [], level)

    def classification(self, verb: Verb, fill: str) -> Given | None:
        takes = (Verb.REPLY, Verb.SET_STATUS, Verb.CONCLUDE, Verb.FINALIZE, Verb.SET_SERVICE_TYPE)
        if verb not in takes or (not fill and verb is not Verb.SET_SERVICE_TYPE):
            return None
        if fill == "nothing" and verb is Verb.SET_SERVICE_TYPE:
            return Given(None, {}, whole=True)
        data = {self.field_id: fill} if fill != "nothing" else {}
        return Given(self.type_id, data, whole=verb is Verb.SET_SERVICE_TYPE)

    def check_act(self, name: str, who: Viewer, said: Act, before: Row[Any], after: Row[Any]) -> None:
        assert may_see(name, self.company, before), "nobody acts on what they do not see"
        assert name not in ("elisa", "vera"), "those who only see do not act"
        assert before.status != "CLOSED", "what is over is over"
        free = before.holder_id is None or before.released or before.holder_id == who.attendant_id
        assert free or name == "carla", "only a supervisor acts on what a colleague holds"
        if after.holder_id != before.holder_id:
            assert after.holder_id == who.attendant_id, "one takes a ticket, and gives it to nobody else"
            assert said.verb in (Verb.START, Verb.REPLY)
        if said.message_id is not None:
            assert said.message_id not in {message_id for message_id, _ in self.replies}, "sent once"
            self.replies.append((said.message_id, after.id))
            self.states[said.message_id] = "QUEUED"
        if after.status == "CLOSED" and (said.verb is not Verb.FINALIZE or self.was_answered(before.id)):
            assert after.service_type_id is None or self.field_id in after.data
            assert after.service_type_id or after.department_id != self.company.finance

    def was_answered(self, ticket_id: UUID) -> bool:
        return any(replied == ticket_id for _, replied in self.replies)

    # What time and mail do.

    @rule(hours=st.integers(0, 3))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        due = {
            row.id
            for row in self.every_ticket().values()
            if row.status == "PENDING" and row.awaiting_until and row.awaiting_until <= self.now
        }
        assert awaiting.expire(self.connection, self.now, 100) == len(due)
        assert awaiting.expire(self.connection, self.now, 100) == 0

    @rule(
        news=st.lists(
            st.tuples(some, st.sampled_from(["QUEUED", "SENT", "FAILED", "UNKNOWN"]), st.integers(1, 2)),
            min_size=1,
            max_size=4,
        )
    )
    def deliver(self, news: list[tuple[int, str, int]]) -> None:
        for n, state, times in news:
            if self.replies:
                self.deliver_one(*self.replies[n % len(self.replies)], state, times)

    def deliver_one(self, message_id: UUID, ticket_id: UUID, state: str, times: int) -> None:
        for _ in range(times):
            before = self.every_ticket()[ticket_id]
            news, self.states[message_id] = self.states[message_id] != state, state
            try:
                with self.connection.begin_nested():
                    messages.delivery_changed(
                        self.connection, self.company.id, ticket_id, message_id, state, self.tick()
                    )
            except IntegrityError:
                pytest.fail("a failed reply never makes a second live ticket of its conversation")
            after = self.every_ticket()[ticket_id]
            acts = news and state in ("FAILED", "UNKNOWN")
            assert after.version == before.version + acts, "once for each new state"

    # What must be true at any time.

    @invariant()
    def history_leads_to_what_is(self) -> None:
        by_ticket: dict[UUID, list[Row[Any]]] = {}
        for entry in self.connection.execute(
            select(tickets.INTERACTIONS).order_by(tickets.INTERACTIONS.c.ticket_id, tickets.INTERACTIONS.c.version)
        ):
            by_ticket.setdefault(entry.ticket_id, []).append(entry)
        for row in self.every_ticket().values():
            entries = by_ticket[row.id]
            assert [entry.version for entry in entries] == list(range(1, row.version + 1))
            assert fold(entry.changes for entry in entries) == tickets.facts_of(row)
            assert sum(entry.counted for entry in entries) == row.interactions
            assert row.status != "STARTED" or row.holder_id
            assert not (row.released and (row.holder_id is None or row.status == "CLOSED"))
            assert not (row.new_message and row.status == "CLOSED"), "nobody is called to what is over"
            assert (row.status != "PENDING") or row.awaiting_customer

    @invariant()
    def each_message_stands_once_and_each_conversation_is_a_chain_with_one_live_end(self) -> None:
        found = self.every_ticket()
        opened = {row.opening_message_id: row.id for row in found.values()}
        received = self.connection.execute(
            select(tickets.INTERACTIONS.c.message_id, tickets.INTERACTIONS.c.ticket_id).where(
                tickets.INTERACTIONS.c.kind == "MESSAGE_RECEIVED"
            )
        ).all()
        stands = [*opened.items(), *((row.message_id, row.ticket_id) for row in received)]
        assert len(stands) == len(dict(stands))
        assert dict(stands) == self.stands
        live = [row.conversation_id for row in found.values() if row.status != "CLOSED"]
        assert len(live) == len(set(live))
        for conversation in self.conversations:
            chain = sorted((row for row in found.values() if row.conversation_id == conversation), key=lambda r: r.id)
            assert [row.previous_ticket_id for row in chain] == [None, *(row.id for row in chain)][: len(chain)]

    @invariant()
    def every_change_is_told_to_whoever_sees_it_then(self) -> None:
        query = select(OUTBOX.c.type, OUTBOX.c.payload).order_by(OUTBOX.c.position)
        newest: dict[str, Any] = {}
        for kind, payload in self.connection.execute(query):
            event = getattr(ticket_events_pb2, kind.rpartition(".")[2]).FromString(payload)
            newest[event.ticket.id] = event
        for row in self.every_ticket().values():
            assert newest[str(row.id)].ticket.version == row.version, "no change is kept from whoever listens"
            audience = set(newest[str(row.id)].audience.after)
            for name in PEOPLE:
                reached = not audience.isdisjoint(viewer_keys(self.people[name])) if self.people else False
                assert reached is self.sees(name, row)

    def sees(self, name: str, row: Row[Any]) -> bool:
        return name not in ("stranger", "elisa") and may_see(name, self.company, row)

    @rule()
    def everybody_sees_what_is_theirs(self) -> None:
        found = self.every_ticket()
        everything = queue.Filter(LIVE)
        for name, who in self.people.items():
            theirs = {row.id for row in found.values() if self.sees(name, row)}
            live = {id_ for id_ in theirs if found[id_].status != "CLOSED"}
            listed = [row.id for row in queue.page(self.connection, who, everything, queue.START, 1000)]
            assert len(listed) == len(set(listed))
            assert set(listed) == live, name
            assert sum(count for *_, count in queue.counts(self.connection, who)) == len(live)

    def everybody_reads_what_is_theirs(self) -> None:
        for row in self.every_ticket().values():
            for name, who in self.people.items():
                assert self.reads(who, row.id) is self.sees(name, row), name

    def reads(self, who: Viewer, ticket_id: UUID) -> bool:
        try:
            read_ticket(self.connection, who, ticket_id)
        except Failure as failure:
            assert failure.reason == "TICKET_NOT_FOUND"
            return False
        return True


@pytest.mark.timeout(3600)
def test_no_life_of_a_ticket_breaks_a_promise(shared_database: Callable[[str], Database]) -> None:
    Lives.database = shared_database("ticket")
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
