"""Mails to send, and ways to break what they are sent to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import psycopg

from mail.domain import Account
from mail.storage import accounts
from servicekit.database import Database
from servicekit.ids import new_id

# By which signed names are made and known.
SECRET = b"secret of the tests"
PROTOCOL = "20261121123456789"
MAILBOX = "atendimento@demo.guiche"


def mail(number: object = 1, body: bytes = b"Bom dia", headers: bytes = b"") -> bytes:
    return (
        b"From: Ana <ana@example.com>\r\nTo: " + MAILBOX.encode() + b"\r\nSubject: Pedido\r\n"
        b"Message-ID: <" + str(number).encode() + b"@example.com>\r\n" + headers + b"\r\n" + body + b"\r\n"
    )


def letter(
    own: str = "",
    references: Sequence[str] = (),
    in_reply_to: Sequence[str] = (),
    sender: str = "ana@example.com",
    subject: str = "Pedido",
    headers: str = "",
    body: str = "Bom dia",
) -> bytes:
    fields = [f"From: <{sender}>", f"Subject: {subject}"]
    fields += [f"Message-ID: <{own}>"] if own else []
    fields += ["References: " + " ".join(f"<{one}>" for one in references)] if references else []
    fields += ["In-Reply-To: " + " ".join(f"<{one}>" for one in in_reply_to)] if in_reply_to else []
    return "\r\n".join([*fields, *headers.splitlines(), "", body, ""]).encode()


def add_account(database: Database, organization: UUID, address: str) -> Account:
    with database.transaction() as connection:
        return accounts.add(connection, Account(new_id(), organization, address, "Atendimento"))


@contextmanager
def database_away(database: Database) -> Iterator[None]:
    """Nobody can connect and those who were are thrown out, as when the server restarts."""
    name = database.engine.url.database
    url = database.engine.url.set(database="postgres", drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as administration:
        administration.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        administration.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        administration.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


# Of which HTML is made that tries to act or to load.
HOSTILE_PIECES = [
    "<",
    ">",
    "/",
    "=",
    '"',
    "'",
    "`",
    "<img",
    "src=",
    "<a",
    "href=",
    "<svg>",
    "<math>",
    "<style>",
    "</style>",
    "<!--",
    "-->",
    "<p",
    "style=",
    "url(",
    "javascript:",
    "https://x",
    "cid:",
    "<noscript>",
    "<title>",
    "<textarea>",
    "<table>",
    "<td>",
    "onerror=x",
    "&",
    "&lt;",
    "&#x3c;",
    "data-remote-src=",
    "<mtext>",
    "<mglyph>",
    "<template>",
]
