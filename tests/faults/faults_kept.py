"""What is judged after a fault: everything that was promised is there, once, and the checker finds nothing."""

from collections import Counter
from uuid import uuid4

import pika
from faults_flood import ONCE, Flood
from faults_house import House
from order import assert_in_order

from all_in_one.check.command import checked, read_settings
from servicekit.events.amqp import CONTENT_TYPE, DEAD, queue_of
from servicekit.testing import eventually

# How often a reply may have come that stands so; where nothing is said here, it must not have come.
TIMES_OF_A_REPLY = {"SENT": (1,), "UNKNOWN": (0, 1)}


def kept(flood: Flood, seconds: float = 120, grace: float = 0) -> None:
    """Once the system is at rest, which may take so long."""
    house = flood.house
    assert not flood.errors, flood.errors
    eventually(house.system.answers, seconds=90)
    assert_in_order(house.data, seconds, grace)
    every_mail_is_there(flood)
    every_answer_is_in_its_conversation(flood)
    every_verb_is_in_the_history_once(flood)
    every_mail_came_as_often_as_is_told(house)
    no_reply_came_twice(house)


def every_mail_is_there(flood: Flood) -> None:
    ids = [*flood.accepted, *flood.hostile]
    rows = flood.house.query(
        "mail",
        "SELECT message_id, count(*), min(state), count(messages.ticket_id) FROM raw_mails "
        "LEFT JOIN messages ON raw_mail_id = raw_mails.id WHERE message_id = ANY(%s) GROUP BY message_id",
        ids,
    )
    found = {row[0]: row[1:] for row in rows}
    assert found.keys() == set(ids), "each mail that was answered 250 is there"
    assert {row[0] for row in found.values()} <= {1}, "and once"
    lost = {id: found[id] for id in flood.accepted if found[id][1:] != ("INGESTED", 1)}
    assert not lost, f"and stands on a ticket: {lost}"


def every_answer_is_in_its_conversation(flood: Flood) -> None:
    """Whatever became of the ticket meanwhile: what follows a closed one is of the same conversation."""
    rows = flood.house.query(
        "mail",
        "SELECT message_id, conversation_id FROM raw_mails JOIN messages ON raw_mail_id = raw_mails.id "
        "WHERE message_id = ANY(%s)",
        list(flood.accepted),
    )
    conversations = dict(rows)
    astray = {
        id: answered
        for id, answered in flood.accepted.items()
        if answered and conversations[id] != conversations[answered]
    }
    assert not astray, f"what answers a mail is in its conversation: {astray}"


def every_verb_is_in_the_history_once(flood: Flood) -> None:
    """Only open tickets are taken, and nothing that was done here opens one again: each is done to once at most."""
    rows = flood.house.query(
        "ticket",
        "SELECT ticket_id::text, kind, version FROM interactions WHERE ticket_id = ANY(%s::uuid[])",
        list({act.ticket_id for act in flood.tried}),
    )
    told = {((ticket_id, kind), version) for ticket_id, kind, version in rows}
    missing = [done for done in flood.done if done not in told]
    assert not missing, f"what was answered 2xx is in the history: {missing}"
    assert len(set(flood.done)) == len(flood.done)
    assert flood.replies(), "somebody replied"
    times = Counter((ticket_id, kind) for ticket_id, kind, _ in rows)
    doubled = {act: times[act] for act in flood.tried if times[act] > 1}
    assert not doubled, f"each verb is done once: {doubled}"
    # Of those who start the same ticket all but one are refused; from then on nobody else may.
    undone = [act for act in flood.refused if times[act] and act.kind != "STARTED"]
    assert not undone, f"what was refused was not done: {undone}"


def every_mail_came_as_often_as_is_told(house: House) -> None:
    """Not before the last has left: a delivery may rest between two attempts."""
    waiting = "SELECT id FROM messages WHERE delivery_state IN ('QUEUED', 'SENDING')"
    eventually(lambda: not house.query("mail", waiting), seconds=180)
    told = house.query(
        "mail", "SELECT message_id_header, delivery_state, automatic <> '' FROM messages WHERE direction = 'OUT'"
    )
    with house.customers.lock:
        came = Counter(str(one.mail["Message-ID"]).strip("<>") for one in house.customers.received)
    wrong = [(*row, came[row[0]]) for row in told if not possible(row[1], row[2], came[row[0]])]
    assert not wrong, f"what is told of a mail is what became of it: {wrong}"
    assert came.keys() <= {row[0] for row in told}, "nothing came of which mail knows nothing"


def possible(state: str, automatic: bool, times: int) -> bool:
    """Acknowledgements may come twice."""
    if automatic:
        return times > 0 or state != "SENT"
    return times in TIMES_OF_A_REPLY.get(state, (0,))


def no_reply_came_twice(house: House) -> None:
    """By its Message-ID, and by what it says: one that was written twice has two of these."""
    with house.customers.lock:
        replies = [one for one in house.customers.received if not one.is_acknowledgement]
    for known_by in ([str(one.mail["Message-ID"]) for one in replies], [one.text.splitlines()[0] for one in replies]):
        doubled = [word for word, times in Counter(known_by).items() if times > 1]
        assert not doubled, f"a customer gets each reply once: {doubled}"
    assert all(one.text.startswith(ONCE) for one in replies)


def poisoned(house: House) -> None:
    """What nobody can handle is found by the checker, by name; then somebody clears it away, as the runbook says."""
    given = poison(house)
    settings = read_settings(house.data)

    def named() -> set[str]:
        wanted = ("No event was given up", "No message is dead")
        found = checked(settings, grace=0, settle=0, only=lambda promise: promise.words in wanted)
        return {finding.what for result in found for finding in result.findings}

    eventually(lambda: set(given) <= named(), seconds=120)
    house.query("ticket", "DELETE FROM inbox WHERE failed_at IS NOT NULL AND id::text = ANY(%s) RETURNING id", given)
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        dead = connection.channel().queue_purge(DEAD).method.message_count
    assert dead == 1, "of all that was sent only what is no event is dead"


def poison(house: House) -> list[str]:
    """No event at all, an event nobody knows, and one that is garbage; by what must be found of each."""
    headers = {"ce-specversion": "1.0", "ce-source": "test", "ce-time": "2026-01-01T00:00:00Z", "ce-partitionkey": "x"}
    unknown, garbage = str(uuid4()), str(uuid4())
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue_of("ticket"), b"no event")
        for id, kind in ((unknown, "guiche.nobody.v1.Knows"), (garbage, "guiche.routing.v1.AttendantChanged")):
            own = headers | {"ce-id": id, "ce-type": kind}
            said = pika.BasicProperties(headers=own, content_type=CONTENT_TYPE, delivery_mode=2)
            channel.basic_publish("", queue_of("ticket"), b"\xff\xff garbage", said)
    return [DEAD, unknown, garbage]
