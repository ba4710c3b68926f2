"""Files for replies: taken in piece by piece, durable before anybody is told so."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from threading import Semaphore
from typing import IO
from uuid import UUID

from grpc import StatusCode
from sqlalchemy import Connection

from mail.domain import Upload, file_key
from mail.files import Files
from mail.outgoing.compose import content_type
from mail.parsing.attachments import safe_name
from mail.storage import uploads
from mail.storage.messages import Scope
from servicekit.errors import Failure
from servicekit.ids import new_id

# A file comes as slowly as its sender's line, and holds one of the process's sixteen calls meanwhile: the others are
# for those who read and write.
MOST_AT_ONCE = 6


class AttachmentTooLarge(Failure):
    code = StatusCode.INVALID_ARGUMENT
    reason = "ATTACHMENT_TOO_LARGE"


class Busy(Failure):
    code = StatusCode.RESOURCE_EXHAUSTED
    reason = "BUSY"


@contextmanager
def place(places: Semaphore) -> Iterator[None]:
    """For one file; never waits for one."""
    if not places.acquire(blocking=False):
        raise Busy("Too many files are being uploaded; try again in a moment.")
    try:
        yield
    finally:
        places.release()


def keep_file(
    files: Files, what: Scope, attendant_id: UUID, name: str, kind: str, chunks: Iterable[bytes], most: int
) -> Upload:
    """The file is durable; its row is still to be committed."""
    # Without a name: whatever becomes of this process, nothing of it stays behind.
    with tempfile.TemporaryFile(prefix="guiche-upload-") as content:
        digest, size = written(content, chunks, most)
        content.seek(0)
        key = file_key(what.organization_id, digest)
        files.put_open(key, content)
    return Upload(
        id=new_id(),
        organization_id=what.organization_id,
        ticket_id=what.ticket_id,
        attendant_id=attendant_id,
        file_name=safe_name(name) or "anexo",
        content_type=content_type(kind),
        size=size,
        sha256=digest,
        file_key=key,
    )


def written(content: IO[bytes], chunks: Iterable[bytes], most: int) -> tuple[str, int]:
    digest, size = sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise AttachmentTooLarge(f"A file may have {most} bytes.", {"maxBytes": str(most)})
        digest.update(chunk)
        content.write(chunk)
    return digest.hexdigest(), size


def keep_row(connection: Connection, upload: Upload) -> None:
    uploads.add(connection, upload)
