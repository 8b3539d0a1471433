"""The newest trust document of each site that a controller has met, by the root key that the site's connections pin. A revision only
goes up, whoever writes. Documents are bytes here: whoever reads one checks its signature anew.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, select

from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

TRUST_DOCUMENTS = Table(
    "trust_documents",
    metadata,
    Column("site", String(36), primary_key=True),
    Column("root", String(64), primary_key=True),
    Column("roots", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("members_revision", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TrustRow:
    """A document. `root`: the public key that is pinned, as hexadecimal; `roots`: how many roots there are from it to the one that
    signed; `revision` and `members_revision`: those of the document. `kept_at` in Unix ms."""

    site: str
    root: str
    roots: int
    revision: int
    members_revision: int
    document: bytes
    kept_at: int

    def follows(self, other: "TrustRow") -> bool:
        """Whether it is newer. One that leads to a later root is, whatever its revision; else neither number goes back."""
        if self.roots != other.roots:
            return self.roots > other.roots
        mine, theirs = (self.revision, self.members_revision), (other.revision, other.members_revision)
        return mine != theirs and mine[0] >= theirs[0] and mine[1] >= theirs[1]


async def of_site(tx: Tx, site: str) -> list[bytes]:
    """The documents of a site, one for each root that a connection has pinned."""
    asked = select(TRUST_DOCUMENTS.c.document).where(TRUST_DOCUMENTS.c.site == site).order_by(TRUST_DOCUMENTS.c.root)
    return list((await tx.execute(asked)).scalars())


async def keep(tx: Tx, row: TrustRow) -> bool:
    """Keep a document, unless the one that is there is as new; whether it is kept now."""
    c = TRUST_DOCUMENTS.c
    asked = select(TRUST_DOCUMENTS).where(c.site == row.site, c.root == row.root)
    found = (await tx.execute(asked)).one_or_none()
    if found is not None and not row.follows(TrustRow(*found)):
        return False
    await upsert(tx, TRUST_DOCUMENTS, asdict(row), ("site", "root"))
    return True
