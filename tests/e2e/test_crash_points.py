"""A process is killed in the middle of each step between a customer's mail and the answer to it: nothing is lost or doubled."""

from uuid import uuid4

import httpx
import pytest
from conversing import messages, read, somebody
from correspondent import Correspondent
from e2e_support import System, about, letter
from order import assert_in_order

from servicekit.testing import eventually

ON_THE_WAY_IN = ["receive", "store", "parse", "resolve", "open", "acknowledge"]
ON_THE_WAY_OUT = ["draft", "verb", "send.before", "send.during", "send.after"]
# Between "sending" and "sent" nobody can know whether it arrived; how many did.
UNKNOWABLE = {"send.before": 0, "send.during": 1, "send.after": 1}


@pytest.mark.parametrize("point", ON_THE_WAY_IN)
def test_a_mail_is_one_ticket_and_acknowledged_whichever_step_dies(
    system: System, customers_server: Correspondent, point: str
) -> None:
    customer, subject = somebody(), f"Queda em {point} {uuid4().hex[:8]}"
    mail = letter(subject, sender=f"Cliente <{customer}>").as_bytes()
    crash = system.data / "crash"
    crash.write_text(point)
    eventually(lambda: sent(system, mail, customer), seconds=60)
    eventually(lambda: not crash.exists(), seconds=60)
    with system.client("ana") as ana:
        customers_server.acknowledgement(customer)
        eventually(system.answers, seconds=60)
        found = about(ana, subject)
        assert len(found) == 1
        said = messages(ana, found[0])
        assert [m["direction"] for m in said].count("IN") == 1
    assert_in_order(system.data)


def sent(system: System, mail: bytes, customer: str) -> bool:
    """Whether it was accepted; a sending server tries again until it is."""
    try:
        system.send(mail, sender=customer)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("point", ON_THE_WAY_OUT)
def test_a_reply_is_sent_once_or_said_to_be_unknown_whichever_step_dies(
    system: System, customers_server: Correspondent, point: str
) -> None:
    customer, subject = somebody(), f"Queda em {point} {uuid4().hex[:8]}"
    system.send(letter(subject, sender=f"Cliente <{customer}>"), sender=customer)
    customers_server.acknowledgement(customer)
    with system.client("ana") as ana:
        (ticket,) = eventually(lambda: about(ana, subject), seconds=30)
        assert ana.post(f"/tickets/{ticket['id']}:start").status_code == 200
        crash = system.data / "crash"
        crash.write_text(point)
        key = uuid4().hex
        eventually(lambda: replied(ana, ticket["id"], key), seconds=60)
        eventually(lambda: not crash.exists(), seconds=60)
        ended = ("SENT", "UNKNOWN", "FAILED")
        state = eventually(lambda: last if (last := delivery(ana, ticket)) in ended else None, seconds=90)
        assert state == ("UNKNOWN" if point in UNKNOWABLE else "SENT")
        eventually(system.answers, seconds=60)
        assert len(customers_server.replies(customer)) == UNKNOWABLE.get(point, 1)
        assert len([m for m in messages(ana, ticket) if m["automatic"] == "UNSPECIFIED"]) == 2
        assert read(ana, ticket)["interactions"] == 2, "the start and one reply"
    assert_in_order(system.data)


def replied(ana: httpx.Client, ticket_id: str, key: str) -> bool:
    """As a client that is sure of its key: again, until it is answered."""
    body = {"text": "Uma vez só.", "thenStatus": "PENDING"}
    try:
        answer = ana.post(f"/tickets/{ticket_id}:reply", json=body, headers={"Idempotency-Key": key})
    except httpx.HTTPError:
        return False
    assert answer.status_code in (200, 503, 504), answer.text
    return answer.status_code == 200


def delivery(ana: httpx.Client, ticket: dict) -> str:
    try:
        replies = [m for m in messages(ana, ticket) if m["direction"] == "OUT" and m["automatic"] == "UNSPECIFIED"]
        return str(replies[-1]["delivery"]["state"]) if replies else ""
    except (httpx.HTTPError, AssertionError):
        return ""
