"""From a recipient to a mailbox, from received bytes to committed rows. The event loop only waits here."""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy.exc import SQLAlchemyError

from mail.domain import Account, RawMail, base_address, normal_address
from mail.files import Files
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.metrics import ANSWERS, RECEIVE_SECONDS
from mail.receiver.smtp import ACCEPTED, TOO_MANY_RECIPIENTS, TROUBLE, UNKNOWN
from mail.storage import accounts
from servicekit.database import Database
from servicekit.telemetry import log, span

# Threads that hash and write files: their fsyncs are flushed together by the file system.
WRITERS = 8
# Rows committed together; while one commit is under way the next ones gather, so nobody waits for company.
BATCH = 100
# A new or changed account is known after so long; a lookup for each recipient would double the queries of a mail.
ACCOUNT_SECONDS = 5.0
ACCOUNTS_KEPT = 10_000

LOG = log("mail")


class Intake:
    """aiosmtpd's handler. `hint` is called after each commit and must neither fail nor wait."""

    def __init__(self, database: Database, files: Files, max_recipients: int, hint: Callable[[], None]) -> None:
        self.database, self.files, self.hint = database, files, hint
        self.max_recipients = max_recipients
        self.writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
        self.committer = ThreadPoolExecutor(1, thread_name_prefix="committer")
        self.waiting: list[tuple[list[RawMail], asyncio.Future[Exception | None]]] = []
        self.committing: asyncio.Task[None] | None = None
        self.known: dict[str, tuple[float, Account]] = {}

    async def handle_EHLO(
        self, _server: Any, session: Any, _envelope: Any, host_name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = host_name
        kept = [answer for answer in answers if not answer.startswith("250-AUTH")]
        return [*kept[:-1], "250-PIPELINING", *kept[-1:]]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        answer = await self.recipient(envelope, address)
        ANSWERS.labels("RCPT", answer[:3]).inc()
        return answer

    async def recipient(self, envelope: Any, address: str) -> str:
        if len(envelope.rcpt_tos) >= self.max_recipients:
            return TOO_MANY_RECIPIENTS
        try:
            account = await self.account(address)
        except SQLAlchemyError as error:
            LOG.error("account_lookup_failed", error=str(error))
            return TROUBLE
        if account is None:
            return UNKNOWN
        envelope.rcpt_tos.append(Recipient(address, account))
        return "250 2.1.5 Ok"

    async def account(self, address: str) -> Account | None:
        until, account = self.known.get(address, (0.0, None))
        if until > time.monotonic():
            return account
        self.known.pop(address, None)
        account = await asyncio.get_running_loop().run_in_executor(self.writers, self.look_up, address)
        # Unknown ones are not remembered: whoever tries names out must not push the known ones out.
        if account is not None:
            if len(self.known) >= ACCOUNTS_KEPT:
                self.known.clear()
            self.known[address] = (time.monotonic() + ACCOUNT_SECONDS, account)
        return account

    def look_up(self, address: str) -> Account | None:
        """The mailbox of this very address, else the one before its plus."""
        exact, base = normal_address(address), base_address(address)
        if exact != printable(exact):
            return None
        with self.database.transaction() as connection:
            found = {account.address: account for account in accounts.find(connection, [exact, base])}
        return found.get(exact) or found.get(base)

    async def take(self, envelope: Any, content: bytes) -> str:
        """Accepted only when bytes and rows are durable; the sender keeps the mail on any other answer."""
        began = time.perf_counter()
        sender = (envelope.mail_from or "").strip("<>")
        with span("smtp receive", kind=SpanKind.SERVER, size=len(content)):
            try:
                error = await self.keep(printable(sender), envelope.rcpt_tos, content)
            except Exception as unexpected:
                error = unexpected
            if error is not None:
                LOG.error("mail_not_stored", error=str(error), size=len(content))
                return TROUBLE
            LOG.info("mail_accepted", size=len(content), recipients=len(envelope.rcpt_tos))
        RECEIVE_SECONDS.observe(time.perf_counter() - began)
        return ACCEPTED

    async def keep(self, sender: str, recipients: list[Recipient], content: bytes) -> Exception | None:
        loop = asyncio.get_running_loop()
        # The thread does not inherit the span, which the rows take their trace from.
        work = partial(keep_content, self.files, sender, recipients, content)
        rows = await loop.run_in_executor(self.writers, contextvars.copy_context().run, work)
        outcome: asyncio.Future[Exception | None] = loop.create_future()
        self.waiting.append((rows, outcome))
        if self.committing is None or self.committing.done():
            self.committing = loop.create_task(self.commit_waiting())
        return await outcome

    async def commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting:
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            mails = [rows for rows, _ in batch]
            try:
                outcomes = await loop.run_in_executor(self.committer, keep_rows, self.database, mails)
                self.hint()
            except Exception as unexpected:
                outcomes = [unexpected] * len(batch)
            for (_, answered), error in zip(batch, outcomes, strict=True):
                # The client may have gone meanwhile; it will send the mail again and find it known.
                if not answered.done():
                    answered.set_result(error)

    async def handle_exception(self, error: Exception) -> str:
        LOG.error("smtp_command_failed", error=repr(error))
        return TROUBLE

    def close(self) -> None:
        self.writers.shutdown()
        self.committer.shutdown()


def printable(sender: str) -> str:
    """What PostgreSQL can store: addresses come with whatever bytes the client sent."""
    return sender.encode("utf-8", "replace").decode().replace("\0", "")
