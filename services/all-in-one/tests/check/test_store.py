"""What is asked of the store of files: of each file once, however many own it, and nothing twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import obstore
import pytest

from mail.checks.files import files_have_owners
from mail.checks.inventory import CHUNK, File, Inventory
from mail.checks.store import LARGE, Store
from mail.parsing import identity
from servicekit.checking import Look

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

ORGANIZATION = str(uuid4())


def key_of(content: bytes) -> str:
    digest = sha256(content).hexdigest()
    return f"{ORGANIZATION}/{digest[:2]}/{digest}"


@pytest.fixture
def put(tmp_path) -> Callable[[bytes], str]:
    def put(content: bytes) -> str:
        path = tmp_path / key_of(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return key_of(content)

    return put


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """How often the store was asked what, by (call, key); it answers as always."""
    counts: Counter[tuple[str, str]] = Counter()
    for name in ("head", "get"):
        call = getattr(obstore, name)

        def counting(store, key, *, name=name, call=call):
            counts[name, key] += 1
            return call(store, key)

        monkeypatch.setattr(obstore, name, counting)
    return counts


def test_a_file_that_many_own_is_read_once_and_none_is_asked_for_singly(copied, asked) -> None:
    house = copied("mail")
    rest = "file_name, content_type, size, sha256, file_key, content_id, inline"
    house.execute(
        "mail",
        f"INSERT INTO attachments (id, message_id, position, {rest}) "
        f"SELECT gen_random_uuid(), message_id, position + 100 * n, {rest} FROM attachments, generate_series(1, 200) n",
    )
    assert house.check() == {}
    assert {name for name, _ in asked} == {"get"}
    assert set(asked.values()) == {1}


def test_where_files_are_only_to_exist_the_listing_is_all_that_is_asked_for(lived_in, asked) -> None:
    assert lived_in.check(hashing=False) == {}
    assert not asked


@pytest.mark.parametrize("hashing", [True, False])
def test_a_file_that_was_written_after_the_listing_is_there(put, tmp_path, hashing) -> None:
    store = Store(tmp_path.as_uri(), hashing=hashing)
    early = put(b"early")
    assert store.look_up({early})[early].size == 5
    late = put(b"lately")
    assert store.look_up({early, late})[late].size == 6


def test_a_file_that_vanishes_before_it_is_read_is_missing_and_ends_nothing(put, tmp_path) -> None:
    store = Store(tmp_path.as_uri(), hashing=True)
    stays, vanishes = put(b"stays"), put(b"vanishes")
    assert store.inventory.count() == 2
    (tmp_path / vanishes).unlink()
    assert store.look_up({stays, vanishes}).keys() == {stays}


def test_a_file_that_was_mended_is_read_again_and_a_right_one_is_not(put, tmp_path, asked) -> None:
    store = Store(tmp_path.as_uri(), hashing=True)
    right, mended = put(b"right"), put(b"mended")
    (tmp_path / mended).write_bytes(b"broken")
    assert store.look_up({right, mended})[mended].changed
    assert store.look_up({right, mended})[mended].changed, "many rows may ask for it in one look"
    assert asked["get", mended] == 1
    put(b"mended")
    store.look_anew()
    assert not store.look_up({right, mended})[mended].changed
    assert asked == {("get", right): 1, ("get", mended): 2}


@pytest.mark.parametrize("text", [b"curta", b"longa" * LARGE])
def test_what_was_read_as_a_file_is_read_once_more_as_a_mail(put, tmp_path, asked, text) -> None:
    store, mail = Store(tmp_path.as_uri(), hashing=True), b"Subject: Oi\r\n\r\n" + text
    key = put(mail)
    assert store.look_up({key})[key].content_hash is None
    for _ in range(2):
        file = store.look_up({key}, {key: len(mail)})[key]
        assert (file.changed, file.content_hash) == (False, identity.content_hash(mail))
    assert store.look_up({key})[key].changed is False
    assert asked["get", key] == 2


def test_what_has_not_the_size_of_its_mail_is_not_read_as_one(put, tmp_path) -> None:
    store, key = Store(tmp_path.as_uri(), hashing=True), put(b"Subject: Oi\n\nOi")
    assert store.look_up({key}, {key: 3})[key].content_hash is None


def test_what_lies_beside_the_organizations_is_none_of_ours(put, tmp_path) -> None:
    key = put(b"ours")
    for folder in (".new", "lost+found"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "something").write_bytes(b"x")
    store = Store(tmp_path.as_uri(), hashing=True)
    store.inventory.ask_for_owners()
    assert [file.key for chunk in store.inventory.ownerless() for file in chunk] == [key]


@pytest.mark.parametrize("key", ["", "/", "../../etc/passwd", "a//b", "elsewhere"])
def test_a_row_whose_file_is_none_is_found_and_the_others_are_looked_at(copied, key) -> None:
    house = copied("mail")
    (id,) = house.execute(
        "mail",
        f"UPDATE raw_mails SET file_key = '{key}' WHERE id = (SELECT id FROM raw_mails ORDER BY id LIMIT 1) RETURNING id",
    )
    (result,) = house.check(only=lambda promise: promise.words.startswith("The bytes of every")).values()
    assert [finding.what for finding in result.findings] == [id]
    assert not result.unseen


def stray(house) -> str:
    digest = sha256(b"stray").hexdigest()
    organization = next(path.name for path in house.files.iterdir() if not path.name.startswith("."))
    path = house.files / organization / digest[:2] / digest
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"stray")
    return str(path.relative_to(house.files))


@pytest.fixture
def left_over(copied) -> Iterator[Callable[[], list[str]]]:
    """Keys of files without owner, in a house with a stray one; whenever it is called, by one and the same listing."""
    house = copied("mail", files=True)
    key = stray(house)
    store, look = Store(house.files.as_uri(), hashing=False), Look(house.databases["mail"], timedelta(0))

    def found() -> list[str]:
        return [finding.what for finding in files_have_owners(store, look)]

    assert found() == [key]
    assert look.seen == len([path for path in house.files.rglob("*") if path.is_file()])
    found.house, found.key = house, key
    yield found
    look.close()


@pytest.mark.parametrize("table", ["raw_mails", "attachments", "uploads", "deliveries"])
def test_a_file_that_somebody_owns_by_the_second_look_is_not_left_over(left_over, table) -> None:
    left_over.house.execute("mail", f"UPDATE {table} SET file_key = '{left_over.key}'")
    assert left_over.key not in left_over()


def test_a_file_that_is_gone_by_the_second_look_is_not_left_over(left_over) -> None:
    (left_over.house.files / left_over.key).unlink()
    assert left_over() == []


def test_an_inventory_knows_who_was_not_owned_this_time() -> None:
    inventory, count = Inventory(), 2 * CHUNK + 10
    written_at = datetime.now(UTC) - timedelta(days=1)
    inventory.add(File(f"key {n}", n, written_at) for n in range(count))
    assert inventory.count() == count
    inventory.ask_for_owners()
    inventory.own(f"key {n}" for n in range(count) if n % 2)
    assert {file.size % 2 for chunk in inventory.ownerless() for file in chunk} == {0}
    inventory.ask_for_owners()
    assert sum(map(len, inventory.ownerless())) == count
    assert inventory.files(["key 3", "unknown"])["key 3"].written_at == written_at
