"""The trust document: who may ask for what in a site. Signed by the site's offline root; revisions only go up.

Its file is text: a first line `guestwire-trust 1 KEYID SIGNATURE` (hexadecimal), then the JSON that was signed, byte for byte.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey, key_id

Risk = Literal[0, 1, 2, 3]
"""R0 read, R1 reversible, R2 disruptive (a guest stops, a host reboots), R3 destructive (disk, trust)."""

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Principal = Annotated[str, StringConstraints(pattern=r"^(operator|controller|host|observer|local):[a-z0-9-]{1,36}$")]

_MAGIC = "guestwire-trust 1"
MAX_BYTES = 1 << 20


class Scope(Document):
    """What a principal may do: operations and hosts by name or "*", up to a class of risk."""

    operations: tuple[str, ...] = ("*",)
    hosts: tuple[str, ...] = ("*",)
    risk: Risk = 0

    def covers(self, operation: str, host: str, risk: int) -> bool:
        return (
            risk <= self.risk
            and ("*" in self.operations or operation in self.operations)
            and ("*" in self.hosts or host in self.hosts)
        )


class Signer(Document):
    """A key, whose it is, and how far it goes. Times in Unix ms."""

    principal: Principal
    public_key: Hex32
    scope: Scope
    not_before: int = 0
    not_after: int = 1 << 53


class LocalScope(Document):
    """What a user of the host may do over the Unix socket, where the kernel vouches for the uid."""

    uid: Annotated[int, Field(ge=0)]
    scope: Scope


class TrustDocument(Document):
    """Everything a host or a client of the site believes. `signers_needed`: how many different principals must sign a
    request of a class of risk ("3": 2); one where it says nothing."""

    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]
    rev: Annotated[int, Field(ge=1)]
    issued_at: int
    signers: tuple[Signer, ...]
    revoked: tuple[KeyId, ...] = ()
    local: tuple[LocalScope, ...] = ()
    signers_needed: dict[Literal["0", "1", "2", "3"], Annotated[int, Field(ge=1)]] = {}


def seal(document: TrustDocument, root: SigningKey) -> bytes:
    """The file of a document, signed."""
    text = document.model_dump_json(indent=2).encode() + b"\n"
    signature = root.sign(Domain.TRUST, text)
    return f"{_MAGIC} {root.id.hex()} {signature.hex()}\n".encode() + text


def unseal(data: bytes, root: VerifyingKey, *, at_least: int = 0) -> TrustDocument:
    """The document in a file. Raises TRUST-INVALID unless `root` signed it and its revision is `at_least` or higher."""
    first, _, text = data.partition(b"\n")
    words = first.decode("ascii", "replace").split(" ")
    if len(data) > MAX_BYTES or len(words) != 4 or " ".join(words[:2]) != _MAGIC:
        raise GuestwireError("TRUST-INVALID", "This is not a trust document.")
    try:
        signature = bytes.fromhex(words[3])
    except ValueError:
        raise GuestwireError("TRUST-INVALID", "The signature of the trust document is not hexadecimal.") from None
    if words[2] != root.id.hex() or not root.verifies(Domain.TRUST, text, signature):
        raise GuestwireError("TRUST-INVALID", "The trust document is not signed by the root key that is pinned.")
    try:
        document = TrustDocument.model_validate_json(text)
    except ValidationError as err:
        raise GuestwireError("TRUST-INVALID", f"The trust document is signed but not well formed: {err}") from err
    if document.rev < at_least:
        raise GuestwireError(
            "TRUST-INVALID",
            f"The trust document is revision {document.rev}; revision {at_least} was in force.",
            detail={"rev": document.rev, "at_least": at_least},
        )
    return document


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
    """A trust document in force, made for look-ups: by key id, by local uid."""

    def __init__(self, document: TrustDocument) -> None:
        self.document = document
        revoked = frozenset(document.revoked)
        self._keys: dict[bytes, Key] = {}
        for signer in document.signers:
            identifier = key_id(bytes.fromhex(signer.public_key))
            if identifier.hex() not in revoked:
                self._keys[identifier] = Key(signer)
        self._local = {entry.uid: entry.scope for entry in document.local}
        self._needed = {int(risk): count for risk, count in document.signers_needed.items()}

    @property
    def site(self) -> str:
        return self.document.site

    @property
    def rev(self) -> int:
        return self.document.rev

    def key(self, identifier: bytes, now_ms: int | None) -> Key | None:
        """The key of that id, unless unknown, revoked or outside its validity. None as time: the clock is not to be
        trusted, so validity is not judged."""
        key = self._keys.get(identifier)
        if key is None or now_ms is None or key.signer.not_before <= now_ms < key.signer.not_after:
            return key
        return None

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
