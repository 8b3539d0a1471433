"""Who asks, and whether he may: the table of keys and scopes. Mandates have tests of their own (test_mandates)."""

from typing import Any

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.authority import Asked, local_scopes, may_cause, named_signers, verify
from guestwire.protocol.envelope import Envelope, Header, decode, encode
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.refused import Refused
from guestwire.protocol.roles import ROLES, scope_of
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound
from guestwire.protocol.trust import LocalScope, Scope, Signer, Trust, TrustDocument

ANNA, BERT, OLGA, HOST, MAIN, LATE, GONE, STRANGER = (SigningKey(bytes([n] * 32)) for n in range(1, 9))
NOW_MS = 1_800_000_000_000


def signer(key: SigningKey, principal: str, scope: Scope, **more: Any) -> Signer:
    return Signer(principal=principal, public_key=key.public.raw.hex(), scope=scope, **more)


TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            signer(ANNA, "operator:anna", ROLES["admin"]),
            signer(BERT, "operator:bert", scope_of("operator", ("h2",))),
            signer(OLGA, "operator:olga", ROLES["observer"]),
            signer(HOST, "host:h1", ROLES["host"]),
            signer(MAIN, "controller:main", ROLES["controller"]),
            signer(LATE, "operator:anna", ROLES["admin"], not_before=NOW_MS + 1),
            signer(GONE, "operator:anna", ROLES["admin"]),
        ),
        revoked=(GONE.id.hex(),),
        local=(LocalScope(uid=1000, scope=Scope(risk=1)),),
        signers_needed={"3": 2},
    )
)


def message(*keys: SigningKey, issuer: str) -> Envelope:
    header = Header(
        (1, 0), "request", ("plant", "h1"), "any", ids.request_id(NOW_MS), issuer, NOW_MS, NOW_MS + 1, 1, bytes(32), "c"
    )
    return decode(encode(header, b"", keys))


def asked(operation: str, *, mandated: bool = False) -> Asked:
    return Asked(BY_NAME[operation], "h1", mandated=mandated)


MAY: tuple[tuple[str, Asked, tuple[SigningKey, ...], str, str | None], ...] = (
    ("an admin stops", asked("guest-destroy"), (ANNA,), "operator:anna", None),
    ("an observer reads", asked("guest-list"), (OLGA,), "operator:olga", None),
    ("an observer stops", asked("guest-destroy"), (OLGA,), "operator:olga", "OUT-OF-SCOPE"),
    ("an operator of another host", asked("guest-start"), (BERT,), "operator:bert", "OUT-OF-SCOPE"),
    ("a host asks", asked("guest-list"), (HOST,), "host:h1", "OUT-OF-SCOPE"),
    ("a controller stops by itself", asked("guest-destroy"), (MAIN,), "controller:main", "OUT-OF-SCOPE"),
    ("a controller stops under a mandate", asked("guest-destroy", mandated=True), (MAIN,), "controller:main", None),
    ("an observer under a mandate", asked("guest-destroy", mandated=True), (OLGA,), "operator:olga", "OUT-OF-SCOPE"),
    ("one signer where two are needed", asked("snapshot-revert"), (ANNA,), "operator:anna", "OUT-OF-SCOPE"),
    ("one who signs twice", asked("snapshot-revert"), (ANNA, ANNA), "operator:anna", "OUT-OF-SCOPE"),
    ("a stranger", asked("guest-list"), (STRANGER,), "operator:anna", "KEY-UNKNOWN"),
    ("a revoked key", asked("guest-list"), (GONE,), "operator:anna", "KEY-UNKNOWN"),
    ("a key of tomorrow", asked("guest-list"), (LATE,), "operator:anna", "KEY-UNKNOWN"),
    ("in somebody else's name", asked("guest-list"), (OLGA,), "operator:anna", "BAD-SIGNATURE"),
)


@pytest.mark.parametrize(("what", "about", "keys", "issuer", "code"), MAY, ids=[case[0] for case in MAY])
def test_who_may(what: str, about: Asked, keys: tuple[SigningKey, ...], issuer: str, code: str | None) -> None:
    envelope = message(*keys, issuer=issuer)
    if code is None:
        verify(named_signers(about, envelope, TRUST, NOW_MS), envelope)
        return
    with pytest.raises(Refused) as refused:
        named_signers(about, envelope, TRUST, NOW_MS)
    assert (refused.value.error.code, refused.value.failure) == (code, True)


def test_a_signature_of_another_message_is_none() -> None:
    one, other = message(ANNA, issuer="operator:anna"), message(ANNA, issuer="operator:bert")
    with pytest.raises(Refused) as refused:
        verify(named_signers(asked("guest-list"), one, TRUST, NOW_MS), one._replace(header_bytes=other.header_bytes))
    assert refused.value.error.code == "BAD-SIGNATURE"


def test_a_user_of_the_host() -> None:
    assert local_scopes(asked("guest-start"), 1000, TRUST) == (Scope(risk=1),)
    for operation, uid in (("guest-destroy", 1000), ("guest-list", 1001)):
        with pytest.raises(Refused) as refused:
            local_scopes(asked(operation), uid, TRUST)
        assert refused.value.error.code == "OUT-OF-SCOPE"


def test_what_an_apply_turned_out_to_be_is_judged_by_its_plan() -> None:
    header = message(ANNA, issuer="operator:anna").header
    call = Call(
        BY_NAME["config-apply"], header, Inbound(b"", "c", "config-apply"), "operator:anna", signed=True, wall_ms=0
    )
    call.scopes = (ROLES["engineer"],)
    may_cause(call, "h1", 2, TRUST)
    with pytest.raises(GuestwireError, match="OUT-OF-SCOPE"):
        may_cause(call, "h1", 3, TRUST)
    call.scopes = ()  # read back from the journal: by what its issuer may do now
    may_cause(call, "h1", 2, TRUST)


def test_two_keys_of_one_principal_are_one_signer_after_a_restart_too() -> None:
    """He was refused before: with one signature a plan of R3 has one signer. So it is when the journal is read back."""
    trust = Trust(
        TrustDocument(
            site="plant", rev=1, issued_at=0, signers_needed={"3": 2},
            signers=(
                signer(ANNA, "operator:anna", ROLES["admin"]),
                signer(LATE, "operator:anna", ROLES["admin"]),
            ),
        )
    )  # fmt: skip
    header = message(ANNA, issuer="operator:anna").header
    call = Call(
        BY_NAME["config-apply"], header, Inbound(b"", "c", "config-apply"), "operator:anna", signed=True, wall_ms=0
    )
    for call.scopes in ((ROLES["admin"],), ()):
        with pytest.raises(GuestwireError, match="OUT-OF-SCOPE"):
            may_cause(call, "h1", 3, trust)
    may_cause(call, "h1", 2, trust)


def test_a_key_that_has_run_out_for_sure_is_none_whatever_the_clock_shows() -> None:
    ended = Trust(
        TrustDocument(
            site="plant", rev=1, issued_at=0, signers=(signer(ANNA, "operator:anna", ROLES["admin"], not_after=NOW_MS),)
        )
    )
    envelope = message(ANNA, issuer="operator:anna")
    assert named_signers(asked("guest-start"), envelope, ended, None, seen_ms=NOW_MS - 1)
    with pytest.raises(Refused) as refused:
        named_signers(asked("guest-start"), envelope, ended, None, seen_ms=NOW_MS)
    assert refused.value.error.code == "KEY-UNKNOWN"
    assert ended.speaks_for("operator:anna", None, seen_ms=NOW_MS - 1)
    assert not ended.speaks_for("operator:anna", None, seen_ms=NOW_MS)
