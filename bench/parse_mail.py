"""What parsing one mail costs in the child that does it: mails a second, and the worst processor time and memory.

Usage: .venv/bin/python bench/parse_mail.py [MUTANTS]   (default 2,000 of seed 1: the samples spoiled and mails made of odd pieces, one of a
hundred of 2 MB; beside them the samples as they are, and mails of up to 24 MB made to harm)
A child that is killed, or retires, is charged with what it has used as well; memory is looked at every two milliseconds while it lives.
Limit of the same run: the standard library's parser (compat32) on one core, in this process, without a child, cleaning, quotes,
or any limit. What it raises for is counted; it is stopped after five seconds, for some of these mails take it minutes.
"""

# ruff: noqa: T201 -- prints its figures.

import os
import resource
import shutil
import signal
import statistics
import sys
import threading
import time
from base64 import encodebytes
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "services/mail/tests"))

from mail_mutants import mutants
from sample_support import PATHS, named
from test_bad_input import BAD

from mail.parsing.model import Unparsable
from mail.parsing.pool import ParserPool

STANDARD_SECONDS = 5.0
LOOK_SECONDS = 0.002
SMALL = b"From: ana@example.com\r\nSubject: Bom dia\r\n\r\nBom dia\r\n"


class Cost(NamedTuple):
    name: str
    size: int  # bytes of the mail
    seconds: float  # of processor
    memory: int  # bytes of the child at its highest
    failed: bool  # its child was ended for it; of the library: it raised


Named = Iterable[tuple[str, bytes]]


def main(count: int) -> None:
    processor = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    print(f"{processor.partition(':')[2].strip()}, {os.cpu_count()} cores; Python {sys.version.split()[0]}; one child")
    columns = ("mails/s", "median ms", "worst ms", "of", "worst MB", "of")
    print(f"{'':30}{'mails':>7}" + "".join(f"{column:>{24 if column == 'of' else 10}}" for column in columns))
    samples = [(named(path), path.read_bytes()) for path in PATHS]
    with TemporaryDirectory(prefix="guiche-bench-") as folder, ParserPool(1) as pool:
        in_child(pool, Path(folder), samples)  # nothing cold is measured
        for name, mails in corpora(samples, count):
            table(name, in_child(pool, Path(folder), mails()))
            table("  limit: standard library", by_standard_library(mails()))


def corpora(samples: list[tuple[str, bytes]], count: int) -> Iterable[tuple[str, Callable[[], Named]]]:
    yield "samples", lambda: samples
    yield "mutants of seed 1", lambda: ((one.name.rpartition(" ")[2], one.raw) for one in islice(mutants(1), count))
    yield "a file of 17 MB in base64", lambda: [("file", with_file(17_000_000))]
    yield "made to harm, up to 24 MB", BAD.items


def with_file(size: int) -> bytes:
    head = b"From: ana@example.com\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + encodebytes(os.urandom(size)).replace(b"\n", b"\r\n")


def in_child(pool: ParserPool, folder: Path, mails: Named) -> list[Cost]:
    return [in_one_child(pool, folder, name, raw) for name, raw in mails]


def in_one_child(pool: ParserPool, folder: Path, name: str, raw: bytes) -> Cost:
    """Of the one that lives, and of those that ended meanwhile: a mail may cost one its life, or two."""
    raw_path, files = folder / "raw", folder / "files"
    if the_child() is None:
        # To start one is not this mail's cost.
        raw_path.write_bytes(SMALL)
        pool.parse(raw_path, files)
    raw_path.write_bytes(raw)
    forget_highest(the_child())
    before, failed = seconds_of_children(), False
    with highest_of_the_child() as highest:
        try:
            pool.parse(raw_path, files)
        except Unparsable as refused:
            name, failed = f"{name}: {refused.reason}", True
    shutil.rmtree(files, ignore_errors=True)
    return Cost(name, len(raw), seconds_of_children() - before, max(highest), failed)


def too_slow(*_: object) -> None:
    raise TimeoutError


def by_standard_library(mails: Named) -> list[Cost]:
    costs = []
    signal.signal(signal.SIGALRM, too_slow)
    for name, raw in mails:
        before, failed = time.process_time(), False
        signal.setitimer(signal.ITIMER_REAL, STANDARD_SECONDS)
        try:
            read_by_standard_library(raw)
        except Exception as error:
            name, failed = f"raised {type(error).__name__}", True  # noqa: PLW2901
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        costs.append(Cost(name, len(raw), time.process_time() - before, 0, failed))
    return costs


def read_by_standard_library(raw: bytes) -> None:
    message = message_from_bytes(raw)
    for field in ("subject", "from", "to"):
        str(make_header(decode_header(str(message.get(field, "")))))
    for part in message.walk():
        if not part.is_multipart():
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            if part.get_content_maintype() == "text":
                data.decode(part.get_content_charset("utf-8"), "replace")


def table(name: str, costs: list[Cost]) -> None:
    slowest, largest = max(costs, key=lambda cost: cost.seconds), max(costs, key=lambda cost: cost.memory)
    total, milliseconds = sum(cost.seconds for cost in costs), [1000 * cost.seconds for cost in costs]
    failed = f"{'killed' if largest.memory else 'raised'}: {sum(cost.failed for cost in costs)}"
    cells = f"{len(costs) / total:>10.0f}{statistics.median(milliseconds):>10.2f}{max(milliseconds):>10.1f}{of(slowest):>24}"
    memory = f"{largest.memory / 1e6:>10.0f}{of(largest):>24}" if largest.memory else " " * 34
    print(f"{name:30}{len(costs):>7}{cells}{memory}{failed:>14}", flush=True)


def of(cost: Cost) -> str:
    return f"{cost.name[-15:]} {cost.size // 1000} kB"


# Of the child, as the kernel tells.


def the_child() -> int | None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return next((pid for pid in map(int, children.read_text().split()) if b"mail.parsing.child" in command(pid)), None)


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def seconds_of_children() -> float:
    """All that children have used: those that have ended, and the threads of the one that lives, in nanoseconds."""
    ended, child = resource.getrusage(resource.RUSAGE_CHILDREN), the_child()
    tasks = [] if child is None else list(Path(f"/proc/{child}/task").iterdir())
    living = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    return ended.ru_utime + ended.ru_stime + living


def forget_highest(pid: int | None) -> None:
    if pid is not None:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextmanager
def highest_of_the_child() -> Iterator[list[int]]:
    """Of whichever lives meanwhile, in bytes. Looked at all the time, for one that is killed says nothing afterwards."""
    found, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            found.append(highest(the_child()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()
        found.append(highest(the_child()))


def highest(pid: int | None) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
