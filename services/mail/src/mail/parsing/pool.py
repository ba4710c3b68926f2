"""Children that parse, each killable, kept warm and replaced when one fails. Safe to use from many threads."""

import json
import os
import queue
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mail.parsing.model import Limits, ParsedMail, Reason, Unparsable
from mail.parsing.wire import from_json

__all__ = ["ParserPool", "Unparsable"]

_CHUNK = 1024 * 1024
_ANSWER_BYTES = 128 * 1024 * 1024  # far above what the limits of a mail's texts allow
_STARTING_SECONDS = 60
_ENDING_SECONDS = 5

Child = subprocess.Popen[bytes]


class ParserPool:
    """At most `size` children, each started when first needed. `parse` waits for a free one."""

    def __init__(self, size: int, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen, so sharing it is safe
        self._limits = limits
        self._free: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._size = size
        self._closed = threading.Event()

    def parse(self, raw_path: Path, work_folder: Path) -> ParsedMail:
        """Attachments become files in `work_folder`, which is made if missing and stays the caller's to delete.

        Raises Unparsable when this mail cannot be parsed. What says nothing about the mail is no reason to set it
        aside: OSError when files cannot be read or written, RuntimeError when no child starts or after `close`.
        """
        raw_path.stat()
        work_folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._parse(raw_path, work_folder)
        except Unparsable as refused:
            if refused.reason != "CRASHED":
                raise
        # Only a mail that ends two children is to blame: one may have been killed for want of memory elsewhere.
        return self._parse(raw_path, work_folder)

    def _parse(self, raw_path: Path, work_folder: Path) -> ParsedMail:
        child = self._free.get()
        kept: Child | None = None
        try:
            if self._closed.is_set():
                raise RuntimeError("the pool is closed")
            if child is None or child.poll() is not None:
                _end(child)
                child = None
                child = _start(self._limits)
            answer = _ask(child, raw_path, work_folder, self._limits)
            mail = _mail(answer, work_folder)
            kept = None if answer.get("retire") or self._closed.is_set() else child
            return mail
        finally:
            try:
                if kept is None:
                    _end(child)
            finally:
                self._free.put(kept)

    def close(self) -> None:
        """Waits for the mails under way, which their time limit ends, and ends every child."""
        if self._closed.is_set():
            return
        self._closed.set()
        for _ in range(self._size):
            _end(self._free.get())
        for _ in range(self._size):
            self._free.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start(limits: Limits) -> Child:
    """A fresh interpreter, not a fork: forking a process with threads copies locks nobody will release."""
    child = subprocess.Popen(  # noqa: S603 - our own module, and no shell
        [sys.executable, "-I", "-W", "ignore", "-m", "mail.parsing.child", json.dumps(asdict(limits))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
        cwd="/",
    )
    try:
        _read_line(child, time.monotonic() + _STARTING_SECONDS)
    except Unparsable as failed:
        _end(child)
        raise RuntimeError(f"no parser child starts: {failed.reason}") from None
    return child


def _end(child: Child | None) -> None:
    if child is None:
        return
    child.kill()
    child.wait(_ENDING_SECONDS)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe:
            pipe.close()


def _ask(child: Child, raw_path: Path, work_folder: Path, limits: Limits) -> dict[str, Any]:
    request = {"raw": str(raw_path.absolute()), "folder": str(work_folder.absolute())}
    assert child.stdin is not None
    deadline = time.monotonic() + limits.wall_seconds
    try:
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        raise Unparsable(_cause_of_death(child)) from None
    line = _read_line(child, deadline)
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise Unparsable("MALFORMED") from None
    if not isinstance(answer, dict):
        raise Unparsable("MALFORMED")
    return answer


def _read_line(child: Child, deadline: float) -> bytes:
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    chunks: list[bytes] = []
    size = 0
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while not (chunks and chunks[-1].endswith(b"\n")):
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise Unparsable("TIME_LIMIT")
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            raise Unparsable(_cause_of_death(child))
        chunks.append(chunk)
        size += len(chunk)
        if size > _ANSWER_BYTES:
            raise Unparsable("MALFORMED")
    return b"".join(chunks)


def _cause_of_death(child: Child) -> Reason:
    try:
        status = child.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return "CRASHED"
    if status in (-signal.SIGXCPU, -signal.SIGALRM):
        return "TIME_LIMIT"
    # Rust and C libraries end the process when memory is refused; Rust's words are stable enough to tell.
    last_words = os.read(child.stderr.fileno(), 64 * 1024) if child.stderr else b""
    return "MEMORY_LIMIT" if b"memory" in last_words.lower() else "CRASHED"


def _mail(answer: dict[str, Any], work_folder: Path) -> ParsedMail:
    error = answer.get("error")
    if error == "IO":
        raise OSError("the parser could not read or write a file")
    if error is not None:
        raise Unparsable("MEMORY_LIMIT" if error == "MEMORY_LIMIT" else "MALFORMED")
    try:
        mail = from_json(answer["mail"], work_folder)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unparsable("MALFORMED") from None
    if not all(_is_plain_file(Path(file.path), file.size) for file in mail.attachments):
        raise Unparsable("MALFORMED")
    return mail


def _is_plain_file(path: Path, size: int) -> bool:
    """A child that a mail has taken over could leave links to files the caller would then give out."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_size == size
