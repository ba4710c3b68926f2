"""The store of files as somebody who only reads it; mail.files, which writes, tidies up as soon as it is opened."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import obstore
from obstore.store import ObjectStore, from_url

from mail.files import CHUNK, NEW


class Listed(NamedTuple):
    key: str
    written_at: datetime


class Store:
    """hashing: whether files are read and compared with their names, or only looked up. Raises what obstore raises."""

    def __init__(self, url: str, *, hashing: bool) -> None:
        self.store: ObjectStore = from_url(url)
        self.hashing = hashing

    def problem(self, key: str, size: int | None) -> str:
        """What is wrong with a file; empty where nothing is. size: as its owner says; None: it does not say."""
        try:
            found = int(obstore.head(self.store, key)["size"])
        except FileNotFoundError:
            return "is missing from the store"
        if size is not None and found != size:
            return f"has {found} bytes and should have {size}"
        if self.hashing and self.digest(key) != key.rpartition("/")[2]:
            return "is not what it was: its content has another hash"
        return ""

    def digest(self, key: str) -> str:
        found = sha256()
        for chunk in obstore.get(self.store, key).stream(min_chunk_size=CHUNK):
            found.update(chunk)
        return found.hexdigest()

    def folders(self) -> Iterator[str]:
        """The folders that hold files: <organization>/<first two of the hash>."""
        for organization in sorted(obstore.list_with_delimiter(self.store)["common_prefixes"]):
            if organization != NEW:
                yield from sorted(obstore.list_with_delimiter(self.store, organization)["common_prefixes"])

    def listed(self, folder: str) -> Iterator[list[Listed]]:
        for chunk in obstore.list(self.store, folder, chunk_size=500):
            yield [Listed(one["path"], one["last_modified"]) for one in chunk]
