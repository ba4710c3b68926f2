"""What was found, to be found again: there may be as many findings as rows, so they are kept outside of memory."""

import sqlite3

from servicekit.checking import Finding


class Remembered:
    def __init__(self) -> None:
        # By the empty name SQLite makes a temporary file once its cache is full.
        self.database = sqlite3.connect("")
        self.database.executescript("""
            PRAGMA journal_mode = OFF;
            CREATE TABLE found (what TEXT, standing TEXT, PRIMARY KEY (what, standing)) WITHOUT ROWID
        """)

    def add(self, finding: Finding) -> None:
        self.database.execute("INSERT OR IGNORE INTO found VALUES (?, ?)", (finding.what, finding.standing))

    def __contains__(self, finding: Finding) -> bool:
        query = "SELECT 1 FROM found WHERE what = ? AND standing = ?"
        return self.database.execute(query, (finding.what, finding.standing)).fetchone() is not None

    def close(self) -> None:
        self.database.close()
