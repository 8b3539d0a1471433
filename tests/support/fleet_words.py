"""What hosts say, for tests of the controller's fleet: keys, a trust document, and signed statements of any host."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.model.base import Model
from guestwire.protocol import statements
from guestwire.protocol.presence import WILL_N, PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import FOREVER, NOTHING, Signer, Trust, TrustDocument

SITE = "plant"
START = Now(1_800_000_000_000, 1000.0)


class FakeClock:
    """Time that stands until somebody moves it. It is a clock: call it."""

    def __init__(self, start: Now = START) -> None:
        self.now = start

    def __call__(self) -> Now:
        return self.now

    def go(self, seconds: float) -> Now:
        self.now = Now(self.now.wall_ms + round(seconds * 1000), self.now.mono + seconds)
        return self.now


def trust_of(keys: dict[str, SigningKey], site: str = SITE) -> Trust:
    """A trust document in which every principal has that key."""
    signers = tuple(
        Signer(principal=principal, public_key=key.public.raw.hex(), scope=NOTHING, not_before=0, not_after=FOREVER)
        for principal, key in keys.items()
    )
    return Trust(TrustDocument(site=site, rev=1, issued_at=0, signers=signers))


def key_of(number: int) -> SigningKey:
    return SigningKey(bytes([number]) * 32)


@dataclass
class Speaker:
    """A host that speaks: what it says is signed by `key`, at the time of `clock`, `skew_ms` by its own."""

    ref: HostRef
    clock: FakeClock
    key: SigningKey = field(default_factory=lambda: key_of(1))
    epoch: int = 1
    boot_id: str = "boot"
    version: str = "0.1.0"
    skew_ms: int = 0
    capabilities: bytes | None = None
    n: int = 0
    since: int = START.wall_ms

    def frame(self, kind: str, body: Model, n: int) -> bytes:
        at = self.clock().wall_ms + self.skew_ms
        return statements.state(kind, self.ref.site, f"host:{self.ref.host}", body, self.key, at, n=n)

    def said(
        self, kind: str, body: Model, n: int, *, part: str = "", retained: bool = False, direct: bool = False
    ) -> Said:
        trust = trust_of({f"host:{self.ref.host}": self.key}, self.ref.site)
        speaker = f"host:{self.ref.host}"
        statement = statements.read(self.frame(kind, body, n), trust, self.ref.site, speaker, kind, None)
        return Said(self.ref, statement, part, retained, direct)

    def presence(
        self, *, online: bool = True, why: str = "heartbeat", retained: bool = False, n: int | None = None
    ) -> Said:
        if n is None:
            self.n += 1
            n = self.n
        body = PresenceBody(
            epoch=self.epoch, n=n, boot_id=self.boot_id, online=online, why=why, since=self.since,
            agent_version=self.version, capabilities_hash=self.capabilities,
        )  # fmt: skip
        return self.said("presence", body, n, retained=retained)

    def heartbeat(self, *, retained: bool = False) -> Said:
        return self.presence(retained=retained)

    def farewell(self) -> Said:
        return self.presence(online=False, why="stopped")

    def will(self, *, retained: bool = False) -> Said:
        return self.presence(online=False, why="will", n=WILL_N, retained=retained)

    def reconnect(self, epoch: int | None = None) -> None:
        self.epoch = self.epoch + 1 if epoch is None else epoch
        self.n = 0


def refs(*texts: str) -> Iterable[HostRef]:
    return [HostRef(SITE, text) for text in texts]
