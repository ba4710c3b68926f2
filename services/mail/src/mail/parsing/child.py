"""The process that touches hostile bytes: `python -I -m mail.parsing.child LIMITS`.

Says {"ready"} on stdout, then reads one JSON line per mail ({"raw", "folder"}) from stdin and answers each with one:
{"mail", "retire"}, or {"error"} with a reason or "IO". It ends with its stdin, hence with its parent; a mail that
outlives the parent is ended by the CPU limit and the alarm.
"""

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from mail.parsing.message import parse
from mail.parsing.model import Limits
from mail.parsing.wire import to_json, to_line

_MAILS = 1_000  # then the parent starts a fresh child: whatever a mail may have left behind does not last
_OPEN_FILES = 64


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    _confine(limits)
    # A private copy, so that a stray print of a library cannot become an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    gc.freeze()
    _send({"ready": True}, answers)
    for count, line in enumerate(sys.stdin.buffer, start=1):
        _limit_time(limits)
        answer = _answer(json.loads(line), limits)
        answer["retire"] = count >= _MAILS or _address_space() > limits.memory_bytes * 2 // 3
        _send(answer, answers)
        signal.alarm(0)


def _confine(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _limit_time(limits: Limits) -> None:
    """RLIMIT_CPU counts the process's whole life, so each mail gets what was used so far and its own share."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (used + limits.cpu_seconds, hard))
    signal.alarm(int(limits.wall_seconds) + 2)


def _answer(request: dict[str, str], limits: Limits) -> dict[str, Any]:
    try:
        raw = Path(request["raw"]).read_bytes()
        return {"mail": to_json(parse(raw, Path(request["folder"]), limits))}
    except MemoryError:
        return {"error": "MEMORY_LIMIT"}
    except OSError:
        return {"error": "IO"}
    except Exception:  # A defect of ours: this mail is set aside with its raw file, the next ones go on.
        return {"error": "MALFORMED"}


def _send(answer: dict[str, Any], answers: BinaryIO) -> None:
    try:
        line = to_line(answer)
    except MemoryError:
        line = to_line({"error": "MEMORY_LIMIT"})
    answers.write(line)
    answers.flush()


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
