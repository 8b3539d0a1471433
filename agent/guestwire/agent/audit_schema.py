"""What the audit log keeps: its tables, where it stands, a page of it.

No I/O here. PROTOCOL "Audit".
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

Fields = Mapping[str, Any]
"""What a row says: texts, numbers, lists of texts. Its number and its time are the log's."""

MIB: Final = 1 << 20
QUOTA: Final = 64 * MIB

AUDIT_TABLES: Final = """
CREATE TABLE audit (
  seq             INTEGER PRIMARY KEY,
  at_ms           INTEGER NOT NULL,
  row             BLOB NOT NULL,
  hash            BLOB NOT NULL
);
CREATE TABLE audit_log (
  one             INTEGER PRIMARY KEY CHECK (one = 1),
  log             BLOB NOT NULL,
  acknowledged    INTEGER NOT NULL,
  oldest          INTEGER NOT NULL,
  oldest_previous BLOB
);
INSERT INTO audit_log VALUES (1, randomblob(16), 0, 1, NULL);
"""
"""`audit_log` has one row. `oldest` is the first row that is kept, `oldest_previous` the hash of the one before it, NULL
while none was dropped."""


class Standing(NamedTuple):
    """Where a log is: its last row and that row's hash, the first row it keeps and the hash before that, up to where a
    controller has it, and how many bytes it takes."""

    seq: int
    hash: bytes
    oldest: int
    oldest_previous: bytes
    acknowledged: int
    size: int


class Page(NamedTuple):
    """Rows in order, the hash before the first of them, where the search goes on (None: it is at the end), and how the
    log stood."""

    rows: tuple[tuple[bytes, bytes], ...]
    previous: bytes
    next: int | None
    standing: Standing
