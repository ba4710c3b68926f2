"""Content-Transfer-Encoding (RFC 2045 section 6) undone, never larger than allowed, never failing."""

import binascii
import re

from mail.parsing.headers import first, lenient_base64
from mail.parsing.structure import Part


def decoded(raw: bytes, part: Part, most: int) -> tuple[bytes, bool]:
    """The decoded body, and whether it was cut at `most` bytes. Unknown encodings are taken as none (RFC 2045 6.4)."""
    encoding = re.sub(r"[^a-z0-9]", "", first(part.fields, "content-transfer-encoding")[:100].decode("latin-1").lower())
    body = memoryview(raw)[part.start : part.end]
    if encoding.startswith("base64"):
        read = min(len(body), most // 3 * 4 + most // 8 + 4_096)
        data = lenient_base64(body[:read])
    elif encoding.startswith("quotedprintable"):
        read = min(len(body), 3 * most + most // 8)
        data = binascii.a2b_qp(body[:read])
    elif encoding.startswith(("xuu", "uu")):
        read = len(body)
        data = _uudecoded(bytes(body), most) or bytes(body)  # what is not in this encoding is given as it came
    else:
        read = min(len(body), most + 1)
        data = bytes(body[:read])
    return data[:most], len(data) > most or read < len(body)


def _uudecoded(body: bytes, most: int) -> bytes:
    """A line of two bytes may claim forty-five, so the result is counted while it grows."""
    pieces: list[bytes] = []
    size, inside = 0, False
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if not inside:
            inside = line.startswith(b"begin ")
            continue
        if line.strip() == b"end" or size > most:
            break
        piece = _uu_line(line)
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        if not line:
            return b""
        # Some encoders leave garbage after the data: the length the line states is what counts.
        characters = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:characters])
        except binascii.Error:
            return b""
