"""The file of a trust document: successions of the root, members, and that no byte of it can be altered."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey, key_id
from guestwire.protocol.trust import NOTHING, Enroller, Member, Members, Scope, Signer, Trust, TrustDocument
from guestwire.protocol.trust_file import (
    MAX_BYTES,
    MAX_SUCCESSIONS,
    assemble,
    document_text,
    in_words,
    seal,
    seal_members,
    split,
    succession,
    succession_to_be_signed,
    to_be_signed,
    unseal,
)

ROOTS = [SigningKey(bytes([n] * 32)) for n in range(1, 21)]
ANNA, HOST, JOINED, ENROLLER, SECOND, EVE = (SigningKey(bytes([n] * 32)) for n in range(101, 107))
R1, R2, R3 = ROOTS[:3]


def signer(key: SigningKey, principal: str, **more: object) -> Signer:
    return Signer.model_validate(
        {"principal": principal, "public_key": key.public.raw.hex(), "scope": Scope(risk=3)} | more
    )


def document(**more: object) -> TrustDocument:
    fields: dict[str, object] = {
        "site": "plant", "rev": 3, "issued_at": 5,
        "signers": (signer(ANNA, "operator:anna"), signer(HOST, "host:h1", scope=NOTHING)),
        "enrollers": (Enroller(name="serve", public_key=ENROLLER.public.raw.hex()),),
    }  # fmt: skip
    return TrustDocument.model_validate(fields | more)


def members(*hosts: tuple[str, SigningKey], **more: object) -> Members:
    joined = tuple(Member(host=host, public_key=key.public.raw.hex()) for host, key in hosts)
    return Members.model_validate({"site": "plant", "rev": 7, "issued_at": 9, "hosts": joined} | more)


def succeeds(
    old: SigningKey, new: SigningKey, by_old: SigningKey | None = None, by_new: SigningKey | None = None
) -> bytes:
    raw = old.public.raw + new.public.raw
    return succession(
        old.public, new.public, (by_old or old).sign(Domain.ROOT, raw), (by_new or new).sign(Domain.ROOT, raw)
    )


def whole(*roots: SigningKey, **parts: bytes) -> bytes:
    """A file that leads from the first root to the last."""
    lines = b"".join(succeeds(old, new) for old, new in pairwise(roots))
    return seal(document(), roots[-1], successions=lines, **parts)


def refused(data: bytes, root: VerifyingKey = R1.public) -> str:
    with pytest.raises(GuestwireError) as raised:
        unseal(data, root)
    assert raised.value.code == "TRUST-INVALID"
    return raised.value.message


@pytest.mark.parametrize("pinned", [0, 1, 2])
def test_who_pinned_any_of_the_roots_follows_to_the_last(pinned: int) -> None:
    trust = unseal(whole(R1, R2, R3), ROOTS[pinned].public)
    assert trust.roots == tuple(root.public.raw for root in ROOTS[pinned:3])
    assert trust.document == document()


def test_a_root_that_was_replaced_signs_nothing_any_more() -> None:
    data = whole(R1, R2)
    lines, _, _ = split(data)
    assert "root key that is pinned" in refused(seal(document(rev=9), R1, successions=lines))
    assert "root key that is pinned" in refused(seal(document(rev=9), R1), R2.public)


WRONG_LINES: dict[str, bytes] = {
    "old did not sign": succeeds(R1, R2, by_old=EVE),
    "new did not sign": succeeds(R1, R2, by_new=EVE),
    "signatures swapped": succeeds(R1, R2, by_old=R2, by_new=R1),
    "not hexadecimal": succeeds(R1, R2).replace(R2.public.raw.hex().encode(), b"z" * 64),
    "word missing": succeeds(R1, R2).rpartition(b" ")[0] + b"\n",
    "word too many": succeeds(R1, R2)[:-1] + b" 00\n",
    "key cut": succeeds(R1, R2).replace(R2.public.raw.hex().encode(), b"00"),
    "signature cut": succeeds(R1, R2)[:-3] + b"\n",
}


@pytest.mark.parametrize("lines", WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_successions_that_do_not_count(lines: bytes) -> None:
    refused(seal(document(), R2, successions=lines))


def test_a_line_of_another_root_leads_nowhere() -> None:
    assert "root key that is pinned" in refused(seal(document(), EVE, successions=succeeds(R2, EVE)))
    assert "root key that is pinned" in refused(seal(document(), EVE, successions=succeeds(EVE, EVE)))


def test_so_many_roots_and_no_more() -> None:
    most = whole(*ROOTS[: MAX_SUCCESSIONS + 1])
    assert len(unseal(most, R1.public).roots) == MAX_SUCCESSIONS + 1
    assert "begin anew" in refused(whole(*ROOTS[: MAX_SUCCESSIONS + 2]))


def test_what_an_hsm_signs_is_what_a_key_here_signs() -> None:
    text = document_text(document())
    signature = R1._key.sign(to_be_signed(text))
    assert assemble(text, R1.public, signature) == seal(document(), R1)
    lines = succession(
        R1.public, R2.public,
        R1._key.sign(succession_to_be_signed(R1.public, R2.public)),
        R2._key.sign(succession_to_be_signed(R1.public, R2.public)),
    )  # fmt: skip
    assert lines == succeeds(R1, R2)


def test_the_parts_of_a_file() -> None:
    tail = seal_members(members(), ENROLLER)
    data = whole(R1, R2, members=tail)
    lines, middle, end = split(data)
    assert (lines, end) == (succeeds(R1, R2), tail)
    assert middle == seal(document(), R2)
    assert split(seal(document(), R1)) == (b"", seal(document(), R1), b"")


def test_members_speak_for_themselves_and_may_ask_nothing() -> None:
    data = whole(R1, members=seal_members(members(("h9", JOINED)), ENROLLER))
    trust = unseal(data, R1.public)
    assert trust.revision == (3, 7)
    key = trust.speaks_for_host(JOINED.id, "h9", 0)
    assert key is not None
    assert key.signer.scope == NOTHING
    assert {one.principal for one in trust.signers} == {"operator:anna", "host:h1", "host:h9"}


def test_a_member_cannot_take_a_name_or_a_key_of_the_roots() -> None:
    wanted = members(("anna", JOINED), ("h1", SECOND), ("h9", ANNA))
    trust = unseal(whole(R1, members=seal_members(wanted, ENROLLER)), R1.public)
    assert trust.key(JOINED.id, 0) is None
    assert trust.key(SECOND.id, 0) is None
    known = trust.key(ANNA.id, 0)
    assert known is not None
    assert known.signer.principal == "operator:anna"


@pytest.mark.parametrize(("key", "gone"), [(HOST, True), (JOINED, True), (ANNA, False)])
def test_who_enrols_hosts_revokes_hosts_and_nobody_else(key: SigningKey, gone: bool) -> None:
    part = seal_members(members(("h9", JOINED), revoked=(key.id.hex(),)), ENROLLER)
    trust = unseal(whole(R1, members=part), R1.public)
    assert (trust.key(key.id, 0) is None) is gone


def _sealed_by(root_document: TrustDocument, signed: Members, key: SigningKey) -> bytes:
    return seal(root_document, R1, members=seal_members(signed, key))


WRONG_MEMBERS: dict[str, tuple[bytes, str]] = {
    "nobody's key": (_sealed_by(document(), members(), EVE), "no enroller"),
    "the root's key": (_sealed_by(document(), members(), R1), "no enroller"),
    "an operator's key": (_sealed_by(document(), members(), ANNA), "no enroller"),
    "a revoked enroller": (_sealed_by(document(revoked=(ENROLLER.id.hex(),)), members(), ENROLLER), "no enroller"),
    "no enroller named": (_sealed_by(document(enrollers=()), members(), ENROLLER), "no enroller"),
    "another site": (_sealed_by(document(), members(site="other"), ENROLLER), "another site"),
    "before its time": (
        _sealed_by(document(enrollers=(Enroller(name="serve", public_key=ENROLLER.public.raw.hex(), not_before=10),)),
                   members(), ENROLLER), "of a time",
    ),
    "after its time": (
        _sealed_by(document(enrollers=(Enroller(name="serve", public_key=ENROLLER.public.raw.hex(), not_after=9),)),
                   members(), ENROLLER), "of a time",
    ),
    "signed as a document": (
        seal(document(), R1, members=b"guestwire-members 1 " + ENROLLER.id.hex().encode() + b" "
             + ENROLLER.sign(Domain.TRUST, b"{}\n").hex().encode() + b"\n{}\n"), "not signed by their enroller",
    ),
    "a second part": (
        whole(R1, members=seal_members(members(), ENROLLER) + seal_members(members(rev=8), ENROLLER)), "enroller",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "why"), WRONG_MEMBERS.values(), ids=WRONG_MEMBERS.keys())
def test_members_that_do_not_count(data: bytes, why: str) -> None:
    assert why in refused(data)


@pytest.mark.parametrize(
    ("at_least", "taken"),
    [((3, 7), True), ((0, 0), True), ((3, 0), True), ((2, 7), True), ((3, 8), False), ((4, 0), False), ((4, 7), False)],
)
def test_neither_revision_goes_down(at_least: tuple[int, int], taken: bool) -> None:
    data = whole(R1, members=seal_members(members(), ENROLLER))
    if taken:
        assert unseal(data, R1.public, at_least=at_least).revision == (3, 7)
        return
    with pytest.raises(GuestwireError, match="was in force") as raised:
        unseal(data, R1.public, at_least=at_least)
    assert raised.value.detail == {"rev": [3, 7], "at_least": list(at_least)}


def test_members_taken_off_are_a_lower_revision() -> None:
    with pytest.raises(GuestwireError, match="was in force"):
        unseal(whole(R1), R1.public, at_least=(3, 7))


@pytest.mark.parametrize(("revision", "words"), [((4, 0), "4"), ((4, 2), "4.2")])
def test_revisions_in_words(revision: tuple[int, int], words: str) -> None:
    assert in_words(revision) == words


FULL = whole(R1, R2, members=seal_members(members(("h9", JOINED)), ENROLLER))


@settings(max_examples=100)
@given(at=st.integers(0, len(FULL) - 1), by=st.integers(1, 255))
def test_no_byte_can_be_altered(at: int, by: int) -> None:
    """But for what stands for the same: the case of hexadecimal digits."""
    altered = bytearray(FULL)
    altered[at] ^= by
    assert _same_or_refused(bytes(altered))


@settings(max_examples=100)
@given(begin=st.integers(0, len(FULL)), end=st.integers(0, len(FULL)), put=st.binary(max_size=40))
def test_no_piece_can_be_cut_out_or_put_in(begin: int, end: int, put: bytes) -> None:
    altered = FULL[: min(begin, end)] + put + FULL[max(begin, end) :]
    if altered == FULL:
        return
    assert _same_or_refused(altered)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from([b"", b"guestwire-root 1 ", b"guestwire-trust 1 ", FULL[:500]]))
def test_anything_else_is_refused_and_no_defect(data: bytes, head: bytes) -> None:
    refused(head + data)


def _same_or_refused(data: bytes) -> bool:
    try:
        trust = unseal(data, R1.public)
    except GuestwireError as err:
        return err.code == "TRUST-INVALID"
    return _without_members(trust) or _plain(data) == _plain(FULL)


def _plain(data: bytes) -> bytes:
    """Blanks between hexadecimal digits decide nothing either."""
    return b"".join(data.lower().split())


def _without_members(trust: Trust) -> bool:
    """A file whose members were taken off whole is a good one of a lower revision: whoever has seen them refuses it."""
    return trust.document == document() and trust.revision == (3, 0)


def test_too_large() -> None:
    assert "too large" in refused(whole(R1) + b" " * MAX_BYTES)


@pytest.mark.parametrize("raw", [R1.public.raw, R2.public.raw])
def test_the_id_in_the_head_is_the_signers(raw: bytes) -> None:
    data = seal(document(), R1).replace(R1.id.hex().encode(), key_id(raw).hex().encode())
    check: Callable[[bytes], object] = refused if raw == R2.public.raw else lambda d: unseal(d, R1.public)
    check(data)


def test_an_enroller_signs_no_revision_that_its_successor_could_not_pass() -> None:
    """Who stole its key could push the members' revision so far that nobody ever comes after it."""
    at = Enroller(name="serve", public_key=ENROLLER.public.raw.hex()).rev_below
    part = seal_members(members(rev=at), ENROLLER)
    assert "may not sign" in refused(seal(document(), R1, members=part))
    assert unseal(seal(document(), R1, members=seal_members(members(rev=at - 1), ENROLLER)), R1.public)


@pytest.mark.parametrize("field", ["rev", "issued_at"])
def test_numbers_that_nobody_could_keep(field: str) -> None:
    assert "not well formed" in refused(seal(document().model_copy(update={field: 1 << 64}), R1))
    assert "not well formed" in refused(
        seal(document(), R1, members=seal_members(members().model_copy(update={field: 1 << 64}), ENROLLER))
    )
