"""Attacks with mandates: a controller whose key was stolen, or who goes beyond what a person allowed it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fleet import SITE, unix_ms
from hostile_cast import DAY_MS, HOUR_MS, RESET, REVOKED_MANDATE, STRANGER, Company, Letter
from hostile_requests import flipped

from guestwire.model.base import Model
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.mandates import Mandate, SignedMandate, issue, parse
from guestwire.protocol.packing import pack, unpack_flat
from guestwire.protocol.signing import Domain

CONTROLLER = "controller:main"


def mandate(**changes: Any) -> Mandate:
    """What an operator allows the controller: one reset of one guest on h1, within the hour."""
    at_ms = unix_ms()
    allowed = Mandate(
        id=request_id(at_ms), site=SITE, holder=CONTROLLER, operations=("guest-reset",), hosts=("h1",), risk=2,
        not_before=at_ms - HOUR_MS, not_after=at_ms + HOUR_MS, uses=1, bodies=(body_hash(to_bytes(RESET)),),
    )  # fmt: skip
    return Mandate.model_validate(allowed.model_dump() | changes)


@dataclass(frozen=True)
class Mandated:
    """A command that a controller gives with a mandate. `make` makes the mandate; `asks` is what it does with it."""

    name: str
    make: Callable[[Company], bytes]
    code: str
    operation: str = "guest-reset"
    body: Model = RESET
    by: str = CONTROLLER

    def letter(self, stage: Company) -> Letter:
        writer = stage.writer(self.name, self.by, operation=self.operation)
        return writer.letter(self.body, mandate=self.make(stage))


def by_admin(**changes: Any) -> Callable[[Company], bytes]:
    return by("operator:admin", **changes)


def by(principal: str, **changes: Any) -> Callable[[Company], bytes]:
    return lambda stage: issue(mandate(**changes), [stage.cast[principal]])


def by_stranger(_: Company) -> bytes:
    return issue(mandate(), [STRANGER])


def altered(**changes: Any) -> Callable[[Company], bytes]:
    """Widened after it was signed."""

    def make(stage: Company) -> bytes:
        signed: SignedMandate = parse(by_admin()(stage))
        text = pack(Mandate.model_validate(signed.mandate.model_dump() | changes).model_dump())
        return pack((text, signed.signatures))

    return make


def one_flipped(stage: Company) -> bytes:
    text, signatures = unpack_flat(by_admin()(stage))
    ((key, signature),) = signatures
    return pack((text, ((key, flipped(signature)),)))


def for_something_else(stage: Company) -> bytes:
    """Signed, but as an envelope is: another kind of document."""
    signed = parse(by_admin()(stage))
    key = stage.cast["operator:admin"]
    return pack((signed.text, ((key.id, key.sign(Domain.ENVELOPE, signed.text)),)))


MANDATED: tuple[Mandated, ...] = (
    Mandated("mandate-expired", by_admin(not_before=1, not_after=2), "MANDATE-EXPIRED"),
    Mandated("mandate-not-begun", by_admin(not_before=(1 << 50), not_after=(1 << 50) + DAY_MS), "MANDATE-EXPIRED"),
    Mandated("mandate-other-operation", by_admin(), "MANDATE-SCOPE", "guest-destroy"),
    Mandated("mandate-other-body", by_admin(), "MANDATE-SCOPE", body=m.GuestRef(guest="winhmi")),
    Mandated("mandate-other-host", by_admin(hosts=("h2",)), "MANDATE-SCOPE"),
    Mandated("mandate-other-site", by_admin(site="other"), "MANDATE-SCOPE"),
    Mandated("mandate-lower-risk", by_admin(risk=1), "MANDATE-SCOPE"),
    Mandated("mandate-of-another-holder", by_admin(holder="operator:eve"), "MANDATE-SCOPE"),
    Mandated("mandate-other-plan", by_admin(operations=("config-confirm",), bodies=(), plans=("p" * 16,)), "MANDATE-SCOPE",
             "config-confirm", c.ConfigConfirm(plan_id="q" * 16)),
    Mandated("mandate-revoked", by_admin(id=REVOKED_MANDATE), "MANDATE-REVOKED"),
    Mandated("mandate-by-an-observer", by("observer:olga"), "MANDATE-SCOPE"),
    Mandated("mandate-by-the-controller-itself", by(CONTROLLER), "MANDATE-SCOPE"),
    Mandated("mandate-by-other-hosts-operator", by("operator:elsewhere"), "MANDATE-SCOPE"),
    Mandated("mandate-by-a-revoked-key", by("operator:ended"), "MANDATE-INVALID"),
    Mandated("mandate-by-an-expired-key", by("operator:former"), "MANDATE-INVALID"),
    Mandated("mandate-by-a-host", by("host:h2"), "MANDATE-SCOPE"),
    Mandated("mandate-forged", by_stranger, "MANDATE-INVALID"),
    Mandated("mandate-widened-uses", altered(uses=1000), "MANDATE-INVALID"),
    Mandated("mandate-widened-hosts", altered(hosts=("h1", "h2")), "MANDATE-INVALID"),
    Mandated("mandate-altered-signature", one_flipped, "MANDATE-INVALID"),
    Mandated("mandate-of-another-domain", for_something_else, "MANDATE-INVALID"),
    Mandated("mandate-rubbish", lambda _: b"\xc1" * 40, "MANDATE-INVALID"),
    Mandated("mandate-with-an-observers-key", by_admin(holder="observer:olga"), "OUT-OF-SCOPE", by="observer:olga"),
)  # fmt: skip


def swapped(letter: Letter, other: bytes) -> Letter:
    """Another mandate beside the request than its signature covers."""
    header, body, signatures, _ = unpack_flat(letter.frame)
    return replace(letter, frames=(pack((header, body, signatures, (other,))),))


def without(letter: Letter) -> Letter:
    header, body, signatures, _ = unpack_flat(letter.frame)
    return replace(letter, frames=(pack((header, body, signatures, ())),))
