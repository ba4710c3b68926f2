"""The store of files as somebody who only reads it; mail.files, which writes, tidies up as soon as it is opened."""

import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from typing import TypeVar

import obstore
from obstore.store import ObjectStore, from_url

from mail.checks.inventory import File, Inventory
from mail.files import CHUNK

# As mail.domain.file_key() makes them. A store refuses some names that are none, and that would end the whole look.
KEY = re.compile(r"[0-9a-f-]{36}/[0-9a-f]{2}/[0-9a-f]{64}")
ORGANIZATION = re.compile(r"[0-9a-f-]{36}")
# Files asked for at a time. A store that is reached by network takes long for each, and has time for many; a disk is
# shared with those who work on it.
OF_NETWORK, OF_DISK = 16, 2

Found = TypeVar("Found")


class Store:
    """hashing: whether files are read and compared with their names, or only looked up. Raises what obstore raises."""

    def __init__(self, url: str, *, hashing: bool) -> None:
        self.store: ObjectStore = from_url(url)
        self.hashing = hashing
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

    def look_up(self, keys: Collection[str]) -> dict[str, File]:
        """Those that are there, each asked for once however many own it. keys: a few hundred."""
        found = self.inventory.files(keys)
        # Written after the listing, or missing: only the store itself can tell.
        late = self.ask([key for key in keys if key not in found and KEY.fullmatch(key)])
        self.inventory.add(late.values())
        found |= late
        return self.read(found) if self.hashing else found

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

    def read(self, files: dict[str, File]) -> dict[str, File]:
        """The same, compared with their names; without those that have vanished meanwhile."""
        told = self.each(self.is_changed, [key for key, file in files.items() if file.changed is None])
        self.inventory.remember({key: changed for key, changed in told.items() if changed is not None})
        known = {key: file.changed for key, file in files.items()} | told
        return {key: replace(files[key], changed=changed) for key, changed in known.items() if changed is not None}

    def is_changed(self, key: str) -> bool | None:
        """None: it is not there, though it was."""
        found = sha256()
        try:
            for chunk in obstore.get(self.store, key).stream(min_chunk_size=CHUNK):
                found.update(chunk)
        except FileNotFoundError:
            return None
        return found.hexdigest() != key.rpartition("/")[2]

    def each(self, work: Callable[[str], Found], keys: Collection[str]) -> dict[str, Found]:
        if not keys:
            return {}
        with ThreadPoolExecutor(self.at_once) as pool:
            return dict(zip(keys, pool.map(work, keys), strict=True))
