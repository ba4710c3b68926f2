"""Ends the process when a handler hangs: a thread cannot be stopped from outside, a process can be started anew."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from servicekit.telemetry import log

EXIT_CODE = 70  # sysexits.h: internal software error


class Watchdog:
    """Of one worker's thread; watches from a thread of its own between enter and exit."""

    def __init__(self, service: str, seconds: float) -> None:
        self.service = service
        self.seconds = seconds
        self.since: tuple[float, str] | None = None
        self.ended = threading.Event()

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        self.since = (time.monotonic(), what)
        try:
            yield
        finally:
            self.since = None

    def __enter__(self) -> "Watchdog":
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()

    def watch(self) -> None:
        while not self.ended.wait(min(1.0, self.seconds / 4)):
            since = self.since
            if since is not None and time.monotonic() - since[0] > self.seconds:
                log(self.service).critical("handler_hangs", what=since[1], seconds=self.seconds)
                faulthandler.dump_traceback(sys.__stderr__ or sys.stderr)
                os._exit(EXIT_CODE)
