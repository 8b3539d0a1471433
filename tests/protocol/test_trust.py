"""The trust document: seal, unseal, look-ups."""

import pytest
from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import (
    LocalScope,
    Scope,
    Signer,
    Trust,
    TrustDocument,
    with_signers,
)
from guestwire.protocol.trust_file import MAX_BYTES, seal, unseal

ROOT, OTHER, ANNA, HOST = (SigningKey(bytes([n] * 32)) for n in range(1, 5))


def signer(key: SigningKey, principal: str, **more: object) -> Signer:
    fields = {"principal": principal, "public_key": key.public.raw.hex(), "scope": Scope(risk=2)} | more
    return Signer.model_validate(fields)


def document(**more: object) -> TrustDocument:
    fields: dict[str, object] = {
        "site": "plant",
        "rev": 3,
        "issued_at": 5,
        "signers": (signer(ANNA, "operator:anna"), signer(HOST, "host:h1")),
    }
    return TrustDocument.model_validate(fields | more)


def test_a_sealed_document_is_unsealed_by_its_root() -> None:
    assert unseal(seal(document(), ROOT), ROOT.public).document == document()
    assert unseal(seal(document(), ROOT), ROOT.public, at_least=(3, 0)).rev == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x\n{}",
        seal(document(), OTHER),
        seal(document(), ROOT)[:-2],
        seal(document(), ROOT) + b" ",
        seal(document(), ROOT).replace(b'"rev": 3', b'"rev": 4'),
        seal(document(), ROOT).replace(b"guestwire-trust 1", b"guestwire-trust 2"),
        b"guestwire-trust 1 00 zz\n{}",
        b"guestwire-trust 1 \xff 00\n{}",
        seal(document(), ROOT) + b" " * MAX_BYTES,
    ],
    ids=[
        "empty",
        "no head",
        "other root",
        "cut",
        "longer",
        "altered",
        "other version",
        "no hex",
        "no ascii",
        "too large",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(GuestwireError) as raised:
        unseal(data, ROOT.public)
    assert raised.value.code == "TRUST-INVALID"


def test_a_signed_document_that_is_not_well_formed_is_refused() -> None:
    class Odd(TrustDocument):
        surprise: int = 1

    odd = Odd.model_validate(document().model_dump() | {"surprise": 1})
    with pytest.raises(GuestwireError, match="well formed"):
        unseal(seal(odd, ROOT), ROOT.public)


def test_revisions_only_go_up() -> None:
    with pytest.raises(GuestwireError) as raised:
        unseal(seal(document(), ROOT), ROOT.public, at_least=(4, 0))
    assert raised.value.detail == {"rev": [3, 0], "at_least": [4, 0]}


def test_keys_are_known_by_id_within_their_time() -> None:
    trust = Trust(
        document(signers=(signer(ANNA, "operator:anna", not_before=10, not_after=20), signer(HOST, "host:h1")))
    )
    assert trust.key(ANNA.id, 9) is None
    assert trust.key(ANNA.id, 10) is not None
    assert trust.key(ANNA.id, 20) is None
    assert trust.key(ANNA.id, None) is not None
    assert trust.key(OTHER.id, 15) is None
    known = trust.key(ANNA.id, 15)
    assert known is not None
    assert known.verifying.raw == ANNA.public.raw
    assert trust.speaks_for_host(HOST.id, "h1", 15) is not None
    assert trust.speaks_for_host(HOST.id, "h2", 15) is None
    assert trust.speaks_for_host(ANNA.id, "h1", 15) is None


def test_a_revoked_key_is_unknown() -> None:
    assert Trust(document(revoked=(ANNA.id.hex(),))).key(ANNA.id, None) is None


@pytest.mark.parametrize(
    "more",
    [
        {"revoked": (ANNA.id.hex().upper(),)},
        {"revoked": ("anna",)},
        {"signers_needed": {"4": 2}},
        {"signers_needed": {"three": 2}},
        {"signers_needed": {"3": 0}},
        {"site": "Plant"},
        {"rev": 0},
    ],
)
def test_what_would_be_without_effect_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        document(**more)


def test_how_many_signers_a_class_needs() -> None:
    trust = Trust(document(signers_needed={"3": 2}))
    assert [trust.signers_needed(risk) for risk in range(4)] == [1, 1, 1, 2]


def test_local_users() -> None:
    trust = Trust(document(local=(LocalScope(uid=1000, scope=Scope(risk=1)),)))
    assert trust.local_scope(1000) == Scope(risk=1)
    assert trust.local_scope(1001) is None


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), False),
        (Scope(risk=2), True),
        (Scope(risk=1), False),
        (Scope(risk=3, operations=("guest-start",)), False),
        (Scope(risk=3, operations=("guest-stop", "guest-start")), True),
        (Scope(risk=3, hosts=("h2",)), False),
        (Scope(risk=3, hosts=()), False),
    ],
)
def test_scopes(scope: Scope, covered: bool) -> None:
    assert scope.covers("guest-stop", "h1", 2) is covered


def test_the_next_revision_replaces_a_signer_with_the_same_key() -> None:
    after = with_signers(document(), [signer(ANNA, "operator:bert"), signer(OTHER, "controller:c")], 9)
    assert (after.rev, after.issued_at) == (4, 9)
    assert sorted(s.principal for s in after.signers) == ["controller:c", "host:h1", "operator:bert"]
