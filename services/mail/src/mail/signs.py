"""What a mail says of the conversation it belongs to. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from mail import signing
from mail.parsing.identity import bounded
from mail.parsing.model import ParsedMail

# 17 digits (Q8), not part of a longer number.
_PROTOCOL = re.compile(r"(?<!\d)\d{17}(?!\d)", re.ASCII)
_MOST_PROTOCOLS = 5


@dataclass(frozen=True, slots=True)
class Signs:
    # Its Message-ID, and the ids of its References and In-Reply-To.
    own_id: str
    # The message of ours whose signed Message-ID it has: then it is that message, come back.
    itself: UUID | None
    named_ids: tuple[str, ...]
    # Messages of ours, by signatures that are good: whose address it was sent to, and whose Message-IDs it names, the
    # nearest first.
    addressed: UUID | None
    answered: tuple[UUID, ...]
    # Of those it answers, the ones it returns: their header or all of them stands in it.
    returned: tuple[UUID, ...]
    # What may be protocols in its subject.
    protocols: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether it may belong to a conversation that is there already."""
        return bool(self.named_ids or self.itself or self.addressed or self.answered or self.protocols)


def signs_of(secret: bytes, recipient: str, parsed: ParsedMail, *, machine: bool) -> Signs:
    """recipient: of the envelope. machine: a mail that no person wrote, whose returned mail is read as well."""
    named = bounded((*parsed.references, *parsed.in_reply_to))
    near = (*parsed.report.returned_ids, *parsed.in_reply_to) if machine else parsed.in_reply_to
    nearest_first = (*near, *reversed(parsed.references))
    return Signs(
        own_id=parsed.message_id,
        itself=next(signed(secret, [parsed.message_id]), None),
        named_ids=tuple(name for name in named if name != parsed.message_id),
        addressed=signing.message_of(secret, signing.token_in_address(recipient)),
        answered=tuple(dict.fromkeys(signed(secret, nearest_first))),
        returned=tuple(signed(secret, parsed.report.returned_ids)) if machine else (),
        protocols=tuple(dict.fromkeys(_PROTOCOL.findall(parsed.subject)))[:_MOST_PROTOCOLS],
    )


def signed(secret: bytes, header_ids: Iterable[str]) -> Iterator[UUID]:
    for header_id in header_ids:
        message_id = signing.message_of(secret, signing.token_in_header_id(header_id))
        if message_id is not None:
            yield message_id
