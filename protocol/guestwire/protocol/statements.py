"""Signed messages that answer no request: presence, capabilities, reported, notices, and a controller's presence."""

from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import NO_ID, VERSION, Header, body_hash, decode, encode
from guestwire.protocol.packing import PackingError, pack, unpack
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

_M = TypeVar("_M", bound=Model)


class Statement(NamedTuple):
    """Who said it, when (Unix ms), the body's bytes, and whether a signature of the speaker vouches for it."""

    kind: str
    principal: str
    issued_at: int
    n: int
    body: bytes
    verified: bool

    def read(self, model: type[_M]) -> _M:
        """The body as a model. Raises MALFORMED."""
        try:
            return model.model_validate(unpack(self.body))
        except (ValidationError, PackingError) as err:
            raise GuestwireError("MALFORMED", f"A {self.kind} message does not fit its model: {err}") from err


def state(
    kind: str, site: str, speaker: str, body: Model, key: SigningKey, now_ms: int, *, n: int = 0, expires_ms: int = 0
) -> bytes:
    """A signed statement. `speaker`: its principal ("host:ID"); the audience is the site and the speaker's own name."""
    packed = pack(body.model_dump(exclude_none=True))
    header = Header(
        VERSION, kind, (site, speaker.partition(":")[2]), "", NO_ID, speaker, now_ms, expires_ms, 0, body_hash(packed),
        None, None, None, n,
    )  # fmt: skip
    return encode(header, packed, (key,))


def read(frame: bytes, trust: Trust | None, site: str, speaker: str, kind: str, now: Now | None) -> Statement:
    """The statement in a frame that came on the topic of `speaker`.

    Raises the codes of `decode`, MISADDRESSED when it says it is from somebody else or of another kind, BODY-MISMATCH,
    UNKNOWN-CRITICAL, BAD-SIGNATURE when a signature is there and is not the speaker's, or none is there and the trust document
    has a key of the speaker, who signs all he says. `now` None: validity of keys is not judged.
    """
    envelope = decode(frame)
    header = envelope.header
    if header.kind != kind or header.issuer != speaker or header.audience != (site, speaker.partition(":")[2]):
        raise GuestwireError("MISADDRESSED")
    if body_hash(envelope.body) != header.body_hash:
        raise GuestwireError("BODY-MISMATCH")
    if header.crit:
        raise GuestwireError("UNKNOWN-CRITICAL", detail={"crit": list(header.crit[:8])})
    verified = False
    if trust is not None and envelope.signatures:
        for key_id, signature in envelope.signatures:
            key = trust.key(key_id, now.wall_ms if now else None)
            if (
                key is None
                or key.signer.principal != speaker
                or not key.verifying.verifies(Domain.ENVELOPE, envelope.header_bytes, signature)
            ):
                raise GuestwireError("BAD-SIGNATURE")
        verified = True
    elif trust is not None and trust.speaks_for(speaker, None):
        raise GuestwireError("BAD-SIGNATURE", f"Nobody signed it, and {speaker} signs all it says.")
    return Statement(kind, speaker, header.issued_at, header.n, envelope.body, verified)
