"""How attendants' names and passwords are compared, and what they may be."""

import re
import unicodedata

MAX_USERNAME = 100
MAX_PASSWORD = 200
# NIST SP 800-63B-4, 3.1.1.2: fifteen where the password is the only factor; length is what counts, not composition.
MIN_PASSWORD = 15
# Letters and digits of any script, and what stands in e-mail addresses.
USERNAME = re.compile(rf"[\w.@+-]{{1,{MAX_USERNAME}}}")


def normalised_username(username: str) -> str:
    """A username as it is compared: without case, and without regard to how its letters are encoded (RFC 8265, 3.3).

    Case folding can undo the normal form, hence twice.
    """
    folded = unicodedata.normalize("NFKC", username.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def is_username(normalised: str) -> bool:
    return USERNAME.fullmatch(normalised) is not None


def normalised_password(password: str) -> str:
    """The same password typed on another keyboard is the same password (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
