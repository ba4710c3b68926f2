"""Bytes of a named charset to text: a closed list of codecs, and never a failure."""

import codecs
import re

# Labels seen in mail that Python does not know, or knows as a smaller set than what senders mean by them.
_ALIASES = {
    "ansi-x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "ks-c-5601-1987": "cp949",
    "ks-c-5601": "cp949",
    "euc-kr": "cp949",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "cp-850": "cp850",
    "iso-2022-jp": "iso2022_jp_ext",
}
# A closed list: Python also registers codecs that unpack, escape or take quadratic time (zlib, punycode, idna).
_TEXT_CODEC = re.compile(
    r"utf-?(7|8|8-sig|16|16-le|16-be|32|32-le|32-be)|iso8859-\d{1,2}|cp(037|1006|1026|1125|1140|125\d|273|424|437|500|720"
    r"|737|775|8[5-7]\d|874|932|949|950)|gb2312|gbk|gb18030|big5(hkscs)?|shift_jis(x0213|_2004)?|euc_(jp|kr)|iso2022_(jp\w*|kr)"
    r"|hz|johab|koi8-[rtu]|mac-\w+|ptcp154|kz1048|hp-roman8|tis-620"
)
# What programs state without a look at their text. That text in these is UTF-8 by chance does not happen: every sign
# beyond ASCII would have to be part of pairs like `Ã§`. In Asian charsets it does.
_STATED_UNSEEN = re.compile(r"cp125[24]|iso8859-(1|15)")
_UNSTATED = {
    "",
    "ascii",
    "us-ascii",
    "x-unknown",
    "unknown",
    "unknown-8bit",
    "default",
    "8bit",
    "7bit",
    "binary",
    "none",
}


def _codec(charset: str) -> str | None:
    label = charset.strip(" \t'\"<>;").lower().replace("_", "-")[:40]
    try:
        name = codecs.lookup(_ALIASES.get(label, label)).name.lower()
    except (LookupError, ValueError, UnicodeError):
        return None
    return name if _TEXT_CODEC.fullmatch(name.replace("_", "-")) or _TEXT_CODEC.fullmatch(name) else None


def decode(data: bytes, charset: str, warnings: set[str], cut: bool = False) -> str:
    """Text of `data`; what cannot be read becomes U+FFFD. Adds UNKNOWN_CHARSET or BYTES_REPLACED to `warnings`.

    A charset that is missing, says nothing or is Western is guessed without a warning when the bytes are UTF-8, for
    that is no guess; else a missing one is Windows-1252, the usual one of Brazilian senders that state none.
    cut: data may end within a character, which is then left out.
    """
    label = charset.strip().lower()
    codec = None if label in _UNSTATED else _codec(label)
    if codec is None:
        if label not in _UNSTATED or label in {"x-unknown", "unknown"}:
            warnings.add("UNKNOWN_CHARSET")
        try:
            return _utf8(data, cut)
        except UnicodeDecodeError:
            warnings.add("UNKNOWN_CHARSET")
            codec = "cp1252"
    elif _STATED_UNSEEN.fullmatch(codec) and not data.isascii():
        try:
            return _utf8(data, cut)
        except UnicodeDecodeError:
            pass
    try:
        return data.decode(codec)
    except UnicodeError:
        warnings.add("BYTES_REPLACED")
        return data.decode(codec, "replace")


def _utf8(data: bytes, cut: bool) -> str:
    return codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
