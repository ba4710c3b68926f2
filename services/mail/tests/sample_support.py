"""Mails as senders really write them, each with what a person reads in it, written by hand beside it (`.toml`).

kind: what it is, `message` or one of `ParsedMail.automatic`. sender, to, cc, reply_to: names and addresses; of reply_to only
what can be replied to. date: in UTC, absent where there is none. text: without line breaks around it; of long ones the
beginning, the end and the length in characters. new_text: what is not quoted, where anything is. html: whether it has that form.
attachments: name, type, size in bytes, inline. same_as: the sample that is the same mail in one mailbox. report: action, why, bounced, returned (ids). smtp: why its bytes cannot
travel as they are. What a file leaves out is empty; of message_id, in_reply_to and references only what it states is compared.
"""

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"
PATHS = sorted(SAMPLES.glob("*/*.eml"))
KINDS = ("message", "auto-submitted", "bounce", "list", "bulk")


@dataclass(frozen=True)
class Sample:
    path: Path
    told: dict[str, Any]

    @property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    @property
    def sent(self) -> bytes:
        """As a client hands it to SMTP (RFC 5321, 2.3.8): lines that end in CRLF, the last one too."""
        return b"\r\n".join(self.raw.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")) + b"\r\n"

    @property
    def automatic(self) -> str:
        return "" if self.told["kind"] == "message" else str(self.told["kind"])

    @property
    def date(self) -> datetime | None:
        date = self.told.get("date")
        return date.astimezone(UTC) if date else None

    def addresses(self, name: str) -> list[tuple[str, str]]:
        return [(one["name"], one["email"]) for one in self.told.get(name, [])]

    @property
    def files(self) -> list[tuple[str, str, int, bool]]:
        told = self.told.get("attachments", [])
        return [(file["name"], file["type"], file["size"], file.get("inline", False)) for file in told]

    def has_text(self, text: str) -> bool:
        told = self.told
        if "text" in told:
            return bool(text == told["text"])
        return (
            text.startswith(told["text_begins"])
            and text.endswith(told["text_ends"])
            and len(text) == told.get("text_length", len(text))
        )


def sample(path: Path) -> Sample:
    told = tomllib.loads(path.with_suffix(".toml").read_text())
    assert told["kind"] in KINDS
    return Sample(path, told)


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"
