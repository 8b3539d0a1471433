"""Mandates: what a person allows somebody else's key to do, within a window, so many times (PROTOCOL, mandates).

A controller acts for a person without holding a key that can stop a plant: it attaches the mandate to a request under its
own key, and the host checks both. A mandate is msgpack [text: bin, signatures: [[key id, signature], ...]]; the exact text
is signed, and the request's header carries the hash of the whole.
"""

import base64
import binascii
import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import PackingError, pack, unpack, unpack_flat
from guestwire.protocol.signing import KEY_ID_BYTES, SIGNATURE_BYTES, Domain, SigningKey
from guestwire.protocol.trust import Key, Principal, Risk, Scope, Slug, Trust

MAX_BYTES = 8192
_MAGIC = "guestwire-mandate 1"
MAX_SIGNATURES = 4
MAX_WINDOW_MS = 7 * 86_400_000
PLANNED = frozenset({"config-apply", "config-confirm", "config-cancel"})
"""Operations that carry out a plan: a mandate for one says which, or it would be for anything."""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Hash: TypeAlias = Annotated[bytes, Field(min_length=32, max_length=32)]


class Mandate(Document):
    """What is allowed. `id`: 16 bytes, to revoke it by. `holder`: whose key may use it. `operations` and `hosts` by name, no
    wildcards. `bodies`: hashes of the bodies that are allowed, `plans`: ids of plans; where both are empty any body is.
    Times in Unix ms; `uses`: how many requests each host accepts under it."""

    id: Annotated[bytes, Field(min_length=16, max_length=16)]
    site: Slug
    holder: Principal
    operations: Annotated[tuple[Name, ...], Field(min_length=1, max_length=32)]
    hosts: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=128)]
    risk: Risk
    not_before: Annotated[int, Field(ge=0, le=1 << 53)]
    not_after: Annotated[int, Field(ge=0, le=1 << 53)]
    uses: Annotated[int, Field(ge=1, le=10_000)] = 1
    bodies: Annotated[tuple[Hash, ...], Field(max_length=32)] = ()
    plans: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=16, max_length=64)], ...], Field(max_length=32)
    ] = ()
    note: Annotated[str, StringConstraints(max_length=256)] = ""


Signatures: TypeAlias = tuple[tuple[bytes, bytes], ...]
_OUTER: TypeAdapter[tuple[bytes, Signatures]] = TypeAdapter(tuple[bytes, Signatures], config=ConfigDict(strict=True))


@dataclass(frozen=True, slots=True)
class SignedMandate:
    """A mandate with its exact text and who signed it. Nothing is verified yet."""

    mandate: Mandate
    text: bytes
    signatures: Signatures
    data: bytes


@dataclass(frozen=True, slots=True)
class Allowed:
    """A mandate that allows a request: its id, its uses, its window, and what each different signer of it may do, cut down
    to what it allows."""

    id: bytes
    uses: int
    not_before: int
    not_after: int
    plans: tuple[str, ...]
    scopes: tuple[Scope, ...]
    signers: tuple[str, ...]


def mandate_hash(data: bytes) -> bytes:
    """What the header of a request carries of the mandate beside it."""
    return hashlib.sha256(data).digest()


def to_text(data: bytes) -> str:
    """A mandate as the text of a file: it goes by mail, and under version control."""
    lines = textwrap.wrap(base64.b64encode(data).decode(), 76)
    return "\n".join((_MAGIC, *lines)) + "\n"


def from_text(text: str) -> bytes:
    """The mandate in a file's text. Raises MANDATE-INVALID."""
    first, _, rest = text.partition("\n")
    try:
        if first.strip() != _MAGIC or len(text) > 2 * MAX_BYTES:
            raise ValueError("not a mandate's file")
        data = base64.b64decode("".join(rest.split()), validate=True)
    except (ValueError, binascii.Error) as err:
        raise GuestwireError("MANDATE-INVALID", "This is not the file of a mandate.") from err
    return parse(data).data


def issue(mandate: Mandate, keys: Sequence[SigningKey]) -> bytes:
    """A signed mandate. Raises MANDATE-INVALID where no host would take it."""
    if error := _unsound(mandate):
        raise GuestwireError("MANDATE-INVALID", error)
    text = pack(mandate.model_dump())
    return _joined(text, tuple((key.id, key.sign(Domain.MANDATE, text)) for key in keys))


def sign_too(data: bytes, key: SigningKey) -> bytes:
    """The mandate with one signature more, for a class of risk that needs several. Raises MANDATE-INVALID."""
    read_mandate = parse(data)
    others = tuple(pair for pair in read_mandate.signatures if pair[0] != key.id)
    if len(others) >= MAX_SIGNATURES:
        raise GuestwireError("MANDATE-INVALID", f"A mandate has at most {MAX_SIGNATURES} signatures.")
    return _joined(read_mandate.text, (*others, (key.id, key.sign(Domain.MANDATE, read_mandate.text))))


def parse(data: bytes) -> SignedMandate:
    """The mandate in those bytes, its form checked and no signature. Raises MANDATE-INVALID."""
    if len(data) > MAX_BYTES:
        raise GuestwireError("MANDATE-INVALID", f"A mandate has at most {MAX_BYTES} bytes.")
    try:
        text, signatures = _OUTER.validate_python(unpack_flat(data))
        mandate = Mandate.model_validate(unpack(text))
    except (PackingError, ValidationError) as err:
        raise GuestwireError("MANDATE-INVALID", "This is no mandate, or a damaged one.") from err
    wrong_size = any(len(key) != KEY_ID_BYTES or len(made) != SIGNATURE_BYTES for key, made in signatures)
    if wrong_size or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise GuestwireError("MANDATE-INVALID", f"A mandate has 1 to {MAX_SIGNATURES} signatures.")
    if error := _unsound(mandate):
        raise GuestwireError("MANDATE-INVALID", error)
    return SignedMandate(mandate, text, signatures, data)


def allowed(
    data: bytes, trust: Trust, *, site: str, host: str, holder: str, operation: str, risk: Risk, body_hash: bytes,
    now_ms: int | None,
) -> Allowed:  # fmt: skip
    """What a mandate allows a request whose own signature was verified. `now_ms` None: the host's clock is not to be trusted.

    Raises MANDATE-INVALID (form, or a signature of it that does not count), MANDATE-REVOKED, MANDATE-EXPIRED (outside its
    window), MANDATE-SCOPE (not for this holder, operation, host, body or class of risk, or its signers may not do that
    themselves, or are too few).
    """
    signed = parse(data)
    mandate = signed.mandate
    if mandate.id.hex() in trust.revoked_mandates:
        raise GuestwireError("MANDATE-REVOKED", detail={"mandate": mandate.id.hex()})
    _in_window(mandate, now_ms)
    if (
        mandate.site != site
        or host not in mandate.hosts
        or mandate.holder != holder
        or operation not in mandate.operations
        or risk > mandate.risk
        or (mandate.bodies and body_hash not in mandate.bodies)
    ):
        text = f"The mandate does not allow {holder} {operation} (R{risk}) on {host} with this body."
        raise GuestwireError("MANDATE-SCOPE", text, detail={"mandate": mandate.id.hex()})
    signers: dict[str, Scope] = {}
    for key in _verified(signed, trust, now_ms):
        signer = key.signer
        if not signer.scope.covers(operation, host, risk):
            text = f"{signer.principal} signed the mandate and may not do that himself."
            raise GuestwireError("MANDATE-SCOPE", text, detail={"mandate": mandate.id.hex()})
        signers[signer.principal] = _cut_down(signer.scope, mandate)
    needed = trust.signers_needed(risk)
    if len(signers) < needed:
        text = f"The mandate has {len(signers)} signers, and this takes {needed} different ones."
        raise GuestwireError("MANDATE-SCOPE", text, detail={"mandate": mandate.id.hex()})
    return Allowed(
        mandate.id, mandate.uses, mandate.not_before, mandate.not_after, mandate.plans, tuple(signers.values()),
        tuple(signers),
    )  # fmt: skip


def scopes_of_mandate(data: bytes, trust: Trust) -> tuple[Scope, ...]:
    """What the signers of a mandate may do under it, whenever: for a request that was accepted in its window and goes on after
    a restart. Raises MANDATE-INVALID, MANDATE-REVOKED."""
    signed = parse(data)
    if signed.mandate.id.hex() in trust.revoked_mandates:
        raise GuestwireError("MANDATE-REVOKED", detail={"mandate": signed.mandate.id.hex()})
    keys = _verified(signed, trust, None)
    return tuple({key.signer.principal: _cut_down(key.signer.scope, signed.mandate) for key in keys}.values())


def check_plan(granted: Allowed, operation: str, plan_id: str | None) -> None:
    """Raises MANDATE-SCOPE when an operation carries out another plan than the mandate names."""
    if operation in PLANNED and granted.plans and plan_id not in granted.plans:
        raise GuestwireError("MANDATE-SCOPE", "The mandate is for another plan.", detail={"mandate": granted.id.hex()})


def check_counted(granted: Allowed, journal_created_ms: int) -> None:
    """Raises MANDATE-INVALID where uses of the mandate may have been counted in a journal that is gone."""
    if granted.not_before < journal_created_ms:
        text = "The mandate began before this host's journal did, which counts its uses: have another one issued."
        raise GuestwireError("MANDATE-INVALID", text, detail={"journal_created_at": journal_created_ms})


def _unsound(mandate: Mandate) -> str | None:
    if not mandate.not_before < mandate.not_after <= mandate.not_before + MAX_WINDOW_MS:
        return "The window of a mandate ends after it begins, and within seven days."
    if PLANNED.intersection(mandate.operations) and not mandate.plans and not mandate.bodies:
        return "A mandate to carry out a plan names the plan."
    return None


def _in_window(mandate: Mandate, now_ms: int | None) -> None:
    if now_ms is None:
        text = "The host's clock is not synchronised, so that nobody can tell whether the mandate holds now."
        raise GuestwireError("MANDATE-EXPIRED", text, detail={"mandate": mandate.id.hex()})
    if not mandate.not_before <= now_ms < mandate.not_after:
        when = "is over" if now_ms >= mandate.not_after else "has not begun"
        raise GuestwireError(
            "MANDATE-EXPIRED",
            f"The window of the mandate {when}.",
            detail={"mandate": mandate.id.hex(), "host_now": now_ms},
        )


def _verified(signed: SignedMandate, trust: Trust, now_ms: int | None) -> list[Key]:
    keys = []
    for key_id, signature in signed.signatures:
        key = trust.key(key_id, now_ms)
        if key is None or not key.verifying.verifies(Domain.MANDATE, signed.text, signature):
            text = "A signature of the mandate is not valid, or its key is not in the trust document."
            raise GuestwireError("MANDATE-INVALID", text, detail={"key": key_id.hex()})
        keys.append(key)
    return keys


def _cut_down(scope: Scope, mandate: Mandate) -> Scope:
    """What a signer of a mandate may do, as far as the mandate goes. Its operations are names; what each is worth in risk is
    asked again with every one of them."""
    hosts = mandate.hosts if "*" in scope.hosts else tuple(name for name in mandate.hosts if name in scope.hosts)
    named = "*" in scope.operations
    operations = mandate.operations if named else tuple(op for op in mandate.operations if op in scope.operations)
    risk: Literal[0, 1, 2, 3] = min(scope.risk, mandate.risk)
    return Scope(operations=operations, hosts=hosts, risk=risk)


def _joined(text: bytes, signatures: Signatures) -> bytes:
    data = pack((text, signatures))
    if len(data) > MAX_BYTES:
        raise GuestwireError("MANDATE-INVALID", f"A mandate has at most {MAX_BYTES} bytes: name fewer hosts.")
    return data
