"""Chromium for tests in a real browser: the machine's own, else Debian's package."""

import shutil

from localservers import packages

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without these, headings fall back to bitmaps and emoji to boxes on a machine that never had a screen.
FONTS = ("fonts-liberation", "fonts-noto-color-emoji")


def chromium() -> str:
    """The path of the executable. Raises PackagesMissing where it is missing and cannot be installed."""
    found = _found()
    if found is None:
        packages.ensure("chromium", *FONTS)
        found = _found()
    if found is None:
        raise packages.PackagesMissing("the package chromium is installed but its command is not on PATH")
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
