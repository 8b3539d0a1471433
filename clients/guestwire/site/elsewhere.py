"""Signing on the machine where the root's key is: what came there to be signed, in words, and the signature.

Nothing is signed that is not a trust document or a succession of roots: the key signs no bytes that somebody made up.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import Domain, SigningKey, key_id
from guestwire.protocol.trust import TrustDocument
from guestwire.protocol.trust_file import MAX_BYTES
from guestwire.site.signers import identifier


@dataclass(frozen=True, slots=True)
class ToSign:
    """What is asked for: `what` in a few words, `lines` all that it says."""

    domain: Domain
    text: bytes
    what: str
    lines: tuple[str, ...]


def read_to_sign(path: Path) -> ToSign:
    """What a file asks to have signed. Raises TRUST-INVALID when it is not one that a site exported."""
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
        scope, hosts = signer.scope, ",".join(signer.scope.hosts) or "no host"
        keys.append(f"{signer.principal} {identifier(signer)}: {signer.role or '-'}, R{scope.risk}, {hosts}{revoked}")
    lines = (
        f"site {document.site}, revision {document.rev}",
        *keys,
        *(f"enroller {one.name} {key_id(bytes.fromhex(one.public_key)).hex()}" for one in document.enrollers),
        *(f"local user {one.uid}: R{one.scope.risk}" for one in document.local),
        *(f"R{risk} needs {count} signers" for risk, count in sorted(document.signers_needed.items())),
        *(f"mandate {mandate} revoked" for mandate in document.revoked_mandates),
    )
    return ToSign(Domain.TRUST, text, f"revision {document.rev} of site {document.site}", lines)
