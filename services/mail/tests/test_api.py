"""Messages and files, for those who hold a grant for exactly these."""

import hashlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from guiche.mail.v1.message_pb2 import (
    AUTOMATIC_KIND_AUTO_SUBMITTED,
    AUTOMATIC_KIND_UNSPECIFIED,
    JOIN_RULE_MESSAGE_ID,
    JOIN_RULE_UNSPECIFIED,
    MESSAGE_DIRECTION_IN,
)
from guiche.mail.v1.message_service_pb2 import DownloadAttachmentRequest, ListMessagesRequest
from guiche.mail.v1.message_service_pb2_grpc import MessageServiceStub
from mail_support import SECRET, add_account, letter, mail
from sqlalchemy import text

from mail.api import servicer
from mail.handlers.ingest import Ingest, ingest_due
from mail.storage.tables import ATTACHMENTS, CONVERSATIONS
from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server

FILE = bytes(range(256)) * 1000


@pytest.fixture
def api(database, files, keys_of, settings) -> Iterator[SimpleNamespace]:
    """`list(…)` and `download(…)` as the gateway calls them, with grants as the ticket service signs them."""
    server, port = make_server(keys_of("mail"), "127.0.0.1:0", [servicer(settings(), database, files, keys_of("mail"))])
    server.start()
    peer = Peer(keys_of("gateway"), "mail", f"127.0.0.1:{port}")
    stub = MessageServiceStub(peer.channel)

    def grant(who: Attendant, ticket: str, conversations: list[UUID], issuer: str = "ticket", **other: str) -> str:
        claims = {
            "sub": who.id,
            "org": who.organization_id,
            "ticket": ticket,
            "conversations": [str(one) for one in conversations],
            "live": True,
            "action": "GRANT_ACTION_READ_MESSAGES",
        }
        return keys_of(issuer).sign("mail", 60, claims | other)

    def list_messages(who: Attendant, ticket: str, allowed: str, **page: object):
        return peer.call(stub.ListMessages, ListMessagesRequest(ticket_id=ticket, **page), who, allowed)

    def download(who: Attendant, ticket: str, allowed: str, attachment: UUID):
        request = DownloadAttachmentRequest(ticket_id=ticket, attachment_id=str(attachment))
        return list(peer.stream(stub.DownloadAttachment, request, who, allowed))

    yield SimpleNamespace(grant=grant, list=list_messages, download=download)
    peer.close()
    server.stop(grace=None).wait()


@pytest.fixture
def said(database, files, receiving, account) -> Callable[..., None]:
    def say(*raws: bytes, to: str = account.address) -> None:
        server = receiving()
        for raw in raws:
            server.send(raw, to=to)
        with Ingest(database, files, 1, SECRET) as ingest:
            ingest_due(ingest)

    return say


@pytest.fixture
def who(organization) -> Attendant:
    return Attendant(str(uuid4()), str(organization))


@pytest.fixture
def conversation(database, rows) -> Callable[[], UUID]:
    """All messages of the first mailbox joined into one conversation, as replies will be."""

    def join() -> UUID:
        kept = min(row.id for row in rows(CONVERSATIONS))
        with database.transaction() as connection:
            connection.execute(text("UPDATE messages SET conversation_id = :kept"), {"kept": kept})
        return kept

    return join


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(Failure) as caught:
        call(*arguments, **named)
    return f"{caught.value.code.name} {caught.value.reason}"


def multipart(number: int, content: bytes = FILE) -> bytes:
    parts = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>Oi</b><script>x</script>"
        b'<img src="cid:Logo@x">\r\n--b\r\nContent-Type: image/png; name="../dois.png"\r\nContent-ID: <Logo@x>\r\n'
        b"Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return mail(number).partition(b"\r\n\r\n")[0] + b"\r\n" + parts + content + b"\r\n--b--\r\n"


def test_a_page_shows_messages_with_their_facts_and_attachments(api, said, who, conversation):
    said(multipart(1, b"PNG"))
    ticket, joined = str(uuid4()), conversation()
    [message] = api.list(who, ticket, api.grant(who, ticket, [joined])).messages
    assert (message.subject, message.sender.name, message.sender.email) == ("Pedido", "Ana", "ana@example.com")
    assert message.direction == MESSAGE_DIRECTION_IN
    assert (message.text, message.html) == ("Oi", '<b>Oi</b><img src="cid:Logo@x">')
    assert message.received_at.seconds > 1_700_000_000
    assert not message.HasField("date")
    [attachment] = message.attachments
    assert (attachment.content_type, attachment.size, attachment.content_id, attachment.inline) == (
        "image/png",
        3,
        "Logo@x",
        True,
    )
    assert "/" not in attachment.file_name


def test_html_that_was_cleaned_by_older_rules_is_cleaned_again_when_read(api, said, who, conversation, database):
    said(mail())
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE messages SET html = '<p onclick=x>a</p><script>x</script><img src=\"http://x/\">'")
        )
    ticket, joined = str(uuid4()), conversation()
    [message] = api.list(who, ticket, api.grant(who, ticket, [joined])).messages
    assert message.html == '<p>a</p><img data-remote-src="http://x/">'


def test_a_page_tells_how_each_message_joined_which_machine_wrote_it_and_what_is_new_of_it(
    api, said, who, conversation
):
    history = "Em 06/10/2025 10:00, SAC escreveu:\r\n> velho"
    said(
        letter("a@c", body="Bom dia"),
        letter("b@c", in_reply_to=["a@c"], body=f"Novo\r\n\r\n{history}"),
        letter("c@c", references=["a@c"], headers="Auto-Submitted: auto-replied", body="Volto na segunda"),
    )
    ticket = str(uuid4())
    messages = api.list(who, ticket, api.grant(who, ticket, [conversation()])).messages
    assert [(one.joined_by, one.automatic, one.new_text) for one in messages] == [
        (JOIN_RULE_UNSPECIFIED, AUTOMATIC_KIND_UNSPECIFIED, "Bom dia"),
        (JOIN_RULE_MESSAGE_ID, AUTOMATIC_KIND_UNSPECIFIED, "Novo"),
        (JOIN_RULE_MESSAGE_ID, AUTOMATIC_KIND_AUTO_SUBMITTED, "Volto na segunda"),
    ]
    assert "> velho" in messages[1].text


def test_pages_follow_each_other_without_gap_or_repetition(api, said, who, conversation):
    said(*[mail(number, body=b"%d" % number) for number in range(7)])
    ticket, joined = str(uuid4()), conversation()
    allowed = api.grant(who, ticket, [joined])
    texts, token = [], ""
    while True:
        page = api.list(who, ticket, allowed, page_size=3, page_token=token)
        texts.append([message.text for message in page.messages])
        token = page.next_page_token
        if not token:
            break
    assert texts == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_page_ends_early_where_bodies_are_large_and_no_message_is_too_large_for_it(
    api, said, who, conversation, database
):
    said(*[mail(number) for number in range(3)])
    with database.transaction() as connection:
        connection.execute(text("UPDATE messages SET text = repeat('é', 1900000), html = repeat('ação ', 400000)"))
    ticket, joined = str(uuid4()), conversation()
    allowed = api.grant(who, ticket, [joined])
    first = api.list(who, ticket, allowed)
    assert len(first.messages) == 1
    assert len(first.messages[0].text) == 1_000_000
    assert "BODY_TRUNCATED" in first.messages[0].warnings
    assert len(api.list(who, ticket, allowed, page_token=first.next_page_token).messages) == 1


def test_a_page_token_serves_one_attendant_and_ticket_alone(api, said, who, conversation):
    said(mail(1), mail(2))
    ticket, joined = str(uuid4()), conversation()
    token = api.list(who, ticket, api.grant(who, ticket, [joined]), page_size=1).next_page_token
    other_ticket, other = str(uuid4()), Attendant(str(uuid4()), who.organization_id)
    for attendant, one, used in ((who, other_ticket, token), (other, ticket, token), (who, ticket, token[:-2] + "AA")):
        allowed = api.grant(attendant, one, [joined])
        assert refusal(api.list, attendant, one, allowed, page_token=used) == "INVALID_ARGUMENT PAGE_TOKEN_INVALID"


def test_an_attachment_comes_as_its_facts_and_then_its_bytes_in_pieces(api, said, who, conversation, rows):
    said(multipart(1))
    ticket, joined = str(uuid4()), conversation()
    [row] = rows(ATTACHMENTS)
    first, *rest = api.download(who, ticket, api.grant(who, ticket, [joined]), row.id)
    assert (first.attachment.id, first.attachment.size) == (str(row.id), len(FILE))
    assert all(0 < len(part.chunk) <= 65536 for part in rest)
    assert hashlib.sha256(b"".join(part.chunk for part in rest)).hexdigest() == row.sha256


def test_nothing_is_shown_without_a_grant_for_this_ticket_and_attendant(api, said, who, conversation):
    said(mail())
    ticket, joined = str(uuid4()), conversation()
    stranger = Attendant(str(uuid4()), who.organization_id)
    assert refusal(api.list, who, ticket, "").startswith("UNAUTHENTICATED")
    assert refusal(api.list, who, ticket, "x.y.z").startswith("UNAUTHENTICATED")
    assert refusal(api.list, who, ticket, api.grant(who, ticket, [joined], issuer="routing")).startswith(
        "UNAUTHENTICATED"
    )
    assert refusal(api.list, who, ticket, api.grant(stranger, ticket, [joined])) == "PERMISSION_DENIED NOT_ALLOWED"
    assert refusal(api.list, who, ticket, api.grant(who, str(uuid4()), [joined])) == "PERMISSION_DENIED NOT_ALLOWED"
    assert refusal(api.list, who, ticket, api.grant(who, ticket, [joined], action="GRANT_ACTION_OTHER")).startswith(
        "PERMISSION"
    )


def test_a_grant_opens_neither_other_conversations_nor_other_organizations(
    api, said, who, rows, database, organization
):
    said(multipart(1, b"PNG"))
    [mine], [file] = rows(CONVERSATIONS), rows(ATTACHMENTS)
    foreign = add_account(database, uuid4(), "sac@outra.guiche")
    said(multipart(2, b"GIF"), to=foreign.address)
    theirs = next(row for row in rows(CONVERSATIONS) if row.account_id == foreign.id)
    their_file = next(row for row in rows(ATTACHMENTS) if row.id != file.id)
    ticket = str(uuid4())
    # A conversation of another organization stands in the grant: by whatever mistake, it stays closed.
    allowed = api.grant(who, ticket, [mine.id, theirs.id])
    assert [m.subject for m in api.list(who, ticket, allowed).messages] == ["Pedido"]
    assert refusal(api.download, who, ticket, allowed, their_file.id) == "NOT_FOUND ATTACHMENT_NOT_FOUND"
    assert refusal(api.download, who, ticket, allowed, uuid4()) == "NOT_FOUND ATTACHMENT_NOT_FOUND"
    elsewhere = api.grant(who, ticket, [uuid4()])
    assert list(api.list(who, ticket, elsewhere).messages) == []
    assert refusal(api.download, who, ticket, elsewhere, file.id) == "NOT_FOUND ATTACHMENT_NOT_FOUND"
