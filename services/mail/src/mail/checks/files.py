"""Files and those who own them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Row, Select, Table, select

from mail.checks.inventory import File
from mail.checks.store import Store, name_of
from mail.domain import file_key
from mail.storage.tables import ATTACHMENTS, CONVERSATIONS, DELIVERIES, MESSAGES, RAW_MAILS, UPLOADS
from servicekit.checking import Finding, Look

OWNERS: Sequence[Table] = (RAW_MAILS, ATTACHMENTS, UPLOADS, DELIVERIES)


def said_in(message_id: Column[UUID]) -> ColumnElement[UUID]:
    """Asked as a subquery: joined by the order of its pages, each page might begin at the first message."""
    said = select(CONVERSATIONS.c.organization_id).join(MESSAGES, MESSAGES.c.conversation_id == CONVERSATIONS.c.id)
    return said.where(MESSAGES.c.id == message_id).scalar_subquery()


# Whose the files of a table are; of an attachment and of a composed mail those of the conversation they are said in.
ORGANIZATION_OF: Mapping[Table, ColumnElement[UUID]] = {
    RAW_MAILS: RAW_MAILS.c.organization_id,
    ATTACHMENTS: said_in(ATTACHMENTS.c.message_id),
    UPLOADS: UPLOADS.c.organization_id,
    DELIVERIES: said_in(DELIVERIES.c.id),
}


def mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    """A row that points to another mail's file is seen only by reading that."""
    for row, file in with_files(store, look, files_of(RAW_MAILS, "size", "content_hash"), mails=True):
        problem = wrong(row, file)
        if not problem and file is not None and file.content_hash not in (None, row.content_hash):
            problem = "is another mail's: its content is not what was accepted"
        if problem:
            yield Finding(str(row.id), f"the file of this mail {problem}: {row.file_key}")


def attachments_are_there(store: Store, look: Look) -> Iterator[Finding]:
    yield from of_files(store, look, "attachment", files_of(ATTACHMENTS, "size", "sha256"))


def uploads_are_there(store: Store, look: Look) -> Iterator[Finding]:
    yield from of_files(store, look, "upload", files_of(UPLOADS, "size", "sha256"))


def composed_mails_are_there(store: Store, look: Look) -> Iterator[Finding]:
    yield from of_files(store, look, "composed mail", files_of(DELIVERIES))


def of_files(store: Store, look: Look, what: str, query: Select[Any]) -> Iterator[Finding]:
    for row, file in with_files(store, look, query):
        if problem := wrong(row, file):
            yield Finding(str(row.id), f"the file of this {what} {problem}: {row.file_key}")


def files_of(table: Table, *columns: str) -> Select[Any]:
    """With the organization whose files these are."""
    names = ("id", "file_key", *columns)
    query: Select[Any] = select(*(table.c[name] for name in names), ORGANIZATION_OF[table].label("organization_id"))
    # A delivery that was never tried has none yet.
    return query.where(table.c.file_key != "") if table is DELIVERIES else query


def with_files(
    store: Store, look: Look, query: Select[Any], *, mails: bool = False
) -> Iterator[tuple[Row[Any], File | None]]:
    """Every row and its file as it was found; None: it is missing. mails: whether they are read as such."""
    store.look_anew()
    for rows in look.batches(query, query.selected_columns["id"]):
        sizes = {row.file_key: row.size for row in rows} if mails else {}
        files: Mapping[str, File] = store.look_up({row.file_key for row in rows}, sizes)
        for row in rows:
            yield row, files.get(row.file_key)


def wrong(row: Row[Any], file: File | None) -> str:
    """What is wrong with a row's file; empty where nothing is. Of composed mails no row has size or hash."""
    said = row._mapping
    if said["organization_id"] is None:
        return "is of a message that does not exist"
    if not row.file_key.startswith(f"{row.organization_id}/"):
        return "is not its organization's"
    if row.file_key != file_key(row.organization_id, said.get("sha256", name_of(row.file_key))):
        return "is not named by its hash"
    if file is None:
        return "is missing from the store"
    if said.get("size", file.size) != file.size:
        return f"has {file.size} bytes and should have {row.size}"
    return "is not what it was: its content has another hash" if file.changed else ""


def files_have_owners(store: Store, look: Look) -> Iterator[Finding]:
    """First the files, then the owners: one that was written before the grace has had its row since then, or never."""
    files, before = store.inventory, look.before()
    files.ask_for_owners()
    for table in OWNERS:
        for rows in look.batches(select(table.c.id, table.c.file_key).where(table.c.file_key != ""), table.c.id):
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
