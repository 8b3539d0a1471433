"""Following a host's audit log from where it was collected to: what of a page to keep, and what is wrong with it. No I/O, no clock.

Nothing is left out because something is wrong: a row that does not follow from the one before it is kept with a mark, and the chain is
followed on from there. What is wrong is told.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.host_audit import HostLog, HostRow, Mark
from guestwire.protocol.audit import AuditHead, AuditList, first_hash, row_hash
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.trust import FOREVER

_LONGEST = 128
_LONGEST_TEXT = 500


class Trouble(NamedTuple):
    """What is wrong with a host's log, and where. broken: somebody altered it, or it was put back; replaced: the host has another log
    than before; lost: rows were dropped before they were collected, and the host says so."""

    kind: Literal["broken", "replaced", "lost"]
    seq: int
    text: str


class Followed(NamedTuple):
    """What is kept of a page: how far the log is collected now, and the new rows. `more`: there are more rows at the host."""

    standing: HostLog
    rows: tuple[HostRow, ...]
    troubles: tuple[Trouble, ...]
    more: bool


class Proof(NamedTuple):
    """Where the host says that its log ends. `head` None: it did not sign that, for this reason."""

    head: AuditHead | None
    reason: str = ""


def begin(ref: HostRef, page: AuditList, now_ms: int) -> HostLog:
    """How a log stands of which nothing is here yet."""
    whole = page.oldest == 1 and page.previous == first_hash(page.log)
    gone = None if whole else page.oldest - 1
    return HostLog(
        ref, page.log, now_ms, page.oldest, page.oldest - 1, page.previous, now_ms,
        unexplained=gone, unexplained_hash=None if whole else page.previous,
    )  # fmt: skip


def follow(ref: HostRef, known: HostLog | None, page: AuditList, proof: Proof, now_ms: int) -> Followed:
    """A page of rows after the last one that is here. `page` of another log than `known` must begin with that log's first row."""
    troubles: list[Trouble] = []
    if known is None or known.log != page.log:
        standing = begin(ref, page, now_ms)
        if known is not None:
            text = (
                f"The host has another log, {page.log.hex()}: it lost the one that was collected up to row {known.seq}."
            )
            troubles.append(Trouble("replaced", known.seq, text))
    else:
        standing = _skipped(known, page)
    rows: list[HostRow] = []
    unsigned: Mark = "" if proof.head is not None else "unsigned"
    for data, digest in page.rows:
        row, standing, trouble = _next(standing, data, digest, now_ms, unsigned)
        rows.append(row)
        troubles.extend(trouble)
    more = page.next is not None and bool(page.rows)
    troubles.extend(_end(standing, proof, more=more))
    worst = next((one for one in troubles if one.kind == "broken"), troubles[-1] if troubles else None)
    if worst is not None:
        standing = replace(standing, trouble=worst.text, trouble_seq=worst.seq, trouble_at=now_ms)
    return Followed(replace(standing, collected_at=now_ms), tuple(rows), tuple(troubles), more)


def _skipped(known: HostLog, page: AuditList) -> HostLog:
    """Where the host dropped rows before they were collected, the log goes on after them."""
    if page.oldest <= known.seq + 1:
        return known
    gone = page.oldest - 1
    return replace(known, seq=gone, hash=page.previous, unexplained=gone, unexplained_hash=page.previous)


def _next(
    standing: HostLog, data: bytes, digest: bytes, now_ms: int, mark: Mark
) -> tuple[HostRow, HostLog, list[Trouble]]:
    expected = standing.seq + 1
    said = _said(data)
    number = said.get("seq")
    troubles: list[Trouble] = []
    if number != expected:
        troubles.append(Trouble("broken", expected, f"Row {str(number)[:40]} is where row {expected} should be."))
    elif row_hash(standing.hash, data) != digest:
        text = f"Row {expected} does not have its hash: it, or the one before it, was altered."
        troubles.append(Trouble("broken", expected, text))
    seq = number if type(number) is int and expected <= number <= FOREVER else expected
    at = said.get("at")
    row = HostRow(
        standing.log, seq, at if type(at) is int and 0 <= at <= FOREVER else now_ms, data, digest,
        "broken" if troubles else mark, _text(said, "operation"), _text(said, "principal"), _text(said, "code"),
    )  # fmt: skip
    standing = replace(standing, seq=seq, hash=digest)
    if said.get("what") == "gap" and not troubles:
        standing, told = _gap(standing, said)
        troubles.extend(told)
    return row, standing, troubles


def _gap(standing: HostLog, said: Mapping[str, Any]) -> tuple[HostLog, list[Trouble]]:
    """A row by which the host says that it dropped some."""
    if standing.unexplained is None or standing.unexplained_hash is None:
        return standing, []
    if (said.get("to"), said.get("hash")) != (standing.unexplained, standing.unexplained_hash.hex()):
        return standing, []
    text = f"The host dropped rows up to {standing.unexplained} before they were collected: its log was full."
    told = [Trouble("lost", standing.unexplained, text)] if standing.first <= standing.unexplained else []
    return replace(standing, unexplained=None, unexplained_hash=None), told


def _end(standing: HostLog, proof: Proof, *, more: bool) -> list[Trouble]:
    """Whether the log ends where the host signed that it does."""
    if proof.head is None:
        return [Trouble("broken", standing.seq, proof.reason[:_LONGEST_TEXT])]
    head = proof.head
    if head.log != standing.log:
        return [Trouble("broken", standing.seq, f"The host signed the end of another log, {head.log.hex()}.")]
    if head.seq < standing.seq:
        text = (
            f"The host signed row {head.seq} as its last, and rows up to {standing.seq} are here: its log was put back."
        )
        return [Trouble("broken", head.seq, text)]
    if more:
        return []
    if head.seq > standing.seq:
        text = f"The log ends with row {standing.seq}, and the host signed row {head.seq}: the end is cut off."
        return [Trouble("broken", standing.seq + 1, text)]
    if head.hash != standing.hash:
        text = f"The host did not sign row {standing.seq} as it is here: one of the two was written anew."
        return [Trouble("broken", standing.seq, text)]
    if standing.unexplained is not None and standing.seq > standing.unexplained:
        text = f"Rows up to {standing.unexplained} are missing, and no row says that the host dropped them."
        return [Trouble("broken", standing.unexplained, text)]
    return []


def _said(data: bytes) -> Mapping[str, Any]:
    try:
        said = unpack(data)
    except PackingError:
        return {}
    return said if type(said) is dict else {}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value[:_LONGEST].replace("\0", "?") if type(value) is str else ""
