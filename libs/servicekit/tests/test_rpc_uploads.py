"""Calls whose request is a stream: the same edge, and never half of it taken for the whole."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import grpc
import pytest
from guiche.mail.v1 import message_pb2
from guiche.mail.v1 import message_service_pb2 as mail_pb2
from guiche.mail.v1 import message_service_pb2_grpc as mail_grpc

from servicekit.errors import Failure, RemoteFailure
from servicekit.rpc.caller import Attendant, calling_attendant, grant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.testing import eventually
from servicekit.tokens import Keys

ATTENDANT = Attendant(str(uuid4()), str(uuid4()))
KeysOf = Callable[[str], Keys]
Part = mail_pb2.UploadAttachmentRequest


class AttachmentTooLarge(Failure):
    reason = "ATTACHMENT_TOO_LARGE"


@dataclass
class Messages(mail_grpc.MessageServiceServicer):
    """Takes files of ten bytes at most."""

    begun: int = 0
    stored: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    first_chunk: threading.Event = field(default_factory=threading.Event)

    def UploadAttachment(
        self, requests: Iterator[mail_pb2.UploadAttachmentRequest], context: grpc.ServicerContext
    ) -> mail_pb2.UploadAttachmentResponse:
        self.begun += 1
        try:
            answer = self.store(requests)
        except BaseException as error:
            self.ends.append(type(error).__name__)
            raise
        self.ends.append("stored")
        return answer

    def store(self, requests: Iterator[mail_pb2.UploadAttachmentRequest]) -> mail_pb2.UploadAttachmentResponse:
        assert grant()["sub"] == calling_attendant().id
        name, content = next(requests).file.file_name, b""
        for request in requests:
            content += request.chunk
            self.first_chunk.set()
            if len(content) > 10:
                raise AttachmentTooLarge("Ten bytes are enough.", {"max": "10"})
        self.stored.append(content)
        return mail_pb2.UploadAttachmentResponse(attachment=message_pb2.Attachment(file_name=name, size=len(content)))


@pytest.fixture
def messages() -> Messages:
    return Messages()  # type: ignore[abstract]  # the calls made here suffice


@pytest.fixture
def gateway(keys_of: KeysOf, messages: Messages) -> Iterator[Peer]:
    server, port = make_server(
        keys_of("mail"), "127.0.0.1:0", [lambda s: mail_grpc.add_MessageServiceServicer_to_server(messages, s)]
    )
    server.start()
    peer = Peer(keys_of("gateway"), "mail", f"127.0.0.1:{port}")
    yield peer
    peer.close()
    server.stop(None).wait()


def granted(keys_of: KeysOf, action: str = "GRANT_ACTION_REPLY") -> str:
    claims = {"sub": ATTENDANT.id, "action": action, "ticket": str(uuid4())}
    return keys_of("ticket").sign("mail", 60, claims)


def send(peer: Peer, given: str, requests: Iterator[Part], seconds: float = 10.0) -> message_pb2.Attachment:
    stub = mail_grpc.MessageServiceStub(peer.channel)
    return peer.send(stub.UploadAttachment, requests, ATTENDANT, given, seconds).attachment


def parts(*chunks: bytes, name: str = "a.txt") -> Iterator[Part]:
    yield Part(file=mail_pb2.UploadedFile(ticket_id=str(uuid4()), file_name=name))
    for chunk in chunks:
        yield Part(chunk=chunk)


def test_what_is_sent_in_parts_arrives_whole(gateway: Peer, keys_of: KeysOf, messages: Messages) -> None:
    stored = send(gateway, granted(keys_of), parts(b"one", b"two"))
    assert (stored.file_name, stored.size) == ("a.txt", 6)
    assert messages.stored == [b"onetwo"]


def test_parts_are_handed_over_while_others_are_still_made(gateway: Peer, keys_of: KeysOf, messages: Messages) -> None:
    def waiting() -> Iterator[Part]:
        yield from parts(b"one")
        assert messages.first_chunk.wait(10)
        yield Part(chunk=b"two")

    send(gateway, granted(keys_of), waiting())
    assert messages.stored == [b"onetwo"]


def test_nothing_is_read_of_a_caller_who_may_not_call(gateway: Peer, keys_of: KeysOf, messages: Messages) -> None:
    for given in ("", granted(keys_of, "GRANT_ACTION_READ_MESSAGES")):
        with pytest.raises(RemoteFailure) as refused:
            send(gateway, given, parts(b"one"))
        assert refused.value.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    assert messages.begun == 0


def test_a_part_that_breaks_its_contract_is_refused_with_the_field_named(
    gateway: Peer, keys_of: KeysOf, messages: Messages
) -> None:
    with pytest.raises(RemoteFailure) as refused:
        send(gateway, granted(keys_of), parts(b"one", name=""))
    assert refused.value.reason == "INVALID_REQUEST"
    assert [violation.field for violation in refused.value.violations] == ["file.file_name"]
    assert messages.stored == []


def test_a_failure_in_the_middle_arrives_with_its_reason_while_more_would_follow(
    gateway: Peer, keys_of: KeysOf, messages: Messages
) -> None:
    with pytest.raises(RemoteFailure) as refused:
        send(gateway, granted(keys_of), parts(*[b"four"] * 10_000))
    assert (refused.value.reason, refused.value.metadata) == ("ATTACHMENT_TOO_LARGE", {"max": "10"})
    assert messages.stored == []


def test_what_breaks_the_parts_off_is_raised_and_half_is_never_taken_for_the_whole(
    gateway: Peer, keys_of: KeysOf, messages: Messages
) -> None:
    class ClientGone(Exception):
        pass

    def broken() -> Iterator[Part]:
        yield from parts(b"one")
        assert messages.first_chunk.wait(10)
        raise ClientGone

    with pytest.raises(ClientGone):
        send(gateway, granted(keys_of), broken())
    eventually(lambda: messages.ends)
    assert (messages.ends, messages.stored) == (["BrokenOff"], [])


def test_a_call_that_is_cancelled_is_never_taken_for_the_whole(
    gateway: Peer, keys_of: KeysOf, messages: Messages
) -> None:
    """gRPC itself shows some of these to the handler as streams that have ended."""
    stub = mail_grpc.MessageServiceStub(gateway.channel)
    metadata = gateway.metadata(ATTENDANT, granted(keys_of))
    for n in range(20):
        over = threading.Event()

        def waiting(over: threading.Event = over) -> Iterator[Part]:
            yield from parts(b"one")
            over.wait(10)

        messages.first_chunk.clear()
        call = stub.UploadAttachment.future(waiting(), timeout=10, metadata=metadata)
        assert messages.first_chunk.wait(10)
        call.cancel()
        over.set()
        eventually(lambda n=n: len(messages.ends) > n)
    assert messages.stored == []


def test_an_upload_ends_at_its_deadline(gateway: Peer, keys_of: KeysOf, messages: Messages) -> None:
    over = threading.Event()

    def endless() -> Iterator[Part]:
        yield from parts(b"one")
        over.wait(10)

    with pytest.raises(RemoteFailure) as failed:
        send(gateway, granted(keys_of), endless(), seconds=0.3)
    assert failed.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: messages.ends)
    assert messages.stored == []
    over.set()
