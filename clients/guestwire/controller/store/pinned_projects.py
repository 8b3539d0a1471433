"""What rollouts apply of saved projects: the content of the revision, kept by its hash for as long as a rollout needs it.

A project that is renamed, removed or edited two hundred times meanwhile changes nothing of it.
"""

import hashlib
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, delete, select

from guestwire.controller.store.compressed import pack_text, unpack_text
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.controller.store.rollouts import ROLLOUTS

_DOMAIN: Final = b"guestwire pinned project 1\x00"

PINNED = Table(
    "pinned_projects",
    metadata,
    Column("pin", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)


class Pinned(NamedTuple):
    """The project file, and the site whose hosts it is for."""

    site: str
    text: str


def name_of(content: Pinned) -> str:
    """What content is found by where it is kept: no other has the same."""
    return hashlib.sha256(_DOMAIN + content.site.encode() + b"\x00" + content.text.encode()).hexdigest()


async def pin(tx: Tx, content: Pinned, now_ms: int) -> str:
    """Keep content; what it is found by from now on."""
    name = name_of(content)
    await upsert(
        tx, PINNED, {"pin": name, "site": content.site, "text": pack_text(content.text), "at": now_ms}, ("pin",)
    )
    return name


async def find(tx: Tx, name: str) -> Pinned | None:
    """The content; None: it is not kept."""
    row = (await tx.execute(select(PINNED.c.site, PINNED.c.text).where(PINNED.c.pin == name))).one_or_none()
    return None if row is None else Pinned(row.site, unpack_text(row.text))


async def prune(tx: Tx, before_ms: int) -> int:
    """Forget what no rollout needs, and nobody pinned since then; how many."""
    needed = select(ROLLOUTS.c.pin).where(ROLLOUTS.c.pin.is_not(None))
    gone = delete(PINNED).where(PINNED.c.pin.not_in(needed), PINNED.c.at < before_ms)
    return (await tx.execute(gone)).rowcount
