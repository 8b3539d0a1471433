"""Bytes of a memory area over the protocol: many in several requests, and those that change."""

import asyncio
from collections.abc import AsyncIterator

from guestwire.cli.area_bytes import Run, runs
from guestwire.cli.named import NameAddress
from guestwire.protocol.comm_models import DUMP_MAX, AreaBytes, AreaDump
from guestwire.sdk.answers import DEFAULT, CallOptions
from guestwire.sdk.client import Client

LOOK_S = 25.0
"""How long a host is asked to wait for a change, at a time."""


async def pieces(
    client: Client, area: NameAddress, offset: int, length: int, options: CallOptions = DEFAULT
) -> AsyncIterator[AreaBytes]:
    """The bytes from `offset`, fewer where the area ends before; a piece each request. Raises the host's errors."""
    at, end = offset, offset + length
    while at < end:
        want = min(DUMP_MAX, end - at)
        request = AreaDump(name=area.name, offset=at, length=want)
        piece = (await client.host(area.host).area_dump(request, options)).reply
        yield piece
        at += len(piece.data)
        if len(piece.data) < want:
            return


async def changes(
    client: Client, area: NameAddress, offset: int, length: int, interval_s: float
) -> AsyncIterator[tuple[int, tuple[Run, ...]]]:
    """What changed of at most DUMP_MAX bytes and when (Unix ms), for ever; looked at once in an interval at most. What
    changes and changes back between two looks is not seen. The first of all has no runs: from then on it is watched."""
    api = client.host(area.host)
    request = AreaDump(name=area.name, offset=offset, length=length)
    known = (await api.area_dump(request)).reply
    yield known.at, ()
    while True:
        await asyncio.sleep(interval_s)
        waiting = request.model_copy(update={"digest": known.digest, "wait_s": LOOK_S})
        found = (await api.area_dump(waiting)).reply
        if changed := tuple(runs(offset, known.data, found.data)):
            yield found.at, changed
        known = found
