"""The trust document: who may ask for what in a site, and the look-ups in it. How it is written and signed: `trust_file`.

The root, offline, signs the document. Hosts that enrol while it is offline are `Members`, signed by an enroller's key that
the document names: a member speaks for itself and may ask for nothing, so that who steals the enroller's key can add hosts
and do nothing else.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Document
from guestwire.protocol.signing import VerifyingKey, key_id

Risk = Literal[0, 1, 2, 3]
"""R0 read, R1 reversible, R2 disruptive (a guest stops, a host reboots), R3 destructive (disk, trust)."""

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
MandateId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]
Principal = Annotated[str, StringConstraints(pattern=r"^(operator|controller|host|observer|local):[a-z0-9-]{1,36}$")]
RoleName = Literal["observer", "operator", "engineer", "admin", "controller", "host"]
FOREVER = 1 << 53
Revision = Annotated[int, Field(ge=1, le=FOREVER)]
Time = Annotated[int, Field(ge=0, le=FOREVER)]
MEMBERS_SPAN = 1_000_000
"""How many revisions of the members one enroller may sign."""

READS = "reads"
"""In the operations of a scope: every operation of risk 0, those of newer versions too."""


class Scope(Document):
    """What a principal may do: operations by name, "reads" or "*", hosts by name or "*", up to a class of risk."""

    operations: tuple[str, ...] = ("*",)
    hosts: tuple[str, ...] = ("*",)
    risk: Risk = 0

    def covers(self, operation: str, host: str, risk: int) -> bool:
        return risk <= self.risk and self.names(operation, risk) and ("*" in self.hosts or host in self.hosts)

    def names(self, operation: str, risk: int) -> bool:
        """Whether the operation, which is of that class by the table, is one of those it is for."""
        return "*" in self.operations or operation in self.operations or (risk == 0 and READS in self.operations)


NOTHING = Scope(operations=(), hosts=(), risk=0)


class Signer(Document):
    """A key, whose it is, and how far it goes. Times in Unix ms. `role`: the name its scope was made from; it decides nothing
    at the host, and the lists of a broker are made by it."""

    principal: Principal
    public_key: Hex32
    scope: Scope
    not_before: int = 0
    not_after: int = FOREVER
    role: RoleName | None = None


class Enroller(Document):
    """A key that may sign members, in revisions below `rev_below`: whoever stole it leaves room for the one that follows.
    Times in Unix ms."""

    name: Slug
    public_key: Hex32
    not_before: int = 0
    not_after: int = FOREVER
    rev_below: Revision = MEMBERS_SPAN


class Member(Document):
    """A host that enrolled, and its key."""

    host: Slug
    public_key: Hex32


class Members(Document):
    """The hosts that enrolled, and which of all hosts' keys count no more. Its revisions only go up, whoever signs them."""

    site: Slug
    rev: Revision
    issued_at: Time
    hosts: tuple[Member, ...] = ()
    revoked: tuple[KeyId, ...] = ()


class LocalScope(Document):
    """What a user of the host may do over the Unix socket, where the kernel vouches for the uid."""

    uid: Annotated[int, Field(ge=0)]
    scope: Scope


class TrustDocument(Document):
    """Everything a host or a client of the site believes. `signers_needed`: how many different principals must sign a
    request of a class of risk ("3": 2); one where it says nothing. `authorities`: certificates (PEM) of the CAs that vouch
    for connections; none where the site has no TLS of its own."""

    site: Slug
    rev: Revision
    issued_at: Time
    signers: tuple[Signer, ...]
    revoked: tuple[KeyId, ...] = ()
    local: tuple[LocalScope, ...] = ()
    signers_needed: dict[Literal["0", "1", "2", "3"], Annotated[int, Field(ge=1)]] = {}
    revoked_mandates: tuple[MandateId, ...] = ()
    enrollers: tuple[Enroller, ...] = ()
    authorities: tuple[str, ...] = ()


class Key:
    """A signer with its key unpacked on first use."""

    __slots__ = ("_verifying", "signer")

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self._verifying: VerifyingKey | None = None

    @property
    def verifying(self) -> VerifyingKey:
        if self._verifying is None:
            self._verifying = VerifyingKey(bytes.fromhex(self.signer.public_key))
        return self._verifying


class Trust:
    """A trust document in force, made for look-ups: by key id, by local uid. `data` is its file and `roots` are the raw keys
    that lead from the pinned root to the one that signed it, where it came from a file."""

    def __init__(
        self,
        document: TrustDocument,
        members: Members | None = None,
        *,
        data: bytes = b"",
        roots: tuple[bytes, ...] = (),
    ) -> None:
        self.document = document
        self.members = members
        self.data = data
        self.roots = roots
        self.revoked_mandates = frozenset(document.revoked_mandates)
        self._keys: dict[bytes, Key] = {}
        for signer in (*_as_signers(document, members), *document.signers):
            identifier = key_id(bytes.fromhex(signer.public_key))
            if not self.revokes(identifier, signer.principal):
                self._keys[identifier] = Key(signer)
        self._local = {entry.uid: entry.scope for entry in document.local}
        self._needed = {int(risk): count for risk, count in document.signers_needed.items()}

    def revokes(self, identifier: bytes, principal: str) -> bool:
        """Whether a key counts no more. Those who enrol hosts can revoke hosts, and nobody else."""
        name = identifier.hex()
        if name in self.document.revoked:
            return True
        return self.members is not None and principal.startswith("host:") and name in self.members.revoked

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Everybody whose key is not revoked, members too."""
        return tuple(key.signer for key in self._keys.values())

    @property
    def site(self) -> str:
        return self.document.site

    @property
    def rev(self) -> int:
        return self.document.rev

    @property
    def revision(self) -> tuple[int, int]:
        """That of the document and of its members; neither ever goes down."""
        return self.document.rev, self.members.rev if self.members is not None else 0

    def key(self, identifier: bytes, now_ms: int | None, *, seen_ms: int = 0) -> Key | None:
        """The key of that id, unless unknown, revoked or outside its validity. None as time: the clock is not to be
        trusted, so that of its validity only the end is judged, by a time that was seen for sure."""
        key = self._keys.get(identifier)
        if key is None:
            return None
        begins, ends = key.signer.not_before, key.signer.not_after
        return key if (seen_ms < ends if now_ms is None else begins <= now_ms < ends) else None

    def local_scope(self, uid: int) -> Scope | None:
        """What a local user may do; None: nothing at all."""
        return self._local.get(uid)

    def scopes_of(self, principal: str) -> tuple[Scope, ...]:
        """What the keys of a principal, or a local user ("local:UID"), may do."""
        kind, _, name = principal.partition(":")
        if kind == "local" and name.isdigit():
            scope = self.local_scope(int(name))
            return () if scope is None else (scope,)
        return tuple(key.signer.scope for key in self._keys.values() if key.signer.principal == principal)

    def speaks_for(self, principal: str, now_ms: int | None, *, seen_ms: int = 0) -> bool:
        """Whether some key of a principal counts now. Times as in `key`."""
        return any(
            key.signer.principal == principal and self.key(identifier, now_ms, seen_ms=seen_ms) is not None
            for identifier, key in self._keys.items()
        )

    def signers_needed(self, risk: int) -> int:
        return self._needed.get(risk, 1)

    def speaks_for_host(self, identifier: bytes, host: str, now_ms: int | None) -> Key | None:
        """The key of that id if it is the host's own."""
        key = self.key(identifier, now_ms)
        return key if key is not None and key.signer.principal == f"host:{host}" else None


def with_signers(document: TrustDocument, added: Iterable[Signer], now_ms: int) -> TrustDocument:
    """The next revision, with signers added; one with the same public key is replaced."""
    added = tuple(added)
    new_keys = {signer.public_key for signer in added}
    kept = tuple(signer for signer in document.signers if signer.public_key not in new_keys)
    return document.model_copy(update={"rev": document.rev + 1, "issued_at": now_ms, "signers": kept + added})


def _as_signers(document: TrustDocument, members: Members | None) -> Iterator[Signer]:
    """A member cannot take the name of somebody whom the root named: whoever signs members could speak as him."""
    named = {signer.principal.partition(":")[2] for signer in document.signers}
    for member in members.hosts if members is not None else ():
        if member.host not in named:
            yield Signer(principal=f"host:{member.host}", public_key=member.public_key, scope=NOTHING, role="host")
