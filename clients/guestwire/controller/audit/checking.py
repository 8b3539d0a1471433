"""Whether the controller's audit log is what it was: its chain of hashes from where it begins, that somebody pruned what is missing before
that, and every end that was signed.

Who may write to the database can make all rows anew, and their hashes; not what the controller's key has signed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from guestwire.controller.audit.signed_ends import End, said
from guestwire.controller.store import audit_ends, audit_rows
from guestwire.controller.store.audit_ends import Begin, SignedEnd
from guestwire.controller.store.audit_rows import Wanted
from guestwire.controller.store.database import Tx
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Trust

PRUNED: Final = "audit-prune"
"""The row that says what was pruned."""


class Signed(NamedTuple):
    """The newest end that was signed. `verified`: its signature was checked, by the trust document of its site."""

    seq: int
    at: int
    principal: str
    site: str
    verified: bool


class Checked(NamedTuple):
    """What a check of the log found: how many rows there are, the number of the first, the hash of the last, the first row that
    is not what it should be, why, and how far it was signed."""

    rows: int
    oldest: int
    hash: bytes
    broken: int | None = None
    why: str | None = None
    signed: Signed | None = None


async def check(tx: Tx, trust: Callable[[str], Trust | None], most: int | None = None) -> Checked:
    """Follow the whole log, in one reading; `most`: no more than so many of its last rows, and what was signed of them."""
    begin = await audit_ends.begin(tx)
    last, digest = await audit_rows.head(tx)
    if last < begin.seq:
        last, digest = begin.seq, begin.hash
    first = begin.seq if most is None else max(begin.seq, last - most)
    kept = [end for end in await audit_ends.ends(tx) if end.seq >= first]
    found = Checked(last - first, first + 1, digest)
    try:
        ends, newest = _read(kept, trust)
        found = found._replace(signed=newest)
        await _explained(tx, begin)
        before = begin.hash if first == begin.seq else await audit_rows.hash_of(tx, first)
        if before is None:
            raise _broken(first, f"Row {first} is missing.")
        signed = {seq: end.hash for seq, end in ends.items()}
        broken = await audit_rows.first_broken(tx, first, before, signed, above=0 if first == begin.seq else first)
        if broken is not None:
            text = f"Row {broken} is not what it was: it, or one before it, was altered, left out or put in."
            raise _broken(broken, text)
        if ends and max(ends) > last:
            text = f"The log ends with row {last}, and row {max(ends)} was signed as its end: rows were cut off."
            raise _broken(last + 1, text)
    except GuestwireError as err:
        if err.code != "AUDIT-BROKEN":
            raise
        return found._replace(broken=int(err.detail["seq"]), why=err.message)
    return found


def _read(kept: Sequence[SignedEnd], trust: Callable[[str], Trust | None]) -> tuple[Mapping[int, End], Signed | None]:
    ends: dict[int, End] = {}
    newest = None
    for one in kept:
        end, verified = said(one, trust(one.site))
        ends[one.seq] = end
        newest = Signed(one.seq, one.at, one.principal, one.site, verified)
    return ends, newest


async def _explained(tx: Tx, begin: Begin) -> None:
    """Raises AUDIT-BROKEN where rows are missing before the first one of which no row says that they were pruned."""
    if begin.seq == 0:
        return
    rows = await audit_rows.newest(tx, Wanted(action=PRUNED), below=None, limit=1)
    detail = json.loads(rows[0].detail) if rows else {}
    if (detail.get("through"), detail.get("hash")) != (begin.seq, begin.hash.hex()):
        first = begin.seq + 1
        raise _broken(first, f"Rows before row {first} are missing, and no row says that they were pruned.")


def _broken(seq: int, text: str) -> GuestwireError:
    return GuestwireError("AUDIT-BROKEN", text, detail={"seq": seq})
