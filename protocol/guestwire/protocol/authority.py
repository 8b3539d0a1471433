"""Who asks, and whether he may: keys, scopes, the number of signers, mandates. The executor calls these in the order of cost.

The host alone decides, by the trust document in force, whatever a controller or a broker says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import Envelope
from guestwire.protocol.mandates import Allowed, allowed, check_plan, mandate_hash, scopes_of_mandate
from guestwire.protocol.operations import Operation
from guestwire.protocol.refused import Refused
from guestwire.protocol.signing import Domain
from guestwire.protocol.steps import Call
from guestwire.protocol.trust import NOTHING, Key, Risk, Scope, Trust

OWN_RISK = 1
"""With a mandate the issuer's own key must reach this class at most: more is what the mandate is for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation asked of a host. `mandated`: the class of risk, and how many sign, is the mandate's matter."""

    operation: Operation
    host: str
    mandated: bool


def named_signers(
    asked: Asked, envelope: Envelope, trust: Trust, at_ms: int | None, *, seen_ms: int = 0
) -> Sequence[Key]:
    """The keys that a message says it is signed by, all of them known and in scope, and enough; no signature is verified. Times
    as in `Trust.key`.
    Raises Refused: KEY-UNKNOWN, OUT-OF-SCOPE, BAD-SIGNATURE when the issuer is not the first of them."""
    keys = []
    for key_id, _ in envelope.signatures:
        key = trust.key(key_id, at_ms, seen_ms=seen_ms)
        if key is None:
            raise Refused(GuestwireError("KEY-UNKNOWN", detail={"key": key_id.hex()}), failure=True)
        _in_scope(asked, key.signer.scope, key.signer.principal)
        keys.append(key)
    if envelope.header.issuer != keys[0].signer.principal:
        raise Refused(GuestwireError("BAD-SIGNATURE", "The issuer is not the first signer."), failure=True)
    needed = trust.signers_needed(asked.operation.risk)
    if not asked.mandated and len({key.signer.principal for key in keys}) < needed:
        raise Refused(GuestwireError("OUT-OF-SCOPE", f"This operation needs {needed} different signers."), failure=True)
    return keys


def verify(keys: Sequence[Key], envelope: Envelope) -> None:
    """Raises Refused BAD-SIGNATURE unless each of the keys made its signature."""
    for key, (_, signature) in zip(keys, envelope.signatures, strict=True):
        if not key.verifying.verifies(Domain.ENVELOPE, envelope.header_bytes, signature):
            raise Refused(GuestwireError("BAD-SIGNATURE"), failure=True)


def local_scopes(asked: Asked, uid: int, trust: Trust) -> tuple[Scope, ...]:
    """What a user of the host may do over the socket. Raises Refused OUT-OF-SCOPE."""
    scope = trust.local_scope(uid)
    _in_scope(asked, scope or NOTHING, f"local:{uid}")
    if not asked.mandated and trust.signers_needed(asked.operation.risk) > 1:
        text = "This operation needs several signers, and the socket vouches for one: send it signed."
        raise Refused(GuestwireError("OUT-OF-SCOPE", text), failure=True)
    return () if scope is None else (scope,)


def covered_mandate(envelope: Envelope) -> bytes | None:
    """The one mandate beside a request, which its signature covers by the hash in the header. Raises Refused BODY-MISMATCH."""
    said, carried = envelope.header.mandate_hash, envelope.mandates
    if said is None and not carried:
        return None
    if said is None or len(carried) != 1 or mandate_hash(carried[0]) != said:
        text = "The mandate of the message is not the one that its signature covers."
        raise Refused(GuestwireError("BODY-MISMATCH", text), failure=True)
    return carried[0]


def under_mandate(call: Call, mandate: bytes, trust: Trust, here: tuple[str, str], at_ms: int | None) -> Allowed:
    """What a mandate allows the call, its body decoded; `here` are site and host. Raises the codes of `mandates.allowed`: the request was well signed,
    so that they are recorded, or a replay could run it once the mandate's window begins."""
    if call.operation.effect == "none":
        raise GuestwireError("MANDATE-SCOPE", "Reading takes no mandate: ask without it.")
    granted = allowed(
        mandate, trust, site=here[0], host=here[1], holder=call.issuer, operation=call.operation.name,
        risk=call.operation.risk, body_hash=call.body_hash, now_ms=at_ms,
    )  # fmt: skip
    check_plan(granted, call.operation.name, getattr(call.request, "plan_id", None))
    return granted


def may_cause(call: Call, host: str, risk: Risk, trust: Trust) -> None:
    """Raises OUT-OF-SCOPE unless who asked may cause that much. A call read back from the journal is judged by what its issuer,
    or those who signed its mandate, may do now: MANDATE-INVALID, MANDATE-REVOKED."""
    scopes = call.scopes
    signers = len(scopes)
    if not scopes and call.mandate is not None:
        scopes = scopes_of_mandate(call.mandate, trust)
        signers = len(scopes)
    elif not scopes:
        scopes = trust.scopes_of(call.issuer)
        signers = min(1, len(scopes))  # he is one, however many keys he has
    needed = trust.signers_needed(risk)
    if signers < needed or not all(scope.covers(call.operation.name, host, risk) for scope in scopes):
        detail = {"principal": call.issuer, "operation": call.operation.name, "risk": risk, "signers_needed": needed}
        raise GuestwireError("OUT-OF-SCOPE", f"This change is of risk {risk}.", detail=detail)


def _in_scope(asked: Asked, scope: Scope, principal: str) -> None:
    operation = asked.operation
    risk = min(operation.risk, OWN_RISK) if asked.mandated else operation.risk
    if not scope.covers(operation.name, asked.host, risk):
        detail = {"principal": principal, "operation": operation.name, "risk": operation.risk}
        raise Refused(GuestwireError("OUT-OF-SCOPE", detail=detail), failure=True)
