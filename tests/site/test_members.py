"""Who becomes a member, by which key, and who does not."""

from collections.abc import Callable

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import NOTHING, Enroller, Member, Members, Scope, Signer, Trust, TrustDocument
from guestwire.protocol.trust_file import seal, seal_members, unseal
from guestwire.site.members import admitted, check_key, expelled, key_of, with_members

ROOT, ENROLLER = SigningKey.generate(), SigningKey.generate()
KEYS = {name: SigningKey.generate() for name in ("h1", "h2", "fixed", "admin", "new", "gone", "outlaw")}


def public(name: str) -> str:
    return KEYS[name].public.raw.hex()


DOCUMENT = TrustDocument(
    site="plant", rev=4, issued_at=1,
    signers=(
        Signer(principal="host:fixed", public_key=public("fixed"), scope=NOTHING),
        Signer(principal="operator:admin", public_key=public("admin"), scope=Scope(risk=3)),
    ),
    enrollers=(Enroller(name="serve", public_key=ENROLLER.public.raw.hex()),),
    revoked=(KEYS["outlaw"].id.hex(),),
)  # fmt: skip
MEMBERS = Members(
    site="plant", rev=7, issued_at=2,
    hosts=tuple(Member(host=name, public_key=public(name)) for name in ("h1", "h2")),
    revoked=(KEYS["gone"].id.hex(),),
)  # fmt: skip
TRUST = Trust(DOCUMENT, MEMBERS)


def test_a_new_host_is_let_in() -> None:
    members = admitted(TRUST, "h3", public("new"), replace=False, now_ms=9)
    assert members is not None
    assert (members.rev, members.issued_at) == (8, 9)
    assert members.hosts[-1] == Member(host="h3", public_key=public("new"))
    assert members.revoked == MEMBERS.revoked


def test_the_first_of_a_site() -> None:
    members = admitted(Trust(DOCUMENT), "h3", public("new"), replace=False, now_ms=9)
    assert members is not None
    assert members.rev == 1


@pytest.mark.parametrize("host", ["h1", "fixed"])
@pytest.mark.parametrize("replace", [False, True])
def test_the_same_key_changes_nothing(host: str, replace: bool) -> None:
    assert admitted(TRUST, host, public(host), replace=replace, now_ms=9) is None


def test_a_replaced_key_is_revoked() -> None:
    members = admitted(TRUST, "h1", public("new"), replace=True, now_ms=9)
    assert members is not None
    assert key_of(Trust(DOCUMENT, members), "h1") == public("new")
    assert KEYS["h1"].id.hex() in members.revoked
    assert [member.host for member in members.hosts].count("h1") == 1
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        check_key(Trust(DOCUMENT, members), "h1", public("h1"))


@pytest.mark.parametrize(
    ("host", "key", "replace", "code"),
    [
        ("h1", "new", False, "HOST-ID-CONFLICT"),
        ("fixed", "new", False, "HOST-ID-CONFLICT"),
        ("fixed", "new", True, "HOST-ID-CONFLICT"),
        ("h3", "h1", False, "HOST-ID-CONFLICT"),
        ("h3", "fixed", True, "HOST-ID-CONFLICT"),
        ("h3", "admin", False, "HOST-ID-CONFLICT"),
        ("h3", "gone", False, "KEY-UNKNOWN"),
        ("h3", "outlaw", True, "KEY-UNKNOWN"),
        ("admin", "new", True, "EXISTS"),
        ("broker", "new", False, "EXISTS"),
    ],
)
def test_who_is_not_let_in(host: str, key: str, replace: bool, code: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        admitted(TRUST, host, public(key), replace=replace, now_ms=9)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("host", "key", "code"),
    [
        ("h1", "h2", "HOST-ID-CONFLICT"),
        ("h1", "new", "HOST-ID-CONFLICT"),
        ("fixed", "new", "HOST-ID-CONFLICT"),
        ("h9", "new", "KEY-UNKNOWN"),
        ("h1", "gone", "KEY-UNKNOWN"),
        ("fixed", "outlaw", "KEY-UNKNOWN"),
    ],
)
def test_who_may_not_renew(host: str, key: str, code: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        check_key(TRUST, host, public(key))
    assert refused.value.code == code


def test_who_may_renew() -> None:
    for host in ("h1", "h2", "fixed"):
        check_key(TRUST, host, public(host))


def test_who_is_expelled_comes_back_by_a_new_key_only() -> None:
    after = Trust(DOCUMENT, expelled(TRUST, "h2", 9))
    assert key_of(after, "h2") is None
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        admitted(after, "h2", public("h2"), replace=True, now_ms=10)
    assert admitted(after, "h2", public("new"), replace=False, now_ms=10) is not None
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        expelled(after, "h2", 10)


def _sealed(members: Callable[[], Members]) -> Trust:
    data = seal(DOCUMENT, ROOT, members=seal_members(members(), ENROLLER))
    return unseal(data, ROOT.public)


def test_the_file_keeps_what_the_root_signed() -> None:
    before = _sealed(lambda: MEMBERS)
    members = admitted(before, "h3", public("new"), replace=False, now_ms=9)
    assert members is not None
    after = unseal(with_members(before.data, members, ENROLLER), ROOT.public, at_least=before.revision)
    assert after.document == before.document
    assert after.revision == (4, 8)
    assert after.speaks_for_host(KEYS["new"].id, "h3", None) is not None


def test_a_host_speaks_by_any_of_the_keys_that_the_root_signed_for_it() -> None:
    """One that follows the one before, which goes later: neither is a clone's."""
    both = (*DOCUMENT.signers, Signer(principal="host:fixed", public_key=public("new"), scope=NOTHING))
    for revoked in ((), (KEYS["fixed"].id.hex(),)):
        trust = Trust(DOCUMENT.model_copy(update={"signers": both, "revoked": revoked}))
        check_key(trust, "fixed", public("new"))
        assert admitted(trust, "fixed", public("new"), replace=False, now_ms=9) is None
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        check_key(trust, "fixed", public("fixed"))
    with pytest.raises(GuestwireError, match="HOST-ID-CONFLICT"):
        check_key(trust, "fixed", public("h1"))
