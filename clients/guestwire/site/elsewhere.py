"""Signing on the machine where the root's key is: what came there to be signed, in words, and the signature.

Nothing is signed that is not a trust document or a succession of roots: the key signs no bytes that somebody made up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.roles import scope_of
from guestwire.protocol.signing import Domain, SigningKey, key_id
from guestwire.protocol.trust import FOREVER, RoleName, Scope, TrustDocument
from guestwire.protocol.trust_file import MAX_BYTES
from guestwire.site.certificates import load_chain
from guestwire.site.signers import identifier


@dataclass(frozen=True, slots=True)
class ToSign:
    """What is asked for: `what` in a few words, `lines` all that it says."""

    domain: Domain
    text: bytes
    what: str
    lines: tuple[str, ...]


def read_to_sign(path: Path) -> ToSign:
    """What a file asks to have signed. Raises TRUST-INVALID when it is not one that a site exported, CERTIFICATE-INVALID."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if data.startswith(Domain.TRUST.value):
        return _document(path, data[len(Domain.TRUST.value) :])
    keys = data[len(Domain.ROOT.value) :]
    if data.startswith(Domain.ROOT.value) and len(keys) == 64:
        old, new = key_id(keys[:32]).hex(), key_id(keys[32:]).hex()
        what = f"that the root {new} follows the root {old}"
        return ToSign(
            Domain.ROOT, keys, what, (f"old root {old}: {keys[:32].hex()}", f"new root {new}: {keys[32:].hex()}")
        )
    raise GuestwireError("TRUST-INVALID", f"{path} is nothing that a site exported to be signed.")


def sign_it(asked: ToSign, key: SigningKey) -> bytes:
    """The raw signature, 64 bytes."""
    return key.sign(asked.domain, asked.text)


def _document(path: Path, text: bytes) -> ToSign:
    try:
        document = TrustDocument.model_validate_json(text)
    except ValidationError as err:
        raise GuestwireError("TRUST-INVALID", f"{path} is no trust document that is well formed.") from err
    keys = []
    for signer in document.signers:
        revoked = ", REVOKED" if identifier(signer) in document.revoked else ""
        valid = _validity(signer.not_before, signer.not_after)
        may = _may(signer.scope, signer.role)
        keys.append(f"{signer.principal} {identifier(signer)}: {signer.role or '-'}, {may}{valid}{revoked}")
    known = {identifier(signer) for signer in document.signers}
    lines = (
        f"site {document.site}, revision {document.rev}",
        *keys,
        *(f"key {key} revoked" for key in document.revoked if key not in known),
        *(
            f"enroller {one.name} {key_id(bytes.fromhex(one.public_key)).hex()}{_validity(one.not_before, one.not_after)}"
            for one in document.enrollers
        ),
        *(
            f"CA {one.subject.rfc4514_string()!r} {one.fingerprint(hashes.SHA256()).hex()}"
            for pem in document.authorities
            for one in load_chain(pem.encode())
        ),
        *(f"local user {one.uid}: {_may(one.scope, None)}" for one in document.local),
        *(f"R{risk} needs {count} signers" for risk, count in sorted(document.signers_needed.items())),
        *(f"mandate {mandate} revoked" for mandate in document.revoked_mandates),
    )
    return ToSign(Domain.TRUST, text, f"revision {document.rev} of site {document.site}", lines)


def _may(scope: Scope, role: RoleName | None) -> str:
    """How far a scope goes. Operations are named where they are not those of the role, or there is none."""
    hosts = ",".join(map(_word, scope.hosts)) or "no host"
    as_role = role is not None and scope.operations == scope_of(role).operations
    operations = "" if as_role else f", operations {' '.join(map(repr, scope.operations)) or 'none'}"
    return f"R{scope.risk}, {hosts}{operations}"


def _word(text: str) -> str:
    """As it is, where it can mislead nobody."""
    return text if text.isascii() and text.isprintable() else repr(text)


def _validity(not_before: int, not_after: int) -> str:
    begins = f", from {_day(not_before)}" if not_before > 0 else ""
    return begins + (f", until {_day(not_after)}" if not_after < FOREVER else "")


def _day(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
