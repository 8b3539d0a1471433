"""Who takes part in the attacks: whom the site knows, whom it ended, whom it never knew; and what any of them may send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet import SITE, unix_ms

from guestwire.model.base import Model
from guestwire.protocol import ids, topics
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import VERSION, Header, body_hash, encode_parts
from guestwire.protocol.key_files import parse_private, parse_public
from guestwire.protocol.mandates import mandate_hash
from guestwire.protocol.roles import ROLES
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Signer
from guestwire.protocol.trust_file import seal, unseal
from guestwire.site.layout import Layout

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RESET = m.GuestRef(guest="rtlinux")
STRANGER = SigningKey(bytes(32))
REVOKED_MANDATE = bytes(range(16))

_KNOWN = ("operator:admin", "controller:main", "host:h1", "host:h2")


@dataclass(frozen=True)
class Cast:
    """`keys` by principal. Strangers are in nobody's trust document."""

    keys: Mapping[str, SigningKey]
    root: SigningKey

    def __getitem__(self, principal: str) -> SigningKey:
        return self.keys[principal]


def make_cast(layout: Layout) -> Cast:
    """Adds to a site what attacks need: keys of every sort, a mandate that was revoked, two signers for what is R3."""
    keys = {principal: parse_private(layout.key(principal).read_text()) for principal in _KNOWN}
    root = parse_private(layout.root_key.read_text())
    trust = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
    at_ms = unix_ms()
    added = [
        _signer(keys, "operator:eve", "admin"),
        _signer(keys, "operator:ended", "admin"),
        _signer(keys, "operator:former", "admin", not_after=at_ms - HOUR_MS),
        _signer(keys, "operator:future", "admin", not_before=at_ms + HOUR_MS),
        _signer(keys, "operator:elsewhere", "admin", hosts=("h2",)),
        _signer(keys, "observer:olga", "observer"),
    ]
    document = trust.document.model_copy(
        update={
            "rev": trust.rev + 1,
            "signers": (*trust.document.signers, *added),
            "revoked": (*trust.document.revoked, keys["operator:ended"].id.hex()),
            "signers_needed": {"3": 2},
            "revoked_mandates": (REVOKED_MANDATE.hex(),),
        }
    )
    layout.trust.write_bytes(seal(document, root))
    return Cast(keys, root)


def _signer(
    keys: dict[str, SigningKey], principal: str, role: Any, hosts: tuple[str, ...] = ("*",), **when: Any
) -> Signer:
    keys[principal] = SigningKey.generate()
    scope = ROLES[role].model_copy(update={"hosts": hosts})
    return Signer(principal=principal, public_key=keys[principal].public.raw.hex(), scope=scope, **when)


@dataclass(frozen=True)
class Letter:
    """A request as it would be sent: the topic and the frames for it."""

    topic: str
    frames: tuple[bytes, ...]
    header: Header
    body: bytes

    @property
    def frame(self) -> bytes:
        (only,) = self.frames
        return only


@dataclass(frozen=True)
class Writer:
    """Writes requests as a {client} does. Whose keys it has is another question."""

    client: str
    keys: Sequence[SigningKey]
    issuer: str = "operator:admin"
    host: str = "h1"
    operation: str = "guest-reset"
    header: Mapping[str, Any] = field(default_factory=dict)

    def letter(self, body: Model = RESET, *, at_ms: int | None = None, mandate: bytes | None = None) -> Letter:
        """A new request, valid for ten seconds from `at_ms` on (default: now)."""
        packed = to_bytes(body)
        return self.letter_of(packed, at_ms=at_ms, mandate=mandate)

    def letter_of(self, packed: bytes, *, at_ms: int | None = None, mandate: bytes | None = None) -> Letter:
        at_ms = unix_ms() if at_ms is None else at_ms
        header = Header(
            VERSION, "request", (SITE, self.host), self.operation, ids.request_id(at_ms), self.issuer, at_ms,
            at_ms + 10_000, 10_000, body_hash(packed), self.client,
            mandate_hash=None if mandate is None else mandate_hash(mandate),
        )._replace(**self.header)  # fmt: skip
        frames = encode_parts(header, packed, self.keys, () if mandate is None else (mandate,))
        return Letter(
            topics.make("request", SITE, self.host, self.client, self.operation), tuple(frames), header, packed
        )


@dataclass
class Company:
    """What every stage has."""

    cast: Cast

    def writer(self, client: str, *principals: str, **others: Any) -> Writer:
        """Writes as the first of those, signed by all of them; admin where none is named."""
        named = principals or ("operator:admin",)
        return Writer(client, [self.cast[name] for name in named], issuer=named[0], **others)
