"""Whose signature of a mandate's text counts, and that what is put together from them is what a host takes."""

import pytest
from trusted_people import People, signature

from guestwire.controller.approvals import signing
from guestwire.controller.approvals.needs import Need, Target, texts
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.approvals import MandateText, Signature
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol.signing import Domain, SigningKey

T0 = 1_760_000_000_000
BODY = b"b" * 32


def text_of(operation: str = "guest-reset", risk: int = 2, host: str = "h1") -> bytes:
    need = Need(operation, risk, (Target(HostRef("plant", host), BODY),), T0, T0 + 60_000)  # type: ignore[arg-type]
    return texts(need, lambda _: "controller:main", lambda: b"i" * 16)[0].text


def kept(text: bytes, needed: int = 1) -> MandateText:
    return MandateText(0, "plant", "69" * 16, needed, text)


def made(people: People, principal: str, text: bytes, at: int = T0) -> Signature:
    key = people.keys[principal]
    return Signature(0, key.id.hex(), principal.partition("#")[0], "u", "ann", signature(key, text), at)


def test_a_good_signature_says_whose_it_is() -> None:
    people, text = People(), text_of()
    key = people.add("operator:ann")
    assert signing.principal_of(text, key.id, signature(key, text), people.trust(), T0) == "operator:ann"
    assert signing.may_sign(text, key.id, people.trust(), T0) == "operator:ann"


def test_what_does_not_count() -> None:
    people, text = People(), text_of(risk=3)
    ann, eve = people.add("operator:ann"), people.add("operator:eve", "operator")
    stranger = SigningKey.generate()
    people.revoked = (people.add("operator:old").id.hex(),)
    trust = people.trust()
    for key, made_by, trusted, code in (
        (ann, signature(ann, text + b"x"), trust, "MANDATE-INVALID"),
        (ann, ann.sign(Domain.ENVELOPE, text), trust, "MANDATE-INVALID"),
        (ann, signature(eve, text), trust, "MANDATE-INVALID"),
        (ann, b"", trust, "MANDATE-INVALID"),
        (eve, signature(eve, text), trust, "MANDATE-SCOPE"),
        (stranger, signature(stranger, text), trust, "KEY-UNKNOWN"),
        (people.keys["operator:old"], b"s" * 64, trust, "KEY-UNKNOWN"),
        (ann, signature(ann, text), None, "KEY-UNKNOWN"),
    ):
        with pytest.raises(GuestwireError) as caught:
            signing.principal_of(text, key.id, made_by, trusted, T0)
        assert caught.value.code == code
    assert signing.may_sign(text, eve.id, trust, T0) is None
    assert signing.may_sign(text, stranger.id, trust, T0) is None


def test_keys_of_one_principal_are_one_signer() -> None:
    people, text = People(needed={"2": 2}), text_of()
    people.add("operator:ann")
    second = people.add("operator:ann")
    people.add("operator:bob")
    one, two, bob = (made(people, name, text) for name in ("operator:ann", "operator:ann#1", "operator:bob"))
    assert second.id.hex() == two.key_id
    wanted = kept(text, needed=2)
    assert not signing.enough([wanted], [one, two])
    assert signing.enough([wanted], [one, two, bob])
    assert not signing.enough([wanted, MandateText(1, "plant", "", 1, text)], [one, bob]), "every text takes its own"
    data = signing.joined(wanted, [one, two, bob]).data
    assert len(mandates.parse(data).signatures) == 2
    allowed = mandates.allowed(
        data, people.trust(), site="plant", host="h1", holder="controller:main", operation="guest-reset", risk=2,
        body_hash=BODY, now_ms=T0 + 1,
    )  # fmt: skip
    assert set(allowed.signers) == {"operator:ann", "operator:bob"}


def test_a_mandate_that_was_brought_along_is_used_as_it_is() -> None:
    people = People()
    whole = mandates.issue(signing.mandate_of(text_of()), [people.add("operator:ann")])
    given = MandateText(0, "plant", "", 2, b"", whole)
    assert signing.joined(given, []).data == whole
    assert signing.enough([given], [])
