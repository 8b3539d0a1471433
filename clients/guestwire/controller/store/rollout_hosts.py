"""What a rollout asks of many hosts at once: which of them are known, and what they said that they can do."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, tuple_

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_tables import DOCUMENTS, HOSTS

AT_ONCE: Final = 500
"""Hosts in one statement."""


async def known(tx: Tx, refs: Sequence[HostRef]) -> set[HostRef]:
    """Those of these hosts that are known."""
    found: set[HostRef] = set()
    for first in range(0, len(refs), AT_ONCE):
        chosen = tuple_(HOSTS.c.site, HOSTS.c.host).in_(refs[first : first + AT_ONCE])
        rows = await tx.execute(select(HOSTS.c.site, HOSTS.c.host).where(chosen))
        found |= {HostRef(row.site, row.host) for row in rows}
    return found


async def capabilities(tx: Tx, refs: Sequence[HostRef]) -> dict[HostRef, bytes]:
    """What these hosts said that they can do, packed; a host that never said so is left out."""
    found: dict[HostRef, bytes] = {}
    for first in range(0, len(refs), AT_ONCE):
        chosen = tuple_(DOCUMENTS.c.site, DOCUMENTS.c.host).in_(refs[first : first + AT_ONCE])
        asked = select(DOCUMENTS.c.site, DOCUMENTS.c.host, DOCUMENTS.c.body)
        rows = await tx.execute(asked.where(chosen, DOCUMENTS.c.kind == "capabilities"))
        found |= {HostRef(row.site, row.host): row.body for row in rows}
    return found
