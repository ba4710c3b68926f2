"""A message is sent again to those who do not have it, and to nobody twice."""

import pytest
from outgoing_support import told
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB


@pytest.fixture
def returned(database):
    """As when a report has said that the message did not reach this address."""

    def fail(message_id, email: str) -> None:
        late = text("UPDATE messages SET delivery_state = 'FAILED', refused = :refused WHERE id = :id")
        refused = [{"email": email, "detail": "550 5.1.1 unknown"}]
        with database.transaction() as connection:
            connection.execute(
                late.bindparams(bindparam("refused", type_=JSONB)), {"id": message_id, "refused": refused}
            )

    return fail


@pytest.fixture
def written_to(ticket, replied):
    return replied(ticket, to=["ana@example.com"], cc=["bia@example.com"], bcc=["chefe@example.com"])


def no_such(*names: str):
    return lambda address: "550 5.1.1 no such user" if address.startswith(names) else None


def test_a_copy_that_came_back_is_sent_again_alone(written_to, returned, send, customer, api, ticket, state_of):
    send()
    returned(written_to, "BIA@example.com")
    again = api.resend(ticket, message_id=str(written_to)).message.delivery
    assert (again.state, list(again.refused)) == (1, [])
    send()
    assert (state_of(written_to), customer.got[1].rcpt_tos) == ("SENT", ["bia@example.com"])
    # One that comes back only now has to get it as well, and the others still do not.
    returned(written_to, "chefe@example.com")
    api.resend(ticket, message_id=str(written_to))
    send()
    assert customer.got[2].rcpt_tos == ["chefe@example.com"]


def test_a_message_that_reached_only_copies_has_failed_and_goes_to_the_others_again(
    written_to, send, customer, api, ticket, state_of, database
):
    customer.rcpt = no_such("ana")
    send()
    assert (state_of(written_to), customer.got[0].rcpt_tos) == ("FAILED", ["bia@example.com", "chefe@example.com"])
    shown = api.list(ticket).messages[1].delivery
    assert (shown.detail, [one.email for one in shown.refused]) == ("550 5.1.1 no such user", ["ana@example.com"])
    customer.rcpt = no_such()
    api.resend(ticket, message_id=str(written_to))
    send()
    assert (state_of(written_to), customer.got[1].rcpt_tos) == ("SENT", ["ana@example.com"])
    assert told(database) == ["QUEUED", "FAILED", "QUEUED", "SENT"]


def test_what_nobody_got_is_sent_to_everybody_again(written_to, send, customer, api, ticket, state_of):
    customer.rcpt, customer.data = no_such("bia"), lambda: "554 5.7.1 not this"
    send()
    assert state_of(written_to) == "FAILED"
    customer.rcpt, customer.data = no_such(), lambda: None
    api.resend(ticket, message_id=str(written_to))
    send()
    assert len(customer.got[0].rcpt_tos) == 3


@pytest.mark.parametrize("answer", ["554 5.7.1 not this", None])
def test_a_second_attempt_that_fails_or_is_unknown_is_repeated_for_the_same_people(
    written_to, returned, send, customer, api, ticket, state_of, answer
):
    send()
    returned(written_to, "bia@example.com")
    api.resend(ticket, message_id=str(written_to))
    customer.data, customer.cut_after_data = lambda: answer, answer is None
    send()
    assert state_of(written_to) == ("FAILED" if answer else "UNKNOWN")
    customer.data, customer.cut_after_data = lambda: None, False
    api.resend(ticket, message_id=str(written_to))
    send()
    assert customer.got[-1].rcpt_tos == ["bia@example.com"]
