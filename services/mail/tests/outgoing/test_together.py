"""Acknowledgements that share their commits: what becomes of one is not what becomes of the others."""

import pytest
from outgoing_support import ticket_of, told
from sqlalchemy import text

from mail.handlers import sending
from mail.handlers.deliveries import recover
from mail.handlers.sending import begin, send_due
from mail.storage.tables import DELIVERIES, MESSAGES


@pytest.fixture
def states(rows):
    """Of the acknowledgements, by whom they are for."""

    def read():
        leaving = [row for row in rows(MESSAGES) if row.direction == "OUT"]
        return {row.to_addresses[0]["email"].partition("@")[0]: row.delivery_state for row in leaving}

    return read


@pytest.fixture
def waiting(arrived, account, tell):
    """Acknowledgements on their way, each for an address of its own."""

    def make(count):
        for number in range(count):
            tell(ticket_of(arrived(100 + number, sender_email=f"ana{number}@example.com"), account).opened)

    return make


def test_each_is_told_of_as_what_became_of_it(waiting, states, send, customer, rows, database):
    refusals = {"ana1@example.com": "550 5.1.1 nobody", "ana2@example.com": "451 4.7.1 later"}
    customer.rcpt = refusals.get
    waiting(4)
    assert send() == 4
    assert states() == {"ana0": "SENT", "ana1": "FAILED", "ana2": "QUEUED", "ana3": "SENT"}
    assert sorted(told(database)) == ["FAILED", "SENT", "SENT"]
    assert {row.last_error.partition(" ")[0] for row in rows(DELIVERIES)} == {"", "550", "451"}
    assert not any(row.sending for row in rows(DELIVERIES))


def test_where_the_relay_goes_away_the_first_ones_are_sent_and_nothing_is_held_against_the_rest(
    waiting, states, send, sender, customer, due_now, rows
):
    answers = iter([None, None, "421 4.3.2 closing down"])
    customer.mail = lambda _: next(answers, None)
    waiting(5)
    assert send() == 5
    assert list(states().values()).count("SENT") == 2
    assert list(states().values()).count("QUEUED") == 3
    assert sender.resting()
    assert {row.refused_since for row in rows(DELIVERIES)} == {None}
    due_now()
    sender.rests_until = 0.0
    assert send() == 3
    assert set(states().values()) == {"SENT"}
    assert len(customer.got) == 5


@pytest.mark.parametrize("settled_every", [0.0, 60.0])
def test_who_is_told_to_stop_puts_back_what_it_has_not_offered(
    waiting, states, sender, customer, due_now, monkeypatch, settled_every
):
    monkeypatch.setattr(sending, "SETTLE_SECONDS", settled_every)
    waiting(5)
    send_due(sender, stopping=lambda: len(customer.got) == 2)
    assert sorted(states().values()) == ["QUEUED", "QUEUED", "QUEUED", "SENT", "SENT"]
    due_now()
    assert send_due(sender) == 3
    assert len({mail["To"] for mail in customer.mails}) == 5 == len(customer.got)


def test_of_those_that_were_begun_when_their_sender_died_each_is_then_begun_alone(
    waiting, states, sender, due_now, database
):
    waiting(3)
    assert len(begin(sender)) == 3
    with database.transaction() as connection:
        connection.execute(text("UPDATE deliveries SET next_at = now() - interval '1 s' WHERE sending"))
    assert recover(database) == 3
    assert set(states().values()) == {"QUEUED"}
    due_now()
    assert [len(begin(sender)) for _ in range(4)] == [1, 1, 1, 0]


def test_another_attempt_that_somebody_asked_for_meanwhile_is_left_alone(waiting, states, sender, customer, database):
    waiting(2)

    def asked_again(_):
        if not customer.got:
            with database.transaction() as connection:
                again = "UPDATE deliveries SET attempts = attempts + 1, sending = false WHERE sending"
                connection.execute(text(f"{again} AND id = (SELECT max(id::text)::uuid FROM deliveries)"))
        return

    customer.rcpt = asked_again
    send_due(sender)
    assert sorted(states().values()) == ["SENDING", "SENT"]
    assert recover(database) == 0


def test_a_reply_that_was_handed_over_before_anything_broke_is_not_sent_again(
    ticket, replied, sender, customer, state_of, due_now, database, monkeypatch
):
    def breaks():
        raise MemoryError

    reply = replied(ticket)
    monkeypatch.setattr(sender, "there", breaks)
    with pytest.raises(MemoryError):
        send_due(sender)
    assert (state_of(reply), len(customer.got)) == ("SENDING", 1)
    with database.transaction() as connection:
        connection.execute(text("UPDATE deliveries SET next_at = now() - interval '1 s' WHERE sending"))
    assert recover(database) == 1
    assert state_of(reply) == "UNKNOWN"


def test_a_reply_is_begun_alone_though_acknowledgements_wait(waiting, states, sender, ticket, replied, due_now):
    waiting(2)
    replied(ticket)
    due_now()
    kinds = [{one.delivery.kind for one in begin(sender)} for _ in range(2)]
    assert sorted(map(sorted, kinds)) == [["ACKNOWLEDGEMENT"], ["REPLY"]]
