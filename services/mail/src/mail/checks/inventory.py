"""What was listed of a store, and what was found out about each file since.

In a database of its own in the folder for temporary files: the names of tens of millions of files are more than memory
should hold, and asking mail's own tables by file would need an index that each mail pays for (ADR 0016).
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

CACHE_KIB = 64 * 1024
CHUNK = 500
COLUMNS = "key, size, written_at, changed, content_hash"


@dataclass(frozen=True, slots=True)
class File:
    """size: in bytes. changed: whether its content is another than its name says; None: nobody has read it.

    content_hash: as mail.parsing.identity has it; None: nobody has read it as a mail.
    """

    key: str
    size: int
    written_at: datetime
    changed: bool | None = None
    content_hash: bytes | None = None


class Inventory:
    """owner_turn: counts the times that owners were asked for; a file knows the last time that somebody had it."""

    def __init__(self) -> None:
        # By the empty name SQLite makes a temporary file when the cache is full, which vanishes with its process.
        self.database = sqlite3.connect("")
        self.database.executescript(f"""
            PRAGMA cache_size = -{CACHE_KIB};
            PRAGMA journal_mode = OFF;
            CREATE TABLE files (
                key TEXT PRIMARY KEY,
                size INTEGER NOT NULL,
                written_at REAL NOT NULL,
                changed INTEGER,
                content_hash BLOB,
                owned INTEGER NOT NULL DEFAULT 0
            ) WITHOUT ROWID;
            CREATE INDEX changed ON files (key) WHERE changed;
        """)
        self.owner_turn = 0

    def add(self, files: Iterable[File]) -> None:
        rows = ((file.key, file.size, file.written_at.timestamp()) for file in files)
        self.database.executemany("INSERT OR REPLACE INTO files (key, size, written_at) VALUES (?, ?, ?)", rows)

    def files(self, keys: Collection[str]) -> dict[str, File]:
        """Those of these keys that are known. keys: a few hundred."""
        query = f"SELECT {COLUMNS} FROM files WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608  # of constants
        return {row[0]: file_of(row) for row in self.database.execute(query, (json.dumps(list(keys)),))}

    def remember(self, read: Iterable[File]) -> None:
        rows = ((file.changed, file.content_hash, file.key) for file in read)
        self.database.executemany("UPDATE files SET changed = ?, content_hash = ? WHERE key = ?", rows)

    def forget_changed(self) -> None:
        """Whatever seemed changed is read again; what was as it should be stays so for as long as this lasts."""
        self.database.execute("UPDATE files SET changed = NULL WHERE changed")

    def ask_for_owners(self) -> None:
        self.owner_turn += 1

    def own(self, keys: Iterable[str]) -> None:
        rows = ((self.owner_turn, key) for key in keys)
        self.database.executemany("UPDATE files SET owned = ? WHERE key = ?", rows)

    def ownerless(self) -> Iterator[list[File]]:
        """Those that nobody has owned since ask_for_owners()."""
        query = f"SELECT {COLUMNS} FROM files WHERE owned < ?"  # noqa: S608  # of constants
        found = self.database.execute(query, (self.owner_turn,))
        while rows := found.fetchmany(CHUNK):
            yield [file_of(row) for row in rows]

    def count(self) -> int:
        (counted,) = self.database.execute("SELECT count(*) FROM files").fetchone()
        return int(counted)


def file_of(row: tuple[str, int, float, int | None, bytes | None]) -> File:
    key, size, written_at, changed, content_hash = row
    read = None if changed is None else bool(changed)
    return File(key, size, datetime.fromtimestamp(written_at, UTC), read, content_hash)
