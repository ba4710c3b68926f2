import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mail.parsing.model import Limits
from mail.parsing.pool import ParserPool, Unparsable

DEADLINE_SECONDS = 20
GOOD = (
    b"From: ana@example.com\r\nSubject: Oi\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nBom dia\r\n"
)
GOOD += b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n--b--\r\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.eml"
    path.write_bytes(GOOD)
    return path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A mail whose bytes do not come: the child that reads it hangs until somebody writes or kills."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def children_of(parent: int) -> set[int]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()
            if (
                int(state[1]) == parent
                and state[0] != "Z"
                and b"mail.parsing.child" in (process / "cmdline").read_bytes()
            ):
                found.add(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def reads(pipe: Path, processes: set[int]) -> bool:
    try:
        return any(link.resolve() == pipe for process in processes for link in Path(f"/proc/{process}/fd").iterdir())
    except FileNotFoundError:
        return False


@contextmanager
def hanging(pool: ParserPool, pipe: Path, folder: Path) -> Iterator[tuple[Future[object], int]]:
    """A parse that has begun to read the pipe, and the pipe's writing end."""
    with ThreadPoolExecutor(1) as executor:
        future: Future[object] = executor.submit(pool.parse, pipe, folder)
        writer = os.open(pipe, os.O_WRONLY)  # waits until the child reads
        try:
            yield future, writer
        finally:
            os.close(writer)


def test_a_mail_becomes_data_and_files(good: Path, tmp_path: Path) -> None:
    with ParserPool(1) as pool:
        mail = pool.parse(good, tmp_path / "work" / "1")
    assert (mail.subject, mail.text) == ("Oi", "Bom dia")
    (file,) = mail.attachments
    assert file.file_name == "a.pdf"
    assert Path(file.path) == tmp_path / "work" / "1" / "0001"
    assert Path(file.path).read_bytes() == b"%PDF"


def test_a_child_is_kept_for_the_next_mail_and_ends_with_the_pool(good: Path, tmp_path: Path) -> None:
    with ParserPool(2) as pool:
        assert children_of(os.getpid()) == set()
        pool.parse(good, tmp_path / "1")
        first = children_of(os.getpid())
        pool.parse(good, tmp_path / "2")
        assert children_of(os.getpid()) == first
        assert len(first) == 1
    assert children_of(os.getpid()) == set()
    with pytest.raises(RuntimeError):
        pool.parse(good, tmp_path / "3")


def test_a_child_knows_nothing_of_its_parents_environment(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUICHE_SECRET", "s3cret")
    with ParserPool(1) as pool:
        pool.parse(good, tmp_path / "1")
        (child,) = children_of(os.getpid())
        assert b"s3cret" not in Path(f"/proc/{child}/environ").read_bytes()


def test_a_child_killed_from_outside_costs_nothing(good: Path, pipe: Path, tmp_path: Path) -> None:
    with ParserPool(1) as pool, ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.parse, pipe, tmp_path / "1")
        with pipe.open("wb"):  # kept open to the end: the second child must not find an empty mail
            (child,) = children_of(os.getpid())
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: reads(pipe, children_of(os.getpid()) - {child}))
            with pipe.open("wb") as second:
                second.write(GOOD)
        assert future.result(DEADLINE_SECONDS).subject == "Oi"


def test_a_mail_that_ends_two_children_is_unparsable_and_the_next_one_parses(
    good: Path, pipe: Path, tmp_path: Path
) -> None:
    with ParserPool(1) as pool:
        with hanging(pool, pipe, tmp_path / "1") as (future, _):
            (first,) = children_of(os.getpid())
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: reads(pipe, children_of(os.getpid()) - {first}))
            (second,) = children_of(os.getpid())
            os.kill(second, signal.SIGKILL)
            with pytest.raises(Unparsable) as refused:
                future.result(DEADLINE_SECONDS)
        assert refused.value.reason == "CRASHED"
        assert pool.parse(good, tmp_path / "2").subject == "Oi"


def test_children_that_cannot_start_are_no_fault_of_the_mail(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with ParserPool(1) as pool, pytest.raises(RuntimeError, match="no parser child starts"):
        pool.parse(good, tmp_path / "1")


def test_a_child_that_died_between_mails_is_replaced_unnoticed(good: Path, tmp_path: Path) -> None:
    with ParserPool(1) as pool:
        pool.parse(good, tmp_path / "1")
        (child,) = children_of(os.getpid())
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: child not in children_of(os.getpid()))
        assert pool.parse(good, tmp_path / "2").subject == "Oi"


def test_a_mail_over_its_time_is_unparsable_and_the_next_one_parses(good: Path, pipe: Path, tmp_path: Path) -> None:
    with ParserPool(1, Limits(wall_seconds=1.5)) as pool:
        with hanging(pool, pipe, tmp_path / "1") as (future, _), pytest.raises(Unparsable) as refused:
            future.result(DEADLINE_SECONDS)
        assert refused.value.reason == "TIME_LIMIT"
        assert pool.parse(good, tmp_path / "2").subject == "Oi"


def test_a_mail_over_its_cpu_time_is_unparsable(good: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.eml"
    slow.write_bytes(b"Content-Type: text/html\r\n\r\n" + b"<p>a</p>" * 3_000_000)
    with ParserPool(1, Limits(wall_seconds=100, cpu_seconds=0, memory_bytes=2**34, body_characters=2**30)) as pool:
        with pytest.raises(Unparsable) as refused:
            pool.parse(slow, tmp_path / "1")
        assert refused.value.reason == "TIME_LIMIT"
        assert pool.parse(good, tmp_path / "2").subject == "Oi"


@pytest.mark.parametrize("head", [b"\r\n", b"Content-Type: text/html\r\n\r\n"], ids=["text", "html"])
def test_a_mail_over_its_memory_is_unparsable_and_the_next_one_parses(good: Path, tmp_path: Path, head: bytes) -> None:
    large = tmp_path / "large.eml"
    large.write_bytes(head + b"a:<i>\n" * 15_000_000)
    limits = Limits(memory_bytes=140 * 1024 * 1024, body_characters=50_000_000)
    with ParserPool(1, limits) as pool:
        with pytest.raises(Unparsable) as refused:
            pool.parse(large, tmp_path / "1")
        assert refused.value.reason == "MEMORY_LIMIT"
        assert pool.parse(good, tmp_path / "2").subject == "Oi"


def test_other_mails_keep_parsing_while_one_hangs(good: Path, pipe: Path, tmp_path: Path) -> None:
    with ParserPool(2) as pool, hanging(pool, pipe, tmp_path / "hangs") as (future, writer):
        with ThreadPoolExecutor(4) as executor:
            mails = list(executor.map(lambda number: pool.parse(good, tmp_path / str(number)), range(200)))
        assert {mail.text for mail in mails} == {"Bom dia"}
        assert not future.done()
        os.write(writer, b"x")


def test_a_child_ends_when_its_parent_is_killed(good: Path, tmp_path: Path) -> None:
    program = (
        "import sys, signal\nfrom pathlib import Path\nfrom mail.parsing.pool import ParserPool\npool = ParserPool(1)\n"
        f"pool.parse(Path({str(good)!r}), Path({str(tmp_path / '1')!r}))\nprint('ready', flush=True)\nsignal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (child,) = children_of(parent.pid)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


def test_a_missing_raw_file_is_no_fault_of_the_mail(tmp_path: Path) -> None:
    with ParserPool(1) as pool, pytest.raises(FileNotFoundError):
        pool.parse(tmp_path / "none.eml", tmp_path / "1")


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_mail(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    (folder / "0001").mkdir(parents=True)
    with ParserPool(1) as pool, pytest.raises(OSError, match="could not read or write"):
        pool.parse(good, folder)


def test_hostile_samples_pass_through_a_small_pool(samples: Path, tmp_path: Path) -> None:
    paths = sorted(samples.glob("*/*.eml"))
    with ParserPool(2) as pool, ThreadPoolExecutor(2) as executor:
        mails = list(executor.map(lambda path: pool.parse(path, tmp_path / path.stem), paths))
    assert len(mails) == len(paths)
    assert json.dumps([mail.subject for mail in mails])


def test_a_child_that_leaves_links_is_not_believed(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"????")
    (folder / "0001").symlink_to(secret)
    with ParserPool(1) as pool, pytest.raises(Unparsable) as refused:
        pool.parse(good, folder)
    assert refused.value.reason == "MALFORMED"
