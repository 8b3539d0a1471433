"""Reading a host's whole audit log and checking it on the way, page by page: it may be larger than memory should be."""

from collections.abc import Callable
from typing import NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import AuditHead, AuditList, AuditQuery
from guestwire.protocol.audit_chain import Chain, Checked, Origin, broken, said_head, signed_head
from guestwire.protocol.trust import Trust
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.host_api import HostApi

PAGE = 1000
TRIES = 5
AGAIN_MS = 60_000


class WholeLog(NamedTuple):
    """A log that is whole up to the row that was its last when the reading began. `head`: the frame in which the host says
    so; `signed`: whether its signature was checked. `acknowledged`: up to where a controller has it."""

    checked: Checked
    head: bytes
    signed: bool
    acknowledged: int


class _Dropped(Exception):
    """The log dropped rows before they were read."""


async def read_whole(
    api: HostApi,
    site: str,
    host: str,
    trust: Trust | None,
    options: CallOptions,
    begin: Callable[[Origin], None],
    each: Callable[[bytes, bytes], None],
) -> WholeLog:
    """Every row of a host's log, each checked and then given to `each` with its hash. `begin` comes first, and again where the
    log dropped rows meanwhile and all begins anew. `trust` None: the chain alone is checked.

    Raises AUDIT-BROKEN, which says where, and BUSY for a log that drops its rows faster than they can be read.
    """
    for _ in range(TRIES):
        try:
            return await _read(api, site, host, trust, options, begin, each)
        except _Dropped:
            continue
    raise GuestwireError("BUSY", "The log drops its rows faster than they can be read.", after_ms=AGAIN_MS)


async def _read(
    api: HostApi,
    site: str,
    host: str,
    trust: Trust | None,
    options: CallOptions,
    begin: Callable[[Origin], None],
    each: Callable[[bytes, bytes], None],
) -> WholeLog:
    page = await _page(api, 0, options)
    frame = page.head
    head = _head(frame, trust, site, host)
    origin = Origin(site, host, page.log, page.oldest, page.previous)
    acknowledged = page.acknowledged
    chain = Chain(origin)
    begin(origin)
    while chain.seq < head.seq and page.rows:
        for row, digest in page.rows[: head.seq - chain.seq]:
            chain.follow(row, digest)
            each(row, digest)
        if chain.seq < head.seq:
            page = await _page(api, chain.seq, options)
            _same(page, origin, chain)
    chain.end(head)
    return WholeLog(Checked(origin, chain.seq - origin.first + 1, head), frame, trust is not None, acknowledged)


async def _page(api: HostApi, after: int, options: CallOptions) -> AuditList:
    return (await api.audit_list(AuditQuery(after=after, limit=PAGE), options)).reply


def _head(frame: bytes, trust: Trust | None, site: str, host: str) -> AuditHead:
    return said_head(frame, site, host) if trust is None else signed_head(frame, trust, site, host)


def _same(page: AuditList, origin: Origin, chain: Chain) -> None:
    if page.log != origin.log:
        raise broken(
            chain.seq + 1, f"The host has another log now, {page.log.hex()}: it lost the one that was being read."
        )
    if page.oldest > chain.seq + 1:
        raise _Dropped
