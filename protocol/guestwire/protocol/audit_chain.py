"""Checking an audit log: its chain of hashes from the first row that is kept to the one that the host signed as its last,
and the text file that a log is exported to.

A file is JSON lines, every byte of which is checked: who says what, then each row with its hash, then the host's signed
statement where the log ended. Whoever has the site's trust document can check it, without the host. PROTOCOL "Audit".
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import HEAD_KIND, LOG_BYTES, AuditHead, first_hash, row_hash
from guestwire.protocol.packing import PackingError, pack, unpack
from guestwire.protocol.statements import read
from guestwire.protocol.trust import Trust

FORMAT: Final = 1


class Origin(NamedTuple):
    """Whose log it is, the number of the first row that is there, and the hash that it follows."""

    site: str
    host: str
    log: bytes
    first: int
    previous: bytes


class Chain:
    """The rows of a log, one after the other. Raises AUDIT-BROKEN where one is not what it should be."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.seq = origin.first - 1
        """The last row that was looked at."""
        self._hash = origin.previous
        self._explained = origin.first == 1 and origin.previous == first_hash(origin.log)

    def follow(self, row: bytes, digest: bytes) -> Mapping[str, Any]:
        """The next row with its hash; what it says."""
        expected = self.seq + 1
        try:
            said = unpack(row)
        except PackingError:
            said = None
        if type(said) is not dict:
            raise broken(expected, f"Row {expected} is not a row: it was altered.")
        number = said.get("seq")
        if number != expected:
            raise broken(
                expected, f"Row {number} is where row {expected} should be: rows were left out, put in or swapped."
            )
        if row_hash(self._hash, row) != digest:
            raise broken(expected, f"Row {expected} does not have its hash: it, or the one before it, was altered.")
        self.seq, self._hash = expected, digest
        before = (self._origin.first - 1, self._origin.previous.hex())
        if said.get("what") == "gap" and (said.get("to"), said.get("hash")) == before:
            self._explained = True
        return said

    def end(self, head: AuditHead) -> None:
        """After the last row: that it is the last, and that none is missing before the first."""
        if head.log != self._origin.log:
            raise broken(0, f"The host signed the end of another log, {head.log.hex()}.")
        if head.seq > self.seq:
            raise broken(
                self.seq + 1,
                f"The log ends with row {self.seq}, and the host signed row {head.seq}: the end is cut off.",
            )
        if (head.seq, head.hash) != (self.seq, self._hash):
            raise broken(self.seq, f"The host did not sign row {self.seq} as the last of the log: it was written anew.")
        if not self._explained and self.seq:
            first = self._origin.first
            raise broken(first, f"Rows before row {first} are missing, and no row says that the log dropped them.")


def broken(seq: int, text: str) -> GuestwireError:
    """AUDIT-BROKEN, and where."""
    return GuestwireError("AUDIT-BROKEN", text, detail={"seq": seq})


def signed_head(frame: bytes, trust: Trust, site: str, host: str) -> AuditHead:
    """Where the host says that its log ends. Raises AUDIT-BROKEN unless its signature is on it; the validity of its key is
    not judged, for a log may be looked at years later."""
    head, verified = _head(frame, trust, site, host)
    if not verified:
        raise broken(0, f"The end of the log is not signed by host {host}.")
    return head


def said_head(frame: bytes, site: str, host: str) -> AuditHead:
    """The same where there is nothing to check a signature with. Raises AUDIT-BROKEN."""
    return _head(frame, None, site, host)[0]


def _head(frame: bytes, trust: Trust | None, site: str, host: str) -> tuple[AuditHead, bool]:
    try:
        statement = read(frame, trust, site, f"host:{host}", HEAD_KIND, None)
        return statement.read(AuditHead), statement.verified
    except GuestwireError as err:
        text = (
            f"The end of the log is not signed by host {host}, or its key is not in the trust document: {err.message}"
        )
        raise broken(0, text) from err


# -- the file


def first_line(origin: Origin) -> str:
    """The line that says whose log it is."""
    return _line({
        "guestwire-audit": FORMAT, "site": origin.site, "host": origin.host, "log": origin.log.hex(),
        "first": origin.first, "previous": origin.previous.hex(),
    })  # fmt: skip


def row_line(row: bytes, digest: bytes) -> str:
    """A row as the file has it. Raises AUDIT-BROKEN for one that says what no host of ours writes."""
    try:
        return _line({"row": unpack(row), "hash": digest.hex()})
    except (PackingError, TypeError):
        raise broken(0, "A row has values that a log does not have.") from None


def last_line(head: bytes) -> str:
    """`head`: the frame that the host signed."""
    return _line({"head": head.hex()})


class Checked(NamedTuple):
    """A log that is whole: whose, how many rows, and its last."""

    origin: Origin
    rows: int
    head: AuditHead


def check(lines: Iterable[str], trust: Trust) -> Checked:
    """Check an exported log against a site's trust document. Raises AUDIT-BROKEN, which says where."""
    several = iter(lines)
    origin = _origin(next(several, ""))
    if origin.site != trust.site:
        raise broken(0, f"The log is of site {origin.site}, and the trust document is that of {trust.site}.")
    chain = Chain(origin)
    frame = None
    for number, said in _read(several):
        if frame is not None:
            raise broken(chain.seq, f"Line {number} comes after the end of the log.")
        match said:
            case {"row": dict(row), "hash": str(digest)} if len(said) == 2:
                chain.follow(_packed(row, chain.seq + 1), _bytes(digest, chain.seq + 1))
            case {"head": str(text)} if len(said) == 1:
                frame = _bytes(text, chain.seq)
            case _:
                raise broken(chain.seq + 1, f"Line {number} is neither a row nor the end of a log.")
    if frame is None:
        raise broken(
            chain.seq + 1, f"The file ends after row {chain.seq}, without the host's signature: its end is cut off."
        )
    head = signed_head(frame, trust, origin.site, origin.host)
    chain.end(head)
    return Checked(origin, chain.seq - origin.first + 1, head)


def _read(lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    """The lines after the first, each exactly as it would be written: a reader sees what was checked."""
    for number, line in enumerate(lines, 2):
        try:
            said = json.loads(line)
            exact = _line(said) == line
        except (ValueError, RecursionError):
            exact = False
        if not exact:
            raise broken(number - 1, f"Line {number} is not as a log is written: it was altered.")
        yield number, said


def _origin(line: str) -> Origin:
    try:
        said = json.loads(line)
        origin = Origin(
            said["site"], said["host"], bytes.fromhex(said["log"]), said["first"], bytes.fromhex(said["previous"])
        )
        sound = first_line(origin) == line and len(origin.log) == LOG_BYTES and type(origin.first) is int
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise broken(0, "The first line does not say whose audit log this is: the file is none, or was altered.")
    return origin


def _packed(row: dict[str, Any], seq: int) -> bytes:
    try:
        return pack(row)
    except PackingError:
        raise broken(seq, f"Row {seq} is not a row: it was altered.") from None


def _bytes(text: str, seq: int) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:  # so that one value has one form
        raise broken(seq, f"The hash or signature at row {seq} is not as a log is written: it was altered.")
    return data


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
