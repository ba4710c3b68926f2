"""What parsing one mail costs in the child that does it: mails a second, and the worst processor time and memory.

Usage: python bench/parse_mail.py [MUTANTS]   (default 2,000 of seed 1: the samples spoiled and mails made of odd pieces, one of a
hundred of 2 MB; beside them the samples as they are, and mails of up to 24 MB made to harm)
Limit of the same run: the standard library's parser (compat32) on one core, in this process, without a child, cleaning, quotes,
or any limit. What it raises for is counted; it is stopped after five seconds, for some of these mails take it minutes.
"""

# ruff: noqa: T201 -- prints its figures.

import os
import shutil
import signal
import statistics
import sys
import time
from base64 import encodebytes
from collections.abc import Callable, Iterable
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


class Cost(NamedTuple):
    name: str
    size: int  # bytes of the mail
    seconds: float  # of processor
    memory: int  # bytes of the child at its highest


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
    raw_path, files = folder / "raw", folder / "files"
    costs = []
    for name, raw in mails:
        raw_path.write_bytes(raw)
        child = the_child()
        forget_highest(child)
        before = cpu_seconds(child)
        try:
            pool.parse(raw_path, files)
        except Unparsable as refused:
            name = f"{name}: {refused.reason}"  # noqa: PLW2901
        alive = child is not None and the_child() == child
        costs.append(
            Cost(name, len(raw), cpu_seconds(child) - before if alive else 0.0, highest(child) if alive else 0)
        )
        shutil.rmtree(files, ignore_errors=True)
    return costs


def too_slow(*_: object) -> None:
    raise TimeoutError


def by_standard_library(mails: Named) -> list[Cost]:
    costs = []
    signal.signal(signal.SIGALRM, too_slow)
    for name, raw in mails:
        before = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, STANDARD_SECONDS)
        try:
            read_by_standard_library(raw)
        except Exception as error:
            name = f"raised {type(error).__name__}"  # noqa: PLW2901
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        costs.append(Cost(name, len(raw), time.process_time() - before, 0))
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
    raised = sum(cost.name.startswith("raised") for cost in costs)
    cells = f"{len(costs) / total:>10.0f}{statistics.median(milliseconds):>10.2f}{max(milliseconds):>10.1f}{of(slowest):>24}"
    memory = (
        f"{largest.memory / 1e6:>10.0f}{of(largest):>24}"
        if largest.memory
        else f"{'':10}{f'raised {raised} times':>24}"
    )
    print(f"{name:30}{len(costs):>7}{cells}{memory}", flush=True)


def of(cost: Cost) -> str:
    return f"{cost.name[-15:]} {cost.size // 1000} kB"


# Of the child, as the kernel tells.


def the_child() -> int | None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    pids = [int(word) for word in children.read_text().split()]
    return next((pid for pid in pids if b"mail.parsing.child" in Path(f"/proc/{pid}/cmdline").read_bytes()), None)


def cpu_seconds(pid: int | None) -> float:
    """Of its threads, in steps of nanoseconds."""
    if pid is None:
        return 0.0
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def forget_highest(pid: int | None) -> None:
    if pid is not None:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def highest(pid: int | None) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
