"""Files and those who own them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, Table, select

from mail.checks.inventory import File
from mail.checks.store import Store
from mail.domain import file_key
from mail.storage.tables import ATTACHMENTS, DELIVERIES, RAW_MAILS, UPLOADS
from servicekit.checking import Finding, Look

OWNERS: Sequence[Table] = (RAW_MAILS, ATTACHMENTS, UPLOADS, DELIVERIES)


def mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    for row, file in with_files(store, look, files_of(RAW_MAILS, "size")):
        if problem := wrong(file, row.size):
            yield Finding(str(row.id), f"the file of this mail {problem}: {row.file_key}")


def attachments_are_there(store: Store, look: Look) -> Iterator[Finding]:
    for row, file in with_files(store, look, files_of(ATTACHMENTS, "size", "sha256")):
        if problem := misnamed(row.file_key, row.sha256) or wrong(file, row.size):
            yield Finding(str(row.id), f"the file of this attachment {problem}: {row.file_key}")


def uploads_are_there(store: Store, look: Look) -> Iterator[Finding]:
    for row, file in with_files(store, look, files_of(UPLOADS, "organization_id", "size", "sha256")):
        problem = wrong(file, row.size)
        if row.file_key != file_key(row.organization_id, row.sha256):
            problem = "is not of its organization and hash"
        if problem:
            yield Finding(str(row.id), f"the file of this upload {problem}: {row.file_key}")


def composed_mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    for row, file in with_files(store, look, files_of(DELIVERIES)):
        if problem := wrong(file, None):
            yield Finding(str(row.id), f"the mail that was made of this message {problem}: {row.file_key}")


def files_of(table: Table, *columns: str) -> Select[Any]:
    query: Select[Any] = select(*(table.c[name] for name in ("id", "file_key", *columns)))
    # A delivery that was never tried has none yet.
    return query.where(table.c.file_key != "") if table is DELIVERIES else query


def with_files(store: Store, look: Look, query: Select[Any]) -> Iterator[tuple[Row[Any], File | None]]:
    """Every row and its file as it was found; None: it is missing."""
    store.look_anew()
    for rows in look.batches(query, query.selected_columns["id"]):
        files: Mapping[str, File] = store.look_up({row.file_key for row in rows})
        for row in rows:
            yield row, files.get(row.file_key)


def wrong(file: File | None, size: int | None) -> str:
    """What is wrong with a file; empty where nothing is. size: as its owner says; None: it does not say."""
    if file is None:
        return "is missing from the store"
    if size is not None and file.size != size:
        return f"has {file.size} bytes and should have {size}"
    return "is not what it was: its content has another hash" if file.changed else ""


def misnamed(key: str, sha256: str) -> str:
    return "" if key.endswith(f"/{sha256[:2]}/{sha256}") else "is not named by its hash"


def files_have_owners(store: Store, look: Look) -> Iterator[Finding]:
    """First the files, then the owners: one that was written before the grace has had its row since then, or never."""
    files, before = store.inventory, look.before()
    files.ask_for_owners()
    for table in OWNERS:
        for rows in look.batches(files_of(table), table.c.id):
            files.own({row.file_key for row in rows})
    look.seen = files.count()
    for chunk in files.ownerless():
        # One that is written again while this goes on is about to be somebody's.
        for file in store.ask([file.key for file in chunk if is_old(file, before)]).values():
            if is_old(file, before):
                yield Finding(file.key, f"nobody knows this file, written at {file.written_at:%F %T}")


def is_old(file: File, before: datetime) -> bool:
    """What claims to come from the future must not be young until then."""
    return not before <= file.written_at <= datetime.now(UTC)
