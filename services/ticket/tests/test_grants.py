"""Grants: what an attendant may take to the service that keeps the messages."""

from collections.abc import Callable

import pytest
from ticket_support import Calls, Company, refused

from servicekit.tokens import Keys
from ticket.storage import tickets


def test_a_grant_to_reply_is_given_to_whom_the_verb_is_allowed_and_for_a_repeated_request(
    calls: Calls, company: Company, ticket_id: str, keys_of: Callable[[str], Keys]
) -> None:
    grant = keys_of("mail").verify(calls.authorize(company.ana, ticket_id, "REPLY"), ("ticket",))
    assert (grant["action"], grant["ticket"], grant["live"]) == ("GRANT_ACTION_REPLY", ticket_id, True)
    assert (grant["level"], grant["department"]) == (str(company.n1), str(company.service))
    assert refused(lambda: calls.authorize(company.vera, ticket_id, "REPLY")).reason == "TRANSITION_NOT_ALLOWED"
    assert refused(lambda: calls.authorize(company.bruno, ticket_id, "REPLY")).reason == "TICKET_ALREADY_STARTED"
    calls.reply(company.ana, ticket_id, "CLOSED", request_id="once")
    assert refused(lambda: calls.authorize(company.ana, ticket_id, "REPLY")).reason == "TRANSITION_NOT_ALLOWED"
    assert calls.authorize(company.ana, ticket_id, "REPLY", request_id="once")
    reading = keys_of("mail").verify(calls.authorize(company.ana, ticket_id, "READ_MESSAGES"), ("ticket",))
    assert reading["live"] is False


def test_a_repeated_request_gets_its_grant_also_while_the_first_one_is_being_committed(
    calls: Calls, company: Company, ticket_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever missed the answer to a reply that closed the ticket must not be told that it was refused."""
    find = tickets.find

    def find_after_the_first(*arguments: object) -> object:
        monkeypatch.setattr(tickets, "find", find)
        calls.reply(company.ana, ticket_id, "CLOSED", request_id="once")
        return find(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tickets, "find", find_after_the_first)
    assert calls.authorize(company.ana, ticket_id, "REPLY", request_id="once")
