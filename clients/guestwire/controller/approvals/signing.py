"""Whether a signature of a mandate's text counts, and when there are enough. Pure: the trust document and the time are arguments.

The host judges again when the mandate comes to it; here it is found out before anything is sent.
"""

from collections.abc import Iterable, Sequence

from guestwire.controller.store.approvals import MandateText, Signature
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol.mandates import Mandate, SignedMandate
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import Domain
from guestwire.protocol.trust import Trust


def mandate_of(text: bytes) -> Mandate:
    """What a text allows. The text is ours, or was looked at when it came."""
    return Mandate.model_validate(unpack(text))


def principal_of(text: bytes, key_id: bytes, signature: bytes, trust: Trust | None, now_ms: int) -> str:
    """Whose signature it is. Raises KEY-UNKNOWN (the site does not know the key, or it does not count now, or nobody knows the
    site's keys here), MANDATE-SCOPE (who signs may not do that himself) and MANDATE-INVALID (the signature is not of that text)."""
    if trust is None:
        said = "The controller has no trust document of that site: give a connection of the site `trust` and `root`."
        raise GuestwireError("KEY-UNKNOWN", said, detail={"key": key_id.hex()}, field="key_id")
    key = trust.key(key_id, now_ms)
    if key is None:
        raise GuestwireError("KEY-UNKNOWN", detail={"key": key_id.hex()}, field="key_id")
    mandate, signer = mandate_of(text), key.signer
    for operation in mandate.operations:
        for host in mandate.hosts:
            if not signer.scope.covers(operation, host, mandate.risk):
                said = f"{signer.principal} may not do {operation} (R{mandate.risk}) on {host} himself."
                raise GuestwireError("MANDATE-SCOPE", said, field="key_id")
    if not key.verifying.verifies(Domain.MANDATE, text, signature):
        said = "The signature is not one of that text by that key: sign the exact bytes."
        raise GuestwireError("MANDATE-INVALID", said, field="signature")
    return signer.principal


def may_sign(text: bytes, key_id: bytes, trust: Trust | None, now_ms: int) -> str | None:
    """As whom somebody could sign that text with the key; None: it would not count."""
    key = None if trust is None else trust.key(key_id, now_ms)
    if key is None:
        return None
    mandate, scope = mandate_of(text), key.signer.scope
    covered = all(scope.covers(name, host, mandate.risk) for name in mandate.operations for host in mandate.hosts)
    return key.signer.principal if covered else None


def enough(texts: Iterable[MandateText], signatures: Sequence[Signature]) -> bool:
    """Whether every text has as many different signers as its class takes. Keys of one principal are one signer."""
    return all(
        text.given is not None or len({one.principal for one in signatures if one.n == text.n}) >= text.needed
        for text in texts
    )


def joined(text: MandateText, signatures: Iterable[Signature]) -> SignedMandate:
    """The signed mandate. Of each signer one signature, and no more than it takes."""
    if text.given is not None:
        return mandates.parse(text.given)
    chosen: dict[str, tuple[bytes, bytes]] = {}
    for one in signatures:
        if one.n == text.n and len(chosen) < max(text.needed, 1):
            chosen.setdefault(one.principal, (bytes.fromhex(one.key_id), one.signature))
    return mandates.parse(pack((text.text, tuple(chosen.values()))))
