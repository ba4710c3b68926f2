"""Answers to customers: what may be chosen, and the draft that waits until the ticket service lets it go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from grpc import StatusCode
from sqlalchemy import Connection

from mail import signing
from mail.domain import Account, Attachment, Message, base_address
from mail.handlers.read import AttachmentNotFound
from mail.outgoing.acknowledgement import reply_subject
from mail.outgoing.recipients import sendable
from mail.parsing.headers import plain, plain_lines
from mail.parsing.markup import clean, to_text
from mail.parsing.quoting import snippet
from mail.storage import accounts, directory, participants, uploads
from mail.storage import messages as stored
from mail.storage.messages import Scope
from servicekit.errors import Failure, InvalidRequest, NotAllowed, Violation
from servicekit.ids import new_id

MOST_COPIES = 50
# Of one reply in all: no server need take more for one mail (RFC 5321, 4.5.3.1.8), and refuses the next "for now".
MOST_RECIPIENTS = 100
# Who began a conversation speaks for nobody else; who joins by a signed name got a mail of ours.
TRUSTED = ("", "REPLY_ADDRESS", "SIGNED_MESSAGE_ID")

People = list[dict[str, str]]


class AccountNotAllowed(NotAllowed):
    reason = "ACCOUNT_NOT_ALLOWED"


class RecipientInvalid(InvalidRequest):
    reason = "RECIPIENT_INVALID"


class TooManyRecipients(InvalidRequest):
    reason = "TOO_MANY_RECIPIENTS"


class MessageTooLarge(InvalidRequest):
    reason = "MESSAGE_TOO_LARGE"


class MessageEmpty(InvalidRequest):
    reason = "MESSAGE_EMPTY"


class NoRecipient(Failure):
    code = StatusCode.FAILED_PRECONDITION
    reason = "NO_RECIPIENT"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who answers, and what the grant opens to them."""

    attendant_id: UUID
    scope: Scope
    # Of the ticket; None: it stands in none.
    level_id: UUID | None


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    # The one that received the conversation first.
    accounts: list[Account]
    to: People
    cc: People
    subject: str
    # The message that is answered; None: nobody has written.
    answered: Message | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What an attendant wrote, as the contract has it. account_id: None for the one that received the conversation."""

    account_id: UUID | None
    to: Sequence[str]
    cc: Sequence[str]
    bcc: Sequence[str]
    subject: str
    text: str
    html: str
    attachment_ids: Sequence[UUID]


def options(connection: Connection, who: Writer) -> ReplyOptions:
    answered = stored.newest_from_a_person(connection, who.scope)
    ticket = directory.ticket(connection, who.scope.ticket_id)
    to, cc = to_whom(connection, who.scope.organization_id, answered) if answered else ([], [])
    return ReplyOptions(
        accounts=allowed_accounts(connection, who),
        to=to,
        cc=cc,
        subject=reply_subject(answered.subject if answered else "", ticket.protocol if ticket else ""),
        answered=answered,
    )


def allowed_accounts(connection: Connection, who: Writer) -> list[Account]:
    organization_id = who.scope.organization_id
    found = (stored.conversation(connection, one, organization_id) for one in who.scope.conversations)
    receiving = [conversation.account_id for conversation in found if conversation]
    of_level = directory.accounts_of_level(connection, who.level_id, organization_id) if who.level_id else []
    known = accounts.of_organization(connection, organization_id, [*receiving, *of_level])
    return sorted(known, key=lambda account: account.id not in receiving)


def to_whom(connection: Connection, organization_id: UUID, answered: Message) -> tuple[People, People]:
    """Where its writer wants answers, and in copy who was written to besides us."""
    others = [*answered.to_addresses, *answered.cc_addresses]
    wanted = writer_of(connection, answered)
    written = [*wanted, {"name": "", "email": answered.reply_to_email}, *others]
    ours = own_addresses(connection, organization_id, [one["email"] for one in written])
    to = [one for one in wanted if base_address(one["email"]) not in ours][:1]
    first = to[0]["email"] if to else ""
    seen, copies = {first.lower()}, []
    for one in others:
        email = sendable(one["email"])
        if email and base_address(email) not in ours and email.lower() not in seen:
            seen.add(email.lower())
            copies.append({"name": one["name"], "email": email})
    return to, copies[:MOST_COPIES]


def writer_of(connection: Connection, message: Message) -> People:
    """Where answers to its writer may go by themselves, the best first.

    Anybody can write in another's name and ask for the answers. So Reply-To is followed only where the mail proves that
    its writer has one of ours, or began the conversation, or where that address takes part anyway; and the name of who
    is said to write stands at no other address than theirs.
    """
    wanted, sender = sendable(message.reply_to_email), sendable(message.sender_email)
    trusted = message.joined_by in TRUSTED or participants.takes_part(connection, message.conversation_id, wanted)
    found = [{"name": "", "email": wanted}] if wanted and wanted.lower() != sender.lower() and trusted else []
    return [*found, {"name": message.sender_name, "email": sender}] if sender else found


def own_addresses(connection: Connection, organization_id: UUID, addresses: Iterable[str]) -> set[str]:
    """Of other organizations here nothing is said."""
    found = accounts.find(connection, [base_address(address) for address in addresses if address])
    return {account.address for account in found if account.organization_id == organization_id}


def prepare(connection: Connection, who: Writer, draft: Draft, secret: bytes, most_bytes: int) -> UUID:
    """The id of the draft. Refuses whatever can be refused."""
    known = options(connection, who)
    account = chosen(known.accounts, draft.account_id)
    to, cc, bcc = recipients(connection, who.scope.organization_id, known, draft)
    text, html = body(draft)
    message_id, now = new_id(), datetime.now(UTC)
    attachments = files(connection, who, draft.attachment_ids, message_id, most_bytes)
    message = Message(
        id=message_id,
        conversation_id=who.scope.conversations[0],
        raw_mail_id=None,
        direction="OUT",
        sender_name=account.name,
        sender_email=account.address,
        to_addresses=to,
        cc_addresses=cc,
        subject=plain(draft.subject).strip() or known.subject,
        text=text,
        html=html,
        snippet=snippet(text),
        received_at=now,
        date=None,
        warnings=[],
        automatic="",
        ticket_id=who.scope.ticket_id,
        author_id=who.attendant_id,
        account_id=account.id,
        answers_id=known.answered.id if known.answered else None,
        bcc_addresses=bcc,
        message_id_header=signing.header_id_of(secret, message_id, sendable(account.address)),
        delivery_state="DRAFT",
        delivery_at=now,
    )
    stored.add(connection, [], [message], attachments)
    return message_id


def chosen(allowed: Sequence[Account], account_id: UUID | None) -> Account:
    for account in allowed:
        # One whose address no mail can bear is no account to answer with.
        if (account_id is None or account.id == account_id) and sendable(account.address):
            return account
    detail = "This account may not answer here."
    raise AccountNotAllowed(detail, violations=[Violation("account_id", "account_id.allowed", detail)])


def recipients(
    connection: Connection, organization_id: UUID, known: ReplyOptions, draft: Draft
) -> tuple[People, People, People]:
    ours = own_addresses(connection, organization_id, [*draft.to, *draft.cc, *draft.bcc])
    fields = {"to": draft.to, "cc": draft.cc, "bcc": draft.bcc}
    wrong = [violation for field, given in fields.items() for violation in violations(field, given, ours)]
    if wrong:
        raise RecipientInvalid("Not every address can be written to.", violations=wrong)
    names, seen = names_of(known), set[str]()
    to = people(draft.to, names, seen) if draft.to else unseen(known.to, seen)
    if not to:
        detail = "No message of this conversation names an address; one must be given."
        raise NoRecipient(detail, violations=[Violation("to", "to.required", detail)])
    given = draft.to or draft.cc
    cc = people(draft.cc, names, seen) if given else unseen(known.cc, seen)
    bcc = people(draft.bcc, names, seen)
    if len(seen) > MOST_RECIPIENTS:
        detail = f"A reply goes to {MOST_RECIPIENTS} people at most, those in copy counted; these are {len(seen)}."
        field = max(("to", to), ("cc", cc), ("bcc", bcc), key=lambda named: len(named[1]))[0]
        raise TooManyRecipients(detail, violations=[Violation(field, "recipients.at_most", detail)])
    return to, cc, bcc


def violations(field: str, given: Sequence[str], ours: set[str]) -> Iterable[Violation]:
    for index, address in enumerate(given):
        if not sendable(address):
            yield Violation(f"{field}[{index}]", "recipient.address", "This is no address mail can be sent to.")
        elif base_address(address) in ours:
            yield Violation(f"{field}[{index}]", "recipient.own", "This is an account of the organization itself.")


def names_of(known: ReplyOptions) -> dict[str, str]:
    return {one["email"].lower(): one["name"] for one in (*known.cc, *known.to)}


def people(given: Sequence[str], names: Mapping[str, str], seen: set[str]) -> People:
    """Each address once in the whole mail, where it stands first."""
    return unseen([{"name": names.get(one.lower(), ""), "email": one} for one in map(sendable, given)], seen)


def unseen(people: People, seen: set[str]) -> People:
    kept = []
    for one in people:
        if one["email"].lower() not in seen:
            seen.add(one["email"].lower())
            kept.append(one)
    return kept


def body(draft: Draft) -> tuple[str, str]:
    """Text and cleaned HTML; the text of the HTML where only that was written."""
    html = clean(draft.html, {}) if draft.html.strip() else ""
    text = plain_lines(draft.text).rstrip() or (to_text(html) if html else "")
    if not text.strip() and not draft.attachment_ids:
        detail = "Nothing was written."
        raise MessageEmpty(detail, violations=[Violation("text", "text.required", detail)])
    return text, html


def files(
    connection: Connection, who: Writer, ids: Sequence[UUID], message_id: UUID, most_bytes: int
) -> list[Attachment]:
    if not ids:
        return []
    of = {
        "organization_id": who.scope.organization_id,
        "ticket_id": who.scope.ticket_id,
        "attendant_id": who.attendant_id,
    }
    taken = uploads.take(connection, ids, of, message_id)
    missing = [index for index, one in enumerate(ids) if one not in taken]
    if missing:
        detail = "There is no such file, or it was used already."
        fields = [Violation(f"attachment_ids[{index}]", "attachment.usable", detail) for index in missing]
        raise AttachmentNotFound(detail, violations=fields)
    if sum(row.size for row in taken.values()) > most_bytes:
        detail = f"All files of one message may have {most_bytes} bytes."
        field = Violation("attachment_ids", "attachments.size", detail)
        raise MessageTooLarge(detail, {"maxBytes": str(most_bytes)}, [field])
    return [
        Attachment(
            id=new_id(),
            message_id=message_id,
            position=position,
            file_name=taken[one].file_name,
            content_type=taken[one].content_type,
            size=taken[one].size,
            sha256=taken[one].sha256,
            file_key=taken[one].file_key,
            content_id="",
            inline=False,
        )
        for position, one in enumerate(ids)
    ]
