"""The store of raw mails and attachments: a folder, or whatever obstore opens by URL. What is in it never changes."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import ObjectStore, from_url

CHUNK = 64 * 1024
# Where files of a folder are written before they get their name; what is this old was left there by a crash.
NEW = ".new"
ABANDONED_SECONDS = 3600


class Files:
    """Keys are made of an organization and a SHA-256, so that writing the same content twice stores it once.

    A put has returned only when the content survives the loss of power. obstore writes local files without fsync
    (seen by strace), so files of a folder are written here.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.folder: Path | None = None
        if parts.scheme == "file":
            self.folder = Path(unquote(parts.path))
            self.folder.mkdir(parents=True, exist_ok=True)
            self.durable_folders: set[Path] = set()
            (self.folder / NEW).mkdir(exist_ok=True)
            remove_abandoned(self.folder / NEW)
        self.store: ObjectStore = from_url(url)

    def put(self, key: str, content: bytes) -> None:
        """Durable when it returns. Raises OSError, obstore.exceptions.BaseError."""
        if self.folder is None:
            obstore.put(self.store, key, content, use_multipart=False)
        else:
            self.place(self.folder, key, lambda new: new.write_bytes(content))

    def put_file(self, key: str, path: Path) -> None:
        """As put; the file is read in pieces and stays where it is."""
        if self.folder is None:
            obstore.put(self.store, key, path)
        else:
            self.place(self.folder, key, lambda new: shutil.copyfile(path, new))

    def put_open(self, key: str, content: IO[bytes]) -> None:
        """As put_file, of a file that is open and read from where it stands."""
        if self.folder is None:
            obstore.put(self.store, key, content)
        else:
            self.place(self.folder, key, lambda new: copy_open(content, new))

    def place(self, folder: Path, key: str, write: Callable[[Path], object]) -> None:
        """First the content reaches the disk, then its name: whoever finds the name finds all of the content."""
        target = folder / key
        self.make_durable_folder(folder, target.parent)
        if not target.exists():
            new = folder / NEW / f"{os.getpid()}-{os.urandom(8).hex()}"
            try:
                write(new)
                sync(new)
                new.rename(target)
            finally:
                new.unlink(missing_ok=True)
        # Also where the name was there: whoever placed it may not have come so far.
        sync(target.parent)

    def make_durable_folder(self, root: Path, folder: Path) -> None:
        if folder in self.durable_folders:
            return
        folder.mkdir(parents=True, exist_ok=True)
        above = folder
        while above != root:
            above = above.parent
            sync(above)
        self.durable_folders.add(folder)

    def chunks(self, key: str) -> Iterator[bytes]:
        """The content in pieces of at least 64 KiB, but the last. Raises FileNotFoundError."""
        for chunk in obstore.get(self.store, key).stream(min_chunk_size=CHUNK):
            yield bytes(chunk)

    @contextmanager
    def on_disk(self, key: str) -> Iterator[Path]:
        """The content as a file to be read only, while this lasts. Raises FileNotFoundError."""
        if self.folder is not None:
            yield self.folder / key
            return
        with tempfile.NamedTemporaryFile(prefix="guiche-raw-") as copy:
            for chunk in self.chunks(key):
                copy.write(chunk)
            copy.flush()
            yield Path(copy.name)


def copy_open(content: IO[bytes], path: Path) -> None:
    with path.open("wb") as copy:
        shutil.copyfileobj(content, copy, CHUNK)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    for path in folder.iterdir():
        # Another process may be removing the same file.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                path.unlink()
