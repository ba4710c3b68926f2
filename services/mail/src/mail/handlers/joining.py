"""Which conversation a mail belongs to, decided in the order of arrival under a lock of its organization.

All that a batch may join is read at once; what its mails become to each other is known from memory.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from mail.domain import MACHINES, Conversation, JoinRule, Message, normal_address
from mail.handlers.readying import Readied
from mail.storage import joining as storage
from mail.storage.joining import Candidate, Key, Named, OfTicket, Waiting
from servicekit.ids import new_id


@dataclass(frozen=True, slots=True)
class Placed:
    """A mail with its conversation. began: that is a new one. returns: the message of ours a bounce is about."""

    mail: Readied
    message: Message
    conversation: Conversation
    began: bool
    returns: UUID | None


@dataclass(slots=True)
class Known:
    """What the mails of a batch may join; it grows with each of them that is placed."""

    ours: dict[UUID, tuple[UUID, Candidate]]
    named: dict[Key, list[Named]]
    waiting: dict[Key, list[Waiting]]
    of_tickets: dict[tuple[Key, str], OfTicket]
    # The mailboxes each mail of the batch is for.
    mailboxes: dict[Key, set[UUID]]
    put_back: set[Key] = field(default_factory=set)
    takes_part: set[tuple[UUID, str]] = field(default_factory=set)


def resolve(connection: Connection, mails: Sequence[Readied]) -> tuple[list[Placed], list[Readied]]:
    """Those that have a conversation now, and those that must wait for the mail they answer. mails: as they arrived."""
    known = look_up(connection, mails)
    placed: list[Placed] = []
    early: list[Readied] = []
    for mail in (ours_told_apart(known, mail) for mail in mails):
        if must_wait(known.waiting, known.put_back, mail.raw.id, named_keys(mail)):
            known.put_back.add(own_key(mail))
            early.append(mail)
        else:
            placed.append(place(known, mail))
            learn(known, placed[-1])
    placed = with_tickets(connection, placed)
    storage.remember_all(connection, [memory_of(one) for one in placed])
    return placed, early


def too_early(connection: Connection, rows: Sequence[Row[Any]]) -> list[UUID]:
    """Of claimed raw mails those that name an earlier one which still waits elsewhere, as far as can be told now."""
    keys = {(row.organization_id, named) for row in rows for named in row.reference_ids}
    waiting = storage.waiting(connection, keys, besides=[row.id for row in rows])
    early: dict[UUID, Key] = {}
    for row in rows:
        if must_wait(waiting, set(early.values()), row.id, [(row.organization_id, one) for one in row.reference_ids]):
            early[row.id] = (row.organization_id, row.message_id)
    return list(early)


def look_up(connection: Connection, mails: Sequence[Readied]) -> Known:
    """A query of each kind, and only of those that some mail needs."""
    searching = [mail for mail in mails if mail.signs.any]
    named = {key for mail in searching for key in named_keys(mail)}
    own = {own_key(mail) for mail in mails if mail.signs.own_id}
    signed = {
        one for mail in searching for one in (mail.signs.itself, mail.signs.addressed, *mail.signs.answered) if one
    }
    protocols = {
        (mail.raw.organization_id, protocol, normal_address(mail.message.sender_email))
        for mail in searching
        for protocol in mail.signs.protocols
    }
    mailboxes: dict[Key, set[UUID]] = defaultdict(set)
    for mail in mails:
        mailboxes[own_key(mail)].add(mail.raw.account_id)
    known_ids = storage.named(connection, named | own)
    # Also of the mails themselves, which others may have a copy of, where they may join anything.
    own = {own_key(mail) for mail in mails if mail.signs.own_id and (mail.signs.any or own_key(mail) in known_ids)}
    return Known(
        ours=storage.ours(connection, signed),
        named=known_ids,
        waiting=storage.waiting(connection, named | own, besides=[mail.raw.id for mail in mails]),
        of_tickets=storage.of_tickets(connection, protocols),
        mailboxes=mailboxes,
    )


def ours_told_apart(known: Known, mail: Readied) -> Readied:
    """A list or a forward may deliver what we sent to a mailbox of ours: nobody has written to us then."""
    if mail.signs.itself is None or not ours(known, mail, [mail.signs.itself]):
        return mail
    return replace(mail, message=replace(mail.message, automatic="auto-submitted"))


def own_key(mail: Readied) -> Key:
    return mail.raw.organization_id, mail.signs.own_id


def named_keys(mail: Readied) -> list[Key]:
    return [(mail.raw.organization_id, header_id) for header_id in mail.signs.named_ids]


def must_wait(
    waiting: Mapping[Key, Sequence[Waiting]], put_back: Set[Key], raw_mail_id: UUID, names: list[Key]
) -> bool:
    """For a mail it names that came earlier and is not settled. Only for earlier ones: no two wait for each other."""
    return any(
        name in put_back or any(one.raw_mail_id < raw_mail_id for one in waiting.get(name, ())) for name in names
    )


def place(known: Known, mail: Readied) -> Placed:
    rule, found = joined(known, mail)
    returns = returned(known, mail)
    if found is None:
        conversation = Conversation(new_id(), mail.raw.account_id, mail.raw.organization_id)
        return Placed(mail, replace(mail.message, conversation_id=conversation.id), conversation, True, returns)
    conversation = Conversation(found.conversation_id, found.account_id, mail.raw.organization_id)
    message = replace(mail.message, conversation_id=conversation.id, joined_by=rule)
    if message.automatic in MACHINES:
        # It never reaches ticket, so nobody else will say which of the conversation's tickets it is of.
        message = replace(message, ticket_id=found.ticket_id, answers_id=found.message_id)
    return Placed(mail, message, conversation, False, returns)


def with_tickets(connection: Connection, placed: list[Placed]) -> list[Placed]:
    """Machine mail whose message has no ticket yet gets it together with that message, or has it by now."""
    waits = {one.message.answers_id for one in placed if one.message.ticket_id is None and one.message.answers_id}
    if not waits:
        return placed
    answered = storage.answered(connection, waits)
    settled: list[Placed] = []
    for one in placed:
        message = one.message
        if message.answers_id in answered and message.ticket_id is None:
            root, ticket_id = answered[message.answers_id]
            message = replace(message, answers_id=root, ticket_id=ticket_id)
        if message.answers_id and message.ticket_id is None:
            # For answers to it in this batch, which are not stored yet either.
            answered[message.id] = (message.answers_id, None)
        settled.append(replace(one, message=message))
    return settled


def joined(known: Known, mail: Readied) -> tuple[JoinRule, Candidate | None]:
    """The first rule that finds a conversation; of several that of the same mailbox, then the newest."""
    taken, elsewhere = copies(known, mail)
    for rule, candidates in RULES:
        free = [
            one
            for one in candidates(known, mail)
            if one.conversation_id not in taken
            and (rule == "REPLY_ADDRESS" or not elsewhere or one.account_id == mail.raw.account_id)
        ]
        if free:
            return rule, max(free, key=lambda one: (one.account_id == mail.raw.account_id, *newest(one)))
    return "", None


def newest(candidate: Candidate) -> tuple[UUID, UUID]:
    """Ids are UUIDv7."""
    return candidate.conversation_id, candidate.message_id or UUID(int=0)


def copies(known: Known, mail: Readied) -> tuple[set[UUID], bool]:
    """The conversations in which this very mail stands for another mailbox, and whether another mailbox has it at all.

    Then it keeps to conversations of its own mailbox, or what was sent to two would be one and the same twice.
    """
    if not mail.signs.own_id:
        return set(), False
    key, mine = own_key(mail), mail.raw.account_id
    taken = {one.candidate.conversation_id for one in known.named.get(key, ()) if one.own and one.mailbox_id != mine}
    waiting = {one.account_id for one in known.waiting.get(key, ())} | known.mailboxes[key]
    return taken, bool(taken or waiting - {mine})


def by_reply_address(known: Known, mail: Readied) -> Iterable[Candidate]:
    return ours(known, mail, [mail.signs.addressed] if mail.signs.addressed else [])


def by_signed_id(known: Known, mail: Readied) -> Iterable[Candidate]:
    return ours(known, mail, mail.signs.answered)


def ours(known: Known, mail: Readied, message_ids: Iterable[UUID]) -> list[Candidate]:
    """A good signature of another organization's message opens nothing."""
    found = (known.ours[one] for one in message_ids if one in known.ours)
    return [candidate for organization_id, candidate in found if organization_id == mail.raw.organization_id]


def by_own_id(known: Known, mail: Readied) -> Iterable[Candidate]:
    return [one.candidate for key in named_keys(mail) for one in known.named.get(key, ()) if one.own]


def by_seen_id(known: Known, mail: Readied) -> Iterable[Candidate]:
    """Of siblings whose parent is unknown, and of children that came before their parent."""
    keys = named_keys(mail)
    before = known.named.get(own_key(mail), ()) if mail.signs.own_id else ()
    # An id that a mail of this mailbox has already is no name: some programs give all their mails the same one.
    if not any(one.own and one.mailbox_id == mail.raw.account_id for one in before):
        keys.append(own_key(mail))
    return [one.candidate for key in keys for one in known.named.get(key, ()) if not one.own]


def by_protocol(known: Known, mail: Readied) -> Iterable[Candidate]:
    email = normal_address(mail.message.sender_email)
    found = [known.of_tickets.get(((mail.raw.organization_id, protocol), email)) for protocol in mail.signs.protocols]
    return [
        one.candidate
        for one in found
        if one and email and (one.takes_part or (one.candidate.conversation_id, email) in known.takes_part)
    ]


def returned(known: Known, mail: Readied) -> UUID | None:
    """A bounce comes to the signed address the message was sent from, or names its signed Message-ID."""
    if mail.message.automatic != "bounce":
        return None
    found = [*by_reply_address(known, mail), *by_signed_id(known, mail)]
    return found[0].message_id if found else None


RULES: tuple[tuple[JoinRule, Callable[[Known, Readied], Iterable[Candidate]]], ...] = (
    ("REPLY_ADDRESS", by_reply_address),
    ("SIGNED_MESSAGE_ID", by_signed_id),
    ("MESSAGE_ID", by_own_id),
    ("REFERENCES", by_seen_id),
    ("PROTOCOL", by_protocol),
)


def learn(known: Known, placed: Placed) -> None:
    """So that the mails after it in the batch find it as they would find it in the database."""
    message, mail = placed.message, placed.mail
    candidate = Candidate(placed.conversation.id, placed.conversation.account_id, message.id, message.ticket_id)
    if mail.signs.own_id:
        known.named.setdefault(own_key(mail), []).append(Named(True, mail.raw.account_id, candidate))
    for key in named_keys(mail):
        known.named.setdefault(key, []).append(Named(False, mail.raw.account_id, candidate))
    known.takes_part |= {(placed.conversation.id, person) for person in participants(message)}


def memory_of(placed: Placed) -> storage.Known:
    raw, signs = placed.mail.raw, placed.mail.signs
    return storage.Known(
        raw.organization_id,
        raw.account_id,
        placed.conversation.id,
        placed.message.id,
        signs.own_id,
        signs.named_ids,
        participants(placed.message),
    )


def participants(message: Message) -> Sequence[str]:
    """Machines take no part: who answers for one must not be let in by its address."""
    return [normal_address(message.sender_email)] if message.sender_email and message.automatic not in MACHINES else []
