"""Mails that nobody sent: the samples spoiled, and mails made of odd pieces, the same ones for the same seed."""

import base64
import binascii
import quopri
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from mail_support import HOSTILE_PIECES
from sample_support import PATHS

MOST_BYTES = 200_000
# One of so many is made long, to show what takes more than linear time.
LONG_EVERY, LONG_BYTES = 100, 2_000_000
CHARSETS = [
    "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-2022-jp", "shift_jis", "big5", "gb18030", "euc-kr", "utf-7", "utf-16", "utf-32",
    "koi8-r", "hz", "cp037", "unicode-1-1-utf-7", "iso-8859-8-i", "x-unknown", "zlib", "idna", "punycode", "unicode_escape",
]  # fmt: skip
ENCODINGS = [
    "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "Base64;", "quoted-printable\t", "x-yencode", "none",
]  # fmt: skip
KINDS = [
    "mixed", "alternative", "related", "report", "signed", "digest", "form-data", "parallel", "encrypted", "appledouble",
]  # fmt: skip
TYPES = [
    "text/plain", "text/html", "text/enriched", "text/calendar", "text/rfc822-headers", "message/rfc822", "message/delivery-status",
    "message/global", "message/partial", "message/external-body", "image/png", "image/svg+xml", "application/pdf", "application/ms-tnef",
    "application/octet-stream", "text", "TEXT/HTML", "x/y", "//",
]  # fmt: skip
WORDS = [
    "Olá, tudo bem?", "ação", "🎉", "\u202e", "\ufeff", "\x00", "Em seg., 6 de out. de 2025 às 10:00, SAC <sac@x.example> escreveu:", "> citado",
    "De: SAC <sac@x.example>\nEnviada em: segunda-feira\nPara: Ana\nAssunto: RES: Pedido\n", "-----Mensagem original-----", "-- \nAna",
    "<div class=gmail_quote>", "<blockquote type=cite>", "<table><tr><td>", "</table>", "<img src=cid:i@a>", "<img src=//x.example/a.png>",
    "<p style='position:fixed;color:red'>", "<o:p></o:p>", "&nbsp;", "&#0;", "&#xd800;", "begin 644 a\nM\nend", "=00=FF=", "Message-ID: <r@x.example>",
]  # fmt: skip
FIELDS = [
    "From: =?utf-8?q?Jo=C3=A3o?= <joao@x.example>", "From: joao@x.example, Ana <ana@x.example>", "From: <>", "Sender: s@x.example", "To: G:a@b.example;",
    "To: Silva, Ana <ana@x.example>", "Cc: (((((a@b.example", 'Reply-To: "a\\" <r@x.example>', "Subject: =?utf-8?b?QcOnw6Nv?= =?utf-16?b?2AA=?=",
    "Subject: =?iso-2022-jp?B?GyRCJUYlOSVI?= \t =?x?q??=", "Date: Mon, 06 Oct 2025 10:00:00 -0300", "Date: 31 Feb 9999 99:99:99 +9999", "Date: (", "Date: 1 Jan 0001 00:00 +2359",
    "Message-ID: <a@x.example>", "Message-ID: a b c", "In-Reply-To: <a@x.example> (b)", "References: <a@x.example>\r\n\t<b@x.example>,<c", "Auto-Submitted: auto-replied (vacation)",
    "Precedence: bulk", "List-Id: <l.x.example>", "X-Failed-Recipients: a@b.example", "MIME-Version: 1.0", "not a field", " folded", "X: " + "y" * 1_000, "Received: from a by b",
    "Final-Recipient: rfc822; a@b.example", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 no", "Content-ID: <i@a>", "Content-Location: ../../a.b",
]  # fmt: skip
NAMES = [
    'filename="a.pdf"', "filename=a b.pdf", "filename*=utf-8''a%C3%A7%00%2F.exe", "filename*0*=utf-8''a%; filename*1=b; filename*1=c", 'filename="=?utf-8?q?a=2Fb?="',
    "filename*=zlib''x", "filename*=''''", 'filename="../../x"', 'filename="' + "n" * 400 + '.txt"', 'filename=""', "filename", "filename*9999999999999999999999=x", 'filename="CON. "',
]  # fmt: skip


class Mutant(NamedTuple):
    name: str
    raw: bytes


def mutants(seed: int) -> Iterator[Mutant]:
    """Without end. `name` tells how each was made and makes it again: see `mutant`."""
    number = 0
    while True:
        yield mutant(seed, number)
        number += 1


def mutant(seed: int, number: int) -> Mutant:
    random = Random(f"{seed}-{number}")
    raw = made(random) if random.random() < 0.4 else random.choice(PATHS).read_bytes()
    for _ in range(random.choice((0, 1, 1, 2, 3, 5, 8))):
        raw = random.choice(SPOILING)(random, raw)[:MOST_BYTES]
    if number % LONG_EVERY == LONG_EVERY - 1:
        raw = long(random, raw)
    return Mutant(f"seed {seed}, number {number}", raw)


def long(random: Random, raw: bytes) -> bytes:
    start, end = span_of(random, raw)
    piece = raw[start : min(end, start + random.choice((1, 4, 30, 300, 3_000)))] or b"<"
    return raw[:start] + piece * (LONG_BYTES // len(piece)) + raw[start:]


# How a mail is spoiled.


def span_of(random: Random, raw: bytes) -> tuple[int, int]:
    start = random.randrange(len(raw) + 1)
    return start, min(len(raw), start + random.choice((1, 2, 4, 16, 64, 256, 1_024, 8_192)))


def change_bytes(random: Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(random.choice((1, 2, 5, 20)) if raw else 0):
        changed[random.randrange(len(raw))] = random.choice(
            (0, 9, 10, 13, 32, 34, 60, 61, 63, 92, 128, 195, 255, random.randrange(256))
        )
    return bytes(changed)


def cut(random: Random, raw: bytes) -> bytes:
    start, end = span_of(random, raw)
    return raw[:start] + raw[end:]


def cut_off(random: Random, raw: bytes) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def repeat(random: Random, raw: bytes) -> bytes:
    start, end = span_of(random, raw)
    return raw[:start] + raw[start:end] * random.choice((2, 3, 10, 100)) + raw[end:]


def insert(random: Random, raw: bytes) -> bytes:
    start, _ = span_of(random, raw)
    return raw[:start] + piece(random) + raw[start:]


def join(random: Random, raw: bytes) -> bytes:
    other = random.choice(PATHS).read_bytes()
    return raw[: random.randrange(len(raw) + 1)] + other[random.randrange(len(other) + 1) :]


def swap_lines(random: Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    for _ in range(random.choice((1, 2, 10))):
        one, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def add_fields(random: Random, raw: bytes) -> bytes:
    return b"".join(random.choice(FIELDS).encode() + b"\r\n" for _ in range(random.choice((1, 3, 20)))) + raw


def change_charset(random: Random, raw: bytes) -> bytes:
    old = random.choice((b"utf-8", b"UTF-8", b"iso-8859-1", b"ISO-8859-1", b"us-ascii", b"EUC-KR"))
    return raw.replace(old, random.choice(CHARSETS).encode())


def change_encoding(random: Random, raw: bytes) -> bytes:
    old = random.choice((b"7bit", b"8bit", b"base64", b"quoted-printable", b"Quoted-printable"))
    return raw.replace(old, random.choice(ENCODINGS).encode())


def other_line_ends(random: Random, raw: bytes) -> bytes:
    return raw.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ")))


def wrap(random: Random, raw: bytes) -> bytes:
    return part(
        random, random.choice(("message/rfc822", "multipart/mixed; boundary=b", "message/delivery-status")), raw
    )


def nest(random: Random, raw: bytes) -> bytes:
    levels = random.choice((2, 10, 40))
    kinds = [random.choice(KINDS) for _ in range(levels)]
    opening = "".join(
        f"Content-Type: multipart/{kind}; boundary=n{level}\r\n\r\n--n{level}\r\n" for level, kind in enumerate(kinds)
    )
    return opening.encode() + raw


SPOILING: list[Callable[[Random, bytes], bytes]] = [
    change_bytes, change_bytes, cut, cut_off, repeat, insert, insert, insert, join, swap_lines, add_fields, change_charset, change_encoding,
    other_line_ends, wrap, nest,
]  # fmt: skip


# How a mail is made of pieces.


def piece(random: Random) -> bytes:
    pool = random.choice((WORDS, FIELDS, NAMES, HOSTILE_PIECES, CHARSETS, ENCODINGS, TYPES))
    return random.choice(pool).encode() + random.choice((b"", b"\r\n", b"\n", b" ", b"\r\n\r\n"))


def made(random: Random) -> bytes:
    fields = "".join(f"{random.choice(FIELDS)}\r\n" for _ in range(random.randrange(8)))
    return fields.encode("utf-8") + entity(random, random.choice((0, 1, 2, 3)))


def entity(random: Random, depth: int) -> bytes:
    if not depth:
        return leaf(random)
    boundary = random.choice(("b", "b-", "b--", "=_b", "'b'", "a b", "b" * 69, str(depth)))
    kind = random.choice(KINDS) + random.choice(("", "", "; report-type=delivery-status"))
    stated = random.choice((f'"{boundary}"', boundary, f"\r\n\t{boundary}"))
    parts = [entity(random, random.randrange(depth)) for _ in range(random.choice((0, 1, 2, 4, 9)))]
    lines = [f"Content-Type: multipart/{kind}; boundary={stated}\r\n\r\nPreamble\r\n".encode()]
    for one in parts:
        lines.append(
            f"--{boundary}{random.choice(('', '', '', ' ', '-'))}\r\n".encode()
            + one
            + random.choice((b"\r\n", b"\r\n", b"\n", b""))
        )
    return b"".join(lines) + random.choice((f"--{boundary}--\r\n".encode(), b"", b"--"))


def leaf(random: Random) -> bytes:
    return part(random, random.choice(TYPES), body(random))


def part(random: Random, kind: str, content: bytes) -> bytes:
    encoding = random.choice(ENCODINGS)
    charset = f"; charset={random.choice(CHARSETS)}" if random.random() < 0.7 else ""
    name = (
        f"\r\nContent-Disposition: {random.choice(('attachment', 'inline', ''))}; {random.choice(NAMES)}"
        if random.random() < 0.5
        else ""
    )
    own = f"\r\n{random.choice(FIELDS)}" if random.random() < 0.3 else ""
    head = f"Content-Type: {kind}{charset}\r\nContent-Transfer-Encoding: {encoding}{name}{own}\r\n\r\n"
    return head.encode() + (encoded(content, encoding) if random.random() < 0.7 else content)


def body(random: Random) -> bytes:
    pool = random.choice((WORDS, HOSTILE_PIECES, [*WORDS, *HOSTILE_PIECES]))
    text = random.choice(("", "\n", " ", "\r\n")).join(
        random.choice(pool) for _ in range(random.choice((0, 1, 5, 50, 400)))
    )
    return text.encode(random.choice(("utf-8", "utf-8", "cp1252", "utf-16", "iso2022_jp", "utf-7")), "replace")


def encoded(content: bytes, encoding: str) -> bytes:
    if encoding.startswith(("base64", "Base64")):
        return base64.encodebytes(content)
    if encoding.startswith("quoted"):
        return quopri.encodestring(content)
    if "uu" in encoding:
        lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
        return b"begin 644 a\n" + b"".join(lines) + b"end\n"
    return content
