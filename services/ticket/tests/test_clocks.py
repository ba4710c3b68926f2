"""Clocks are set back: what depends on order does not depend on them."""

from itertools import pairwise
from uuid import UUID

import pytest
from ticket_support import Calls, Company, status

from servicekit.ids import new_id
from ticket.handlers import opening

HOUR_MS = 3_600_000


def test_a_conversation_goes_on_with_the_ticket_that_came_last_though_a_clock_was_set_back(
    calls: Calls, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = str(new_id())
    chain = calls.open(company, company.n1, conversation_id=conversation)
    for hours_back in (1, 2, 0):
        assert status(calls.act(company.ana, "FinalizeTicket", chain[-1])) == "CLOSED"
        monkeypatch.setattr(opening, "new_id", lambda h=hours_back: UUID(int=new_id().int - (h * HOUR_MS << 80)))
        chain += calls.open(company, company.n1, conversation_id=conversation)
    assert len(set(chain)) == 4
    for before, after in pairwise(chain):
        assert after in {link.ticket_id for link in calls.get(company.ana, before).links}
        assert before in {link.ticket_id for link in calls.get(company.ana, after).links}
