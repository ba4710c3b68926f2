"""Files that are lost or changed, and messages that lie in the broker."""

import os
import shutil
from pathlib import Path
from uuid import uuid4

import pika
import pytest

from all_in_one.check import broker
from servicekit.checking import Finding
from servicekit.events.amqp import DEAD, EXCHANGE, queue_of
from servicekit.events.rabbitmq import declare
from servicekit.events.topology import CONSUMERS

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

# A table whose rows own files, and how the promise about them begins.
OWNERS_OF_FILES = {
    "raw_mails": "mail: The bytes of every accepted mail",
    "attachments": "mail: Every attachment",
    "uploads": "mail: Every upload",
    "deliveries": "mail: Every mail that was composed",
}


def lost(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def changed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


@pytest.mark.parametrize("table", OWNERS_OF_FILES)
@pytest.mark.parametrize("damage", [lost, cut, changed])
def test_damage_to_a_file_is_found_and_named(copied, table, damage) -> None:
    house = copied(files=True)
    # Of uploads those that no reply holds, of attachments those of mails that came: then the file has one owner.
    only = {"uploads": "message_id IS NULL", "deliveries": "file_key <> ''"}.get(table, "true")
    id, key = house.execute("mail", f"SELECT id || ' ' || file_key FROM {table} WHERE {only} LIMIT 1")[0].split()
    damage(house.files / key)
    found = house.check()
    (broken,) = (result for name, result in found.items() if name.startswith(OWNERS_OF_FILES[table]))
    assert id in {finding.what for finding in broken.findings}
    assert key in broken.findings[0].words


def test_a_changed_file_of_the_same_size_is_seen_only_by_reading_it(copied) -> None:
    house = copied(files=True)
    (key,) = house.execute("mail", "SELECT file_key FROM raw_mails LIMIT 1")
    changed(house.files / key)
    assert house.check(hashing=False) == {}
    assert house.check()


@pytest.mark.parametrize("column", ["sha256 = repeat('0', 64)", "file_key = 'elsewhere'"])
@pytest.mark.parametrize("table", ["attachments", "uploads"])
def test_a_file_named_by_another_hash_is_found(copied, table, column) -> None:
    house = copied("mail")
    ids = house.execute("mail", f"UPDATE {table} SET {column} RETURNING id")
    (broken,) = (result for name, result in house.check().items() if name.startswith(OWNERS_OF_FILES[table]))
    assert set(ids) == {finding.what for finding in broken.findings}


@pytest.mark.parametrize("table", OWNERS_OF_FILES)
def test_a_file_of_another_organization_is_found(copied, table) -> None:
    house = copied("mail", files=True)
    (own,) = (path for path in house.files.iterdir() if not path.name.startswith("."))
    stranger = str(uuid4())
    shutil.copytree(own, house.files / stranger)
    moved = f"file_key = replace(file_key, '{own.name}', '{stranger}')"
    ids = house.execute("mail", f"UPDATE {table} SET {moved} WHERE file_key <> '' RETURNING id")
    assert named(house, table) == set(ids)


@pytest.mark.parametrize("table", ["attachments", "deliveries"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE conversations SET organization_id = gen_random_uuid()", "is not its organization's"),
        ("DELETE FROM messages", "is of a message that does not exist"),
    ],
)
def test_a_file_is_found_whose_message_is_another_organization_s_or_gone(copied, table, damage, words) -> None:
    house = copied("mail")
    ids = house.execute("mail", damage, f"SELECT id FROM {table} WHERE file_key <> ''")
    assert ids
    found = findings(house, table)
    assert {finding.what for finding in found} == set(ids)
    assert all(words in finding.words for finding in found)


def test_a_mail_that_points_to_the_intact_file_of_another_is_found_by_reading_it(copied) -> None:
    house = copied("mail")
    (id, *_) = house.execute(
        "mail",
        "UPDATE raw_mails SET (file_key, size) = (SELECT file_key, size FROM raw_mails ORDER BY id DESC LIMIT 1) "
        "WHERE id = (SELECT id FROM raw_mails ORDER BY id LIMIT 1) RETURNING id",
    )
    assert named(house, "raw_mails") == {id}
    assert named(house, "raw_mails", hashing=False) == set()


def named(house, table: str, **options: bool) -> set[str]:
    return {finding.what for finding in findings(house, table, **options)}


def findings(house, table: str, **options: bool) -> list[Finding]:
    """By the promise of the files that rows of this table own."""
    results = house.check(lambda one: f"{one.of}: {one.words}".startswith(OWNERS_OF_FILES[table]), **options).values()
    return [finding for result in results for finding in result.findings]


def test_a_file_that_nobody_owns_is_left_over(copied) -> None:
    house = copied(files=True)
    organization = next(path for path in house.files.iterdir() if not path.name.startswith("."))
    stray = organization / "ab" / ("ab" + "0" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    (left,) = house.check().values()
    assert left.promise.leftover
    assert [finding.what for finding in left.findings] == [str(stray.relative_to(house.files))]
    assert house.check(grace=60) == {}, "it may be of a mail that is just being accepted"
    os.utime(stray, (1, 1))
    assert house.check(grace=60)


@pytest.fixture
def on_broker(lived_in, amqp_url):
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        lived_in.rabbitmq_url = amqp_url
        yield connection.channel()
        lived_in.rabbitmq_url = ""


def of_broker(house) -> dict:
    return house.check(only=lambda promise: promise.of == "broker")


def test_queues_that_nobody_declared_are_found(lived_in, on_broker) -> None:
    found = of_broker(lived_in)
    named = {finding.what for result in found.values() for finding in result.findings}
    assert named == {DEAD, *map(queue_of, CONSUMERS)}


def test_a_dead_message_and_a_backlog_are_found(lived_in, on_broker, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(on_broker, CONSUMERS)
    assert of_broker(lived_in) == {}
    monkeypatch.setattr(broker, "BACKLOG", 0)
    on_broker.confirm_delivery()
    on_broker.basic_publish(DEAD, "", b"nonsense")
    on_broker.basic_publish(EXCHANGE, "guiche.mail.v1.MessageReceived", b"late")
    found = of_broker(lived_in)
    named = {finding.what for result in found.values() for finding in result.findings}
    assert named == {DEAD, queue_of("routing")}


def test_a_broker_that_is_away_is_no_finding_and_is_said(lived_in, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lived_in, "rabbitmq_url", "amqp://guest:guest@127.0.0.1:1/")
    found = of_broker(lived_in)
    assert len(found) == 2
    assert all(result.unseen and not result.broken for result in found.values())


def test_the_broker_is_looked_at_though_databases_are_away(copied, on_broker, amqp_url) -> None:
    declare(on_broker, CONSUMERS)
    house = copied()
    house.rabbitmq_url = amqp_url
    house.databases = dict.fromkeys(house.databases, "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    on_broker.confirm_delivery()
    on_broker.basic_publish(DEAD, "", b"nonsense")
    (dead,) = of_broker(house).values()
    assert (dead.broken, dead.unseen, dead.looked_at) == (1, "", 1)
