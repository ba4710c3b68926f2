"""Files and those who own them."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Column, Select, select

from mail.checks.store import Listed, Store
from mail.domain import file_key
from mail.storage.tables import ATTACHMENTS, DELIVERIES, RAW_MAILS, UPLOADS
from servicekit.checking import Finding, Look

KEYS: Sequence[Column[str]] = (
    RAW_MAILS.c.file_key,
    ATTACHMENTS.c.file_key,
    UPLOADS.c.file_key,
    DELIVERIES.c.file_key,
)


def mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    for row in look.rows(select(RAW_MAILS.c.id, RAW_MAILS.c.file_key, RAW_MAILS.c.size), RAW_MAILS.c.id):
        if problem := store.problem(row.file_key, row.size):
            yield Finding(str(row.id), f"the file of this mail {problem}: {row.file_key}")


def attachments_are_there(store: Store, look: Look) -> Iterator[Finding]:
    names = ("id", "file_key", "size", "sha256")
    for row in look.rows(select(*(ATTACHMENTS.c[name] for name in names)), ATTACHMENTS.c.id):
        if problem := misnamed(row.file_key, row.sha256) or store.problem(row.file_key, row.size):
            yield Finding(str(row.id), f"the file of this attachment {problem}: {row.file_key}")


def uploads_are_there(store: Store, look: Look) -> Iterator[Finding]:
    names = ("id", "organization_id", "file_key", "size", "sha256")
    for row in look.rows(select(*(UPLOADS.c[name] for name in names)), UPLOADS.c.id):
        problem = store.problem(row.file_key, row.size)
        if row.file_key != file_key(row.organization_id, row.sha256):
            problem = "is not of its organization and hash"
        if problem:
            yield Finding(str(row.id), f"the file of this upload {problem}: {row.file_key}")


def composed_mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    query = select(DELIVERIES.c.id, DELIVERIES.c.file_key).where(DELIVERIES.c.file_key != "")
    for row in look.rows(query, DELIVERIES.c.id):
        if problem := store.problem(row.file_key, None):
            yield Finding(str(row.id), f"the mail that was made of this message {problem}: {row.file_key}")


def misnamed(key: str, sha256: str) -> str:
    return "" if key.endswith(f"/{sha256[:2]}/{sha256}") else "is not named by its hash"


def files_have_owners(store: Store, look: Look) -> Iterator[Finding]:
    """Folder by folder, each of which is a small part of all: the tables have no index of files."""
    for folder in store.folders():
        for chunk in store.listed(folder):
            look.seen += len(chunk)
            yield from ownerless(look, folder, [one for one in chunk if not look.young(one.written_at)])


def ownerless(look: Look, folder: str, files: Sequence[Listed]) -> Iterator[Finding]:
    if not files:
        return
    with look.snapshot() as connection:
        owned: set[str] = {key for column in KEYS for key in connection.scalars(within(column, folder))}
    for one in files:
        if one.key not in owned:
            yield Finding(one.key, f"nobody knows this file, written at {one.written_at:%F %T}")


def within(column: Column[str], folder: str) -> Select[str]:
    """The digit after "/" ends the range."""
    return select(column).where(column >= f"{folder}/", column < f"{folder}0").distinct()
