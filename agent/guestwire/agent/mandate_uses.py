"""How often each mandate was used at this host: counted in the commit that accepts the request, so that no crash gives a use
back and no request runs uncounted (PROTOCOL, mandates).

Plain blocking calls, all of them in the journal writer's thread.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

MANDATE_TABLES: Final = """
ALTER TABLE job ADD COLUMN mandate BLOB;
CREATE TABLE mandate_use (id BLOB PRIMARY KEY, used INTEGER NOT NULL, not_after INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class MandateUse:
    """One use of a mandate: its id, how many it allows, when its window ends (Unix ms), and its exact bytes."""

    id: bytes
    uses: int
    not_after: int
    data: bytes


class MandateUses:
    """The counts, in the journal's file and its transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def left(self, use: MandateUse) -> bool:
        """Whether the mandate may be used once more."""
        row = self._db.execute("SELECT used FROM mandate_use WHERE id = ?", (use.id,)).fetchone()
        return row is None or row[0] < use.uses

    def count(self, use: MandateUse) -> None:
        """One use more."""
        self._db.execute(
            "INSERT INTO mandate_use VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE"
            " SET used = used + 1, not_after = max(not_after, excluded.not_after)",
            (use.id, use.not_after),
        )

    def prune(self, before_ms: int) -> None:
        """Forget mandates whose window ended before that: no clock that goes right lets them count again."""
        self._db.execute("DELETE FROM mandate_use WHERE not_after < ?", (before_ms,))
