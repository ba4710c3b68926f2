"""Addresses that may be written to, and those that nothing automatic may answer."""

import re

import idna

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# RFC 5321, 4.5.3.1.
_LOCAL_OCTETS = 64
_ADDRESS_OCTETS = 254
# Names of machines wherever they stand as words of their own, and of those who only distribute (owner-x, x-request).
_MACHINE = re.compile(
    r"(?<![a-z])(no[-_.]?reply|do[-_.]?not[-_.]?reply|n[aã]o[-_.]?respond[ae]r?|no[-_.]?responder|mailer[-_.]?daemon"
    r"|postmaster|hostmaster|bounces?|auto[-_.]?reply|listserv|majordomo)(?![a-z])"
    r"|^owner-|-(?:request|owner)$",
    re.IGNORECASE,
)


def sendable(address: str) -> str:
    """The address as it stands in a mail, its domain in lower-case ASCII (RFC 5891); '' if mail cannot be sent to it.

    Local parts beyond ASCII would need SMTPUTF8 (RFC 6531) on every server of the way; quoted ones exist nowhere.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or len(local) > _LOCAL_OCTETS or not _LOCAL.fullmatch(local):
        return ""
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return ""
    whole = f"{local}@{ascii_domain}"
    return whole if "." in ascii_domain and len(whole) <= _ADDRESS_OCTETS else ""


def is_machine(address: str) -> bool:
    """Whether its name says that nobody reads what is sent there, e.g. nao-responda@ or noreply+123@."""
    return _MACHINE.search(address.rpartition("@")[0]) is not None
