"""Files for replies, taken in piece by piece."""

import tempfile
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Semaphore
from uuid import UUID, uuid4

import pytest
from guiche.mail.v1.message_service_pb2 import UploadAttachmentRequest, UploadedFile

from mail.files import Files
from mail.handlers import uploads
from mail.handlers.uploads import AttachmentTooLarge, Busy, keep_file
from mail.storage.messages import Scope
from mail.storage.tables import UPLOADS
from servicekit.errors import Failure

MEGABYTE = 1024 * 1024


def facts(ticket, **changes: object) -> UploadAttachmentRequest:
    return UploadAttachmentRequest(file=UploadedFile(ticket_id=str(ticket.id), **{"file_name": "a.txt"} | changes))


def refusal(call, *arguments) -> str:
    with pytest.raises(Failure) as caught:
        call(*arguments)
    return f"{caught.value.code.name} {caught.value.reason}"


def test_a_file_is_durable_and_known_before_it_is_answered(api, ticket, files, rows, who):
    answered = api.upload(ticket, b"um ", b"", b"dois", name="../e\u202etc/nota\r\n.txt", kind="Text/Plain; charset=x")
    [row] = rows(UPLOADS)
    assert b"".join(files.chunks(row.file_key)) == b"um dois"
    assert (row.id, row.size, row.attendant_id, row.ticket_id) == (UUID(answered.id), 7, UUID(who.id), ticket.id)
    assert (answered.size, answered.content_type) == (7, "text/plain")
    assert not set(answered.file_name) & set("/\\\r\n\u202e")


def test_an_empty_file_is_a_file(api, ticket):
    assert api.upload(ticket).size == 0


def test_what_does_not_begin_with_its_facts_or_begins_twice_is_refused(api, ticket, rows):
    chunk = UploadAttachmentRequest(chunk=b"x")
    for parts in ([chunk], [facts(ticket), chunk, facts(ticket)], [facts(ticket, file_name="")]):
        assert refusal(api.send_parts, ticket, parts) == "INVALID_ARGUMENT INVALID_REQUEST"
    assert rows(UPLOADS) == []


def test_a_grant_for_one_ticket_takes_no_file_for_another(api, ticket, rows):
    other = facts(ticket)
    other.file.ticket_id = str(uuid4())
    assert refusal(api.send_parts, ticket, [other]) == "PERMISSION_DENIED NOT_ALLOWED"


def test_a_file_is_read_no_further_than_its_limit_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    files = Files((tmp_path / "files").as_uri())
    given = 0

    def endless():
        nonlocal given
        while True:
            given += 1
            yield b"x" * MEGABYTE

    scope = Scope(uuid4(), uuid4(), [], live=True)
    with pytest.raises(AttachmentTooLarge):
        keep_file(files, scope, uuid4(), "a", "", endless(), 3 * MEGABYTE)
    assert given == 4
    assert list((tmp_path / "work").iterdir()) == []
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_an_upload_that_breaks_off_is_forgotten(tmp_path):
    files = Files((tmp_path / "files").as_uri())

    def broken():
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        uploads.keep_file(files, Scope(uuid4(), uuid4(), [], live=True), uuid4(), "a", "", broken(), MEGABYTE)
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_more_slow_files_than_there_are_places_for_are_refused_and_other_calls_are_answered(ticket, api):
    line = threading.Event()

    def slow():
        yield facts(ticket)
        line.wait(60)
        yield UploadAttachmentRequest(chunk=b"x")

    with ThreadPoolExecutor(uploads.MOST_AT_ONCE + 1) as clients:
        sent = [clients.submit(api.send_parts, ticket, slow()) for _ in range(uploads.MOST_AT_ONCE + 1)]
        [refused], stored = wait(sent, 30, FIRST_COMPLETED)
        assert refusal(refused.result) == "RESOURCE_EXHAUSTED BUSY"
        assert refusal(api.upload, ticket, b"x") == "RESOURCE_EXHAUSTED BUSY"
        assert api.list(ticket).messages
        line.set()
        assert [one.result(30).size for one in stored] == [1] * uploads.MOST_AT_ONCE
    assert api.upload(ticket, b"x").size == 1


def test_a_place_is_free_again_whatever_became_of_its_file():
    places = Semaphore(1)

    def break_off() -> None:
        with uploads.place(places):
            with pytest.raises(Busy):
                uploads.place(places).__enter__()
            raise ConnectionResetError

    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            break_off()
