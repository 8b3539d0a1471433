"""The statement in which a controller says, signed, where its audit log ends: who has the site's trust document can check it, whatever
was done to the database since.
"""

from typing import Annotated, Final, NamedTuple, Protocol

from pydantic import Field

from guestwire.controller.store.audit_ends import SignedEnd
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import Hash
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.trust import Trust

KIND: Final = "controller-audit-end"


class End(Model):
    """The last row of the log, and its hash."""

    seq: Annotated[int, Field(ge=1, le=1 << 53)]
    hash: Hash


class Signer(NamedTuple):
    """With which key the controller signs, and who that is by the trust document of a site."""

    site: str
    principal: str
    key: SigningKey


class Signers(Protocol):
    """The controller's keys."""

    def signer(self) -> Signer | None:
        """The one to sign with now; None: the controller has none."""
        ...


def sign(end: End, signer: Signer, now_ms: int) -> SignedEnd:
    """That the log ends so."""
    frame = state(KIND, signer.site, signer.principal, end, signer.key, now_ms, n=end.seq)
    return SignedEnd(end.seq, now_ms, signer.site, signer.principal, frame)


def said(signed: SignedEnd, trust: Trust | None) -> tuple[End, bool]:
    """Where the log ended by that statement, and whether the signature of the controller is on it: not where there is no trust
    document. A key that was good once is good enough. Raises AUDIT-BROKEN where it is not the statement that it should be."""
    try:
        statement = read(signed.frame, trust, signed.site, signed.principal, KIND, None)
        end = statement.read(End)
    except GuestwireError as err:
        text = f"What is kept as the signed end of row {signed.seq} is not signed by {signed.principal}: {err.message}"
        raise GuestwireError("AUDIT-BROKEN", text, detail={"seq": signed.seq}) from err
    if end.seq != signed.seq:
        text = f"What is kept as the signed end of row {signed.seq} is that of row {end.seq}."
        raise GuestwireError("AUDIT-BROKEN", text, detail={"seq": signed.seq})
    return end, statement.verified
