"""The store of files as somebody who only reads it; mail.files, which writes, tidies up as soon as it is opened."""

import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from threading import Lock
from types import MappingProxyType
from typing import TypeVar

import obstore
from obstore.store import ObjectStore, from_url

from mail.checks.inventory import File, Inventory
from mail.files import CHUNK
from mail.parsing import identity

# As mail.domain.file_key() makes them. A store refuses some names that are none, and that would end the whole look.
KEY = re.compile(r"[0-9a-f-]{36}/[0-9a-f]{2}/[0-9a-f]{64}")
ORGANIZATION = re.compile(r"[0-9a-f-]{36}")
# Files asked for at a time. A store that is reached by network takes long for each, and has time for many; a disk is
# shared with those who work on it.
OF_NETWORK, OF_DISK = 16, 2
# In bytes. A mail that is compared with what was accepted is in memory some five times over; above this, one at a time.
LARGE = 1024 * 1024
NO_MAILS: Mapping[str, int] = MappingProxyType({})

Found = TypeVar("Found")


class Store:
    """hashing: whether files are read and compared with their names, or only looked up. Raises what obstore raises."""

    def __init__(self, url: str, *, hashing: bool) -> None:
        self.store: ObjectStore = from_url(url)
        self.hashing = hashing
        self.large = Lock()
        self.at_once = OF_DISK if url.startswith("file:") else OF_NETWORK

    @cached_property
    def inventory(self) -> Inventory:
        """Listed once: a thousand files by one request, where asking for each would be a thousand.

        What lies beside the folders of organizations is none of ours: what is being written, a disk's lost+found.
        """
        made = Inventory()
        for organization in sorted(obstore.list_with_delimiter(self.store)["common_prefixes"]):
            if ORGANIZATION.fullmatch(organization):
                for chunk in obstore.list(self.store, organization, chunk_size=1_000):
                    made.add(File(one["path"], one["size"], one["last_modified"]) for one in chunk)
        return made

    def look_anew(self) -> None:
        """A content that was found to be changed may be mended by now; sizes stay as they were listed."""
        self.inventory.forget_changed()

    def look_up(self, keys: Collection[str], mails: Mapping[str, int] = NO_MAILS) -> dict[str, File]:
        """Those that are there, each asked for once however many own it. keys: a few hundred.

        mails: what size those have, in bytes, that are to be read as mails; one that has another is not.
        """
        found = self.inventory.files(keys)
        # Written after the listing, or missing: only the store itself can tell.
        late = self.ask([key for key in keys if key not in found and KEY.fullmatch(key)])
        self.inventory.add(late.values())
        found |= late
        return self.read(found, mails) if self.hashing else found

    def ask(self, keys: Collection[str]) -> dict[str, File]:
        """Those that are there now."""
        asked = self.each(self.head, keys)
        return {key: file for key, file in asked.items() if file is not None}

    def head(self, key: str) -> File | None:
        try:
            one = obstore.head(self.store, key)
        except FileNotFoundError:
            return None
        return File(key, one["size"], one["last_modified"])

    def read(self, files: dict[str, File], mails: Mapping[str, int]) -> dict[str, File]:
        """The same, with what their contents say; without those that have vanished meanwhile."""
        as_mails = {key for key, file in files.items() if mails.get(key) == file.size}
        unread = [
            key
            for key, file in files.items()
            if file.changed is None or (file.content_hash is None and key in as_mails)
        ]
        told = self.each(lambda key: self.read_one(files[key], as_mail=key in as_mails), unread)
        self.inventory.remember(file for file in told.values() if file is not None)
        return {key: file for key, file in (files | told).items() if file is not None}

    def read_one(self, file: File, *, as_mail: bool) -> File | None:
        """None: it is not there, though it was."""
        try:
            return self.read_as_mail(file) if as_mail else self.read_in_pieces(file)
        except FileNotFoundError:
            return None

    def read_in_pieces(self, file: File) -> File:
        found = sha256()
        for chunk in obstore.get(self.store, file.key).stream(min_chunk_size=CHUNK):
            found.update(chunk)
        return replace(file, changed=found.hexdigest() != name_of(file.key))

    def read_as_mail(self, file: File) -> File:
        with self.large if file.size > LARGE else nullcontext():
            content = bytes(obstore.get(self.store, file.key).bytes())
            found = sha256(content).hexdigest()
            return replace(file, changed=found != name_of(file.key), content_hash=identity.content_hash(content))

    def each(self, work: Callable[[str], Found], keys: Collection[str]) -> dict[str, Found]:
        if not keys:
            return {}
        with ThreadPoolExecutor(self.at_once) as pool:
            return dict(zip(keys, pool.map(work, keys), strict=True))


def name_of(key: str) -> str:
    return key.rpartition("/")[2]
