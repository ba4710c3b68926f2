"""The queue: who sees what (Q3), in pages and in numbers that agree."""

from collections import Counter
from itertools import product

import pytest
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2, ticket_service_pb2
from sqlalchemy import text
from ticket_support import Calls, Company

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant
from ticket.domain.facts import LIVE

EVERYONE = ("ana", "bruno", "davi", "fabio", "carla", "elisa", "vera", "stranger")


def everything(calls: Calls, company: Company, database: Database) -> list[dict[str, object]]:
    """A ticket in every live status, level, hand and visibility that can occur."""
    holders = [None, company.ana.id, company.fabio.id]
    cases: list[dict[str, object]] = [
        {"status": str(status), "level": level, "holder": holder, "released": released}
        for status, level, holder, released in product(
            LIVE, (company.n1, company.n2, company.money), holders, (False, True)
        )
        if holder is not None or not (released or status == "STARTED")
    ]
    for level in (company.n1, company.n2, company.money):
        mine = [case for case in cases if case["level"] == level]
        ids = [
            i for start in range(0, len(mine), 50) for i in calls.open(company, level, len(mine[start : start + 50]))
        ]
        for case, ticket_id in zip(mine, ids, strict=True):
            case["id"] = ticket_id
    with database.transaction() as connection:
        update = text("UPDATE tickets SET status = :status, holder_id = :holder, released = :released WHERE id = :id")
        for case in cases:
            connection.execute(update, case)
    return cases


def may_see(who: str, company: Company, case: dict[str, object]) -> bool:
    """Q3 once more, in the words of the product."""
    me: Attendant = getattr(company, who)
    levels = {
        "ana": {company.n1},
        "bruno": {company.n1},
        "davi": {company.money},
        "fabio": {company.n1, company.n2, company.money},
    }.get(who, set())
    if who == "carla":
        return case["level"] in {company.n1, company.n2}
    if who == "vera":
        return True
    if who == "elisa":
        return case["status"] == "APPROVAL"
    return case["level"] in levels and (case["holder"] in (None, me.id) or bool(case["released"]))


def all_pages(calls: Calls, who: Attendant, **said: object) -> list[ticket_pb2.Ticket]:
    found: list[ticket_pb2.Ticket] = []
    token = ""
    while True:
        answer = calls.tickets(who, page_token=token, **said)
        found.extend(answer.tickets)
        token = answer.next_page_token
        if not token:
            return found


def test_list_counts_and_read_show_each_attendant_exactly_what_is_theirs(
    calls: Calls, company: Company, database: Database
) -> None:
    cases = everything(calls, company, database)
    for who in EVERYONE:
        me = getattr(company, who)
        expected = {str(case["id"]) for case in cases if may_see(who, company, case)}
        listed = all_pages(calls, me, page_size=37)
        assert [ticket.id for ticket in listed] == list(dict.fromkeys(ticket.id for ticket in listed)), "none twice"
        assert {ticket.id for ticket in listed} == expected, who
        counts = calls.counts(me)
        assert counts.total == len(expected), who
        shown = Counter(ticket.status for ticket in listed)
        assert {count.status: count.count for count in counts.statuses} == shown, who
        by_place = Counter((ticket.department.id, ticket.level.id, ticket.status) for ticket in listed)
        told = {
            (department.department.id, level.level.id, count.status): count.count
            for department in counts.departments
            for level in department.levels
            for count in level.statuses
        }
        assert told == by_place, who
    for case in cases[::7]:
        for who in EVERYONE:
            try:
                calls.get(getattr(company, who), str(case["id"]))
                seen = True
            except Failure as failure:
                assert failure.reason == "TICKET_NOT_FOUND"
                seen = False
            assert seen is may_see(who, company, case), (who, case)


def test_pages_come_newest_activity_first_and_miss_nothing_when_the_queue_moves(calls: Calls, company: Company) -> None:
    ids = [calls.open(company, company.n1)[0] for _ in range(7)]
    first = calls.tickets(company.ana, page_size=3)
    assert [ticket.id for ticket in first.tickets] == ids[:3:-1]
    calls.open(company, company.n1)
    calls.start(company.ana, ids[0])
    second = calls.tickets(company.ana, page_size=3, page_token=first.next_page_token)
    assert [ticket.id for ticket in second.tickets] == ids[3:0:-1]
    assert second.next_page_token == ""


@pytest.mark.parametrize("size", range(1, 13))
def test_pages_of_many_places_are_one_list_newest_first(calls: Calls, company: Company, size: int) -> None:
    places = ["n1", "n2", "n1", "n1", "money", "n1", "n2", "n1", "n1", "n1", "money", "n1"]
    ids = [calls.open(company, getattr(company, place))[0] for place in places]
    for moved in (ids[2], ids[7]):
        calls.start(company.fabio, moved)
    newest = [ids[7], ids[2], *(each for each in reversed(ids) if each not in (ids[7], ids[2]))]
    assert [ticket.id for ticket in all_pages(calls, company.fabio, page_size=size)] == newest


def test_filters_narrow_by_status_department_level_and_mine(calls: Calls, company: Company) -> None:
    (one,) = calls.open(company, company.n1)
    (two,) = calls.open(company, company.n2)
    (money,) = calls.open(company, company.money)
    calls.start(company.fabio, two)
    fabio = company.fabio
    assert set(calls.ids(fabio)) == {one, two, money}
    assert calls.ids(fabio, view=ticket_service_pb2.TICKET_VIEW_MINE) == [two]
    assert calls.ids(fabio, status=[ticket_service_pb2.STATUS_FILTER_STARTED]) == [two]
    assert calls.ids(fabio, status=[ticket_service_pb2.STATUS_FILTER_CREATED_OR_OPEN]) == [money, one]
    assert calls.ids(fabio, department_id=str(company.service)) == [two, one]
    assert calls.ids(fabio, level_id=str(company.n1)) == [one]
    assert calls.ids(fabio, level_id=str(company.n1), department_id=str(company.finance)) == []
    assert calls.ids(company.ana, department_id=str(company.finance)) == []


def test_the_sidebar_lists_all_my_places_also_the_empty_ones_and_no_others(calls: Calls, company: Company) -> None:
    counts = calls.counts(company.fabio)
    shown = [(d.department.name, [level.level.name for level in d.levels]) for d in counts.departments]
    assert shown == [("Atendimento", ["N1", "N2"]), ("Financeiro", ["N1"])]
    assert counts.total == 0
    assert [d.department.name for d in calls.counts(company.davi).departments] == ["Financeiro"]


@pytest.mark.parametrize("spoil", ["forged", "truncated", "of another filter", "of somebody else", "garbage"])
def test_a_page_token_that_is_not_of_this_list_is_refused_by_name(calls: Calls, company: Company, spoil: str) -> None:
    calls.open(company, company.n1, 3)
    token = calls.tickets(company.ana, page_size=1).next_page_token
    who, said = company.ana, {}
    if spoil == "forged":
        token = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    elif spoil == "truncated":
        token = token[:10]
    elif spoil == "of another filter":
        said = {"status": [ticket_service_pb2.STATUS_FILTER_OPEN]}
    elif spoil == "of somebody else":
        who = company.bruno
    else:
        token = "não é um token"
    with pytest.raises(Failure) as refusal:
        calls.tickets(who, page_size=1, page_token=token, **said)
    assert refusal.value.reason == "PAGE_TOKEN_INVALID"
    assert [violation.field for violation in refusal.value.violations] == ["page_token"]


def test_history_is_paged_in_order(calls: Calls, company: Company) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    calls.start(company.ana, ticket_id)
    first = calls.history(company.ana, ticket_id, page_size=1)
    second = calls.history(company.ana, ticket_id, page_size=1, page_token=first.next_page_token)
    kinds = [entry.kind for page in (first, second) for entry in page.interactions]
    assert kinds == [ticket_events_pb2.INTERACTION_KIND_OPENED, ticket_events_pb2.INTERACTION_KIND_STARTED]
    assert second.next_page_token == ""
