"""The site's directory with its root here, in OpenSSL, or on another machine: drafts, signatures, crashes between two steps."""

import datetime
import fcntl
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import format_private, parse_public
from guestwire.protocol.signing import SigningKey, VerifyingKey
from guestwire.protocol.trust import MEMBERS_SPAN, LocalScope, Member, Members, Scope, Signer, Trust, TrustDocument
from guestwire.protocol.trust_file import document_text, seal_members, split, to_be_signed, unseal
from guestwire.site import drafts, elsewhere, enroller, publishing, signers, succession
from guestwire.site.ca import make_root_ca
from guestwire.site.enrolment import SitePlan, add, add_signer, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout
from guestwire.site.locking import site_locked
from guestwire.site.members import with_members
from guestwire.site.public_keys import given_public_key

NOW = 1_760_000_000_000
MANDATE = "00" * 16


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=False), NOW)


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


@pytest.fixture
def hsm(tmp_path: Path) -> Path:
    """A root's key pair as OpenSSL makes one: root.pem, root.pub.pem."""
    key = tmp_path / "root.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", tmp_path / "root.pub.pem")
    return key


def signed_by(key: Path, data: bytes) -> bytes:
    """As an HSM does: the exact bytes in, the raw signature out."""
    path = key.with_name("to-sign")
    path.write_bytes(data)
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", path, "-out", f"{path}.sig")
    return Path(f"{path}.sig").read_bytes()


def revoke_mandate(document: TrustDocument) -> TrustDocument:
    return document.model_copy(update={"revoked_mandates": (*document.revoked_mandates, MANDATE)})


def drafted(layout: Layout, edit: drafts.Change = revoke_mandate) -> drafts.Draft | None:
    with publishing.site_open(layout):
        return drafts.change(layout, edit, NOW + 1)


def signed(layout: Layout) -> Trust | None:
    with publishing.site_open(layout):
        return publishing.sign(layout, NOW + 1)


def in_force(layout: Layout) -> Trust:
    trust = drafts.in_force(layout)
    assert trust is not None
    return trust


# -- drafts


def test_a_change_counts_when_it_is_signed(layout: Layout) -> None:
    draft = drafted(layout)
    assert draft is not None
    assert draft.document.rev == 2
    assert in_force(layout).rev == 1
    trust = signed(layout)
    assert trust is not None
    assert (trust.rev, trust.revoked_mandates) == (2, {MANDATE})
    assert in_force(layout).data == layout.trust.read_bytes() == trust.data
    assert not layout.draft.exists()


def test_several_changes_are_one_revision(layout: Layout) -> None:
    drafted(layout)
    drafted(layout, lambda d: d.model_copy(update={"signers_needed": {"3": 2}}))
    trust = signed(layout)
    assert trust is not None
    assert (trust.rev, trust.signers_needed(3), len(trust.revoked_mandates)) == (2, 2, 1)


def test_what_changes_nothing_is_no_draft(layout: Layout) -> None:
    assert drafted(layout, lambda document: document) is None
    drafted(layout)
    assert drafted(layout, lambda d: d.model_copy(update={"revoked_mandates": ()})) is None
    assert signed(layout) is None
    assert in_force(layout).rev == 1


def test_what_an_edit_refuses_leaves_the_draft(layout: Layout) -> None:
    drafted(layout)
    before = layout.draft.read_bytes()
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        drafted(layout, lambda document: signers.without(document, "operator:nobody", None))
    assert layout.draft.read_bytes() == before


def test_a_draft_of_another_revision(layout: Layout, tmp_path: Path) -> None:
    """Two directories of one site that went apart: what one of them drafted does not follow what the other signed."""
    drafted(layout)
    copy = Layout(tmp_path / "copy")
    shutil.copytree(layout.base, copy.base)
    signed(copy)
    with publishing.site_open(copy):
        drafts.change(copy, lambda d: d.model_copy(update={"signers_needed": {"3": 2}}), NOW)
        publishing.sign(copy, NOW)
    layout.trust.write_bytes(copy.trust.read_bytes())
    with pytest.raises(GuestwireError, match="discard the draft"):
        drafted(layout)
    succession.discard(layout)
    assert drafted(layout, lambda d: d.model_copy(update={"signers_needed": {}})) is not None


def test_a_damaged_draft(layout: Layout) -> None:
    layout.draft.write_bytes(b"{")
    with pytest.raises(GuestwireError, match="damaged"):
        drafted(layout)


def test_two_processes_at_once(layout: Layout) -> None:
    with layout.trust.with_name(".trust.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(GuestwireError, match="Another") as refused, site_locked(layout, wait_s=0.05):
            pass
    assert refused.value.code == "EXISTS"
    with site_locked(layout):
        pass


# -- a root elsewhere


@pytest.fixture
def away(tmp_path: Path, hsm: Path) -> Layout:
    """A site that is born with its root in an HSM."""
    root = given_public_key(tmp_path / "root.pub.pem")
    return create(tmp_path / "hsm-site", SitePlan("plant", hosts=("h1",), root=root), NOW)


def test_a_site_whose_root_is_elsewhere_begins_with_a_draft(away: Layout, hsm: Path) -> None:
    assert not away.root_key.exists()
    assert not away.trust.exists()
    assert signed(away) is None
    with publishing.site_open(away):
        signature = signed_by(hsm, publishing.export(away))
        trust = publishing.sign_with(away, signature, NOW)
    assert trust.rev == 1
    assert unseal(away.trust.read_bytes(), given_public_key(hsm.with_name("root.pub.pem"))).rev == 1
    add(away.base, ["host:h2"], NOW + 1)
    assert in_force(away).rev == 1
    with publishing.site_open(away):
        assert publishing.sign_with(away, signed_by(hsm, publishing.export(away)), NOW).rev == 2


def test_a_signature_over_what_was_exported_before(away: Layout, hsm: Path) -> None:
    with publishing.site_open(away):
        old = signed_by(hsm, publishing.export(away))
    add(away.base, ["host:h2"], NOW + 1)
    with publishing.site_open(away), pytest.raises(GuestwireError, match="export it again") as refused:
        publishing.sign_with(away, old, NOW)
    assert refused.value.code == "TRUST-INVALID"
    assert not away.trust.exists()


@pytest.mark.parametrize("wrong", [b"", b"\0" * 64, b"\0" * 63])
def test_no_signature(away: Layout, wrong: bytes) -> None:
    with publishing.site_open(away), pytest.raises(GuestwireError, match="TRUST-INVALID"):
        publishing.sign_with(away, wrong, NOW)


def test_nothing_to_sign(layout: Layout) -> None:
    with publishing.site_open(layout):
        for ask in (lambda: publishing.export(layout), lambda: publishing.sign_with(layout, b"\0" * 64, NOW)):
            with pytest.raises(GuestwireError, match="NOT-FOUND"):
                ask()


def test_the_machine_with_the_root_says_what_it_signs(layout: Layout, tmp_path: Path) -> None:
    key = read_signing_key(layout.root_key)
    layout.root_key.unlink()
    drafted(layout)
    with publishing.site_open(layout):
        (tmp_path / "to-sign").write_bytes(publishing.export(layout))
    asked = elsewhere.read_to_sign(tmp_path / "to-sign")
    assert asked.what == "revision 2 of site plant"
    assert f"mandate {MANDATE} revoked" in asked.lines
    assert any(line.startswith("operator:admin ") and "admin, R3" in line for line in asked.lines)
    with publishing.site_open(layout):
        assert publishing.sign_with(layout, elsewhere.sign_it(asked, key), NOW).rev == 2


@pytest.mark.parametrize(
    "data", [b"", b"guestwire trust 1\0{}", b"guestwire root 1\0" + b"x" * 63, b"guestwire envelope 1\0x"]
)
def test_the_root_signs_nothing_that_somebody_made_up(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "to-sign"
    path.write_bytes(data)
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        elsewhere.read_to_sign(path)


@pytest.mark.parametrize("kind", ["private", "ec", "none"])
def test_what_is_no_public_key(tmp_path: Path, hsm: Path, kind: str) -> None:
    path = hsm
    if kind == "ec":
        path = tmp_path / "ec.pem"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "ec.key")
        openssl("ec", "-in", tmp_path / "ec.key", "-pubout", "-out", path)
    elif kind == "none":
        path = tmp_path / "none"
        path.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        given_public_key(path)


# -- one root after another


def pinned(layout: Layout) -> VerifyingKey:
    return parse_public(layout.root_public.read_text())


def rotated(layout: Layout, **parts: object) -> succession.Followed:
    with publishing.site_open(layout):
        return succession.follow(layout, NOW, **parts)  # type: ignore[arg-type]


def test_another_root_follows(layout: Layout) -> None:
    first = pinned(layout)
    old_key = read_signing_key(layout.root_key)
    assert rotated(layout).missing == ()
    assert in_force(layout).roots == (first.raw,)
    trust = signed(layout)
    assert trust is not None
    assert trust.rev == 2
    second = pinned(layout)
    assert second.raw != first.raw
    assert unseal(layout.trust.read_bytes(), first).roots == (first.raw, second.raw)
    assert read_signing_key(layout.root_key).public.raw == second.raw
    assert sorted(path.name for path in (layout.base / "root").iterdir()) == ["root.key"]
    rotated(layout)
    signed(layout)
    assert unseal(layout.trust.read_bytes(), first).roots[0] == first.raw
    assert len(unseal(layout.trust.read_bytes(), first).roots) == 3
    assert old_key.public.raw not in unseal(layout.trust.read_bytes(), pinned(layout)).roots


def test_a_new_root_is_not_made_where_the_roots_folder_was_moved_away(layout: Layout, tmp_path: Path) -> None:
    layout.root_key.parent.rename(tmp_path / "safe")
    with pytest.raises(GuestwireError, match="put it back") as refused:
        rotated(layout)
    assert refused.value.code == "KEY-FILE-INVALID"


def test_the_old_root_does_not_sign_what_the_new_one_has_to(layout: Layout) -> None:
    old = read_signing_key(layout.root_key)
    rotated(layout)
    with publishing.site_open(layout), pytest.raises(GuestwireError, match="TRUST-INVALID"):
        to_sign = publishing.export(layout)
        publishing.sign_with(layout, old._key.sign(to_sign), NOW)


def test_from_here_to_an_hsm_and_to_another(layout: Layout, tmp_path: Path, hsm: Path) -> None:
    first = pinned(layout)
    there = given_public_key(tmp_path / "root.pub.pem")
    followed = rotated(layout, new_public=there)
    assert followed.missing == ("new",)
    assert rotated(layout, new_signature=signed_by(hsm, followed.to_sign)).missing == ()
    with publishing.site_open(layout):
        publishing.sign_with(layout, signed_by(hsm, publishing.export(layout)), NOW)
    assert not layout.root_key.exists()  # the old key is worth nothing any more
    assert pinned(layout).raw == there.raw

    second = tmp_path / "second"
    second.mkdir()
    openssl("genpkey", "-algorithm", "ed25519", "-out", second / "root.pem")
    openssl("pkey", "-in", second / "root.pem", "-pubout", "-out", second / "root.pub.pem")
    followed = rotated(layout, new_public=given_public_key(second / "root.pub.pem"))
    assert followed.missing == ("old", "new")
    rotated(
        layout, old_signature=signed_by(hsm, followed.to_sign), new_signature=signed_by(second / "root.pem", followed.to_sign)
    )  # fmt: skip
    with publishing.site_open(layout):
        trust = publishing.sign_with(layout, signed_by(second / "root.pem", publishing.export(layout)), NOW)
    assert trust.rev == 3
    assert len(unseal(layout.trust.read_bytes(), first).roots) == 3


def test_a_signature_of_somebody_else(layout: Layout, tmp_path: Path, hsm: Path) -> None:
    followed = rotated(layout, new_public=given_public_key(tmp_path / "root.pub.pem"))
    with pytest.raises(GuestwireError, match="not that of the root"):
        rotated(layout, new_signature=SigningKey.generate()._key.sign(followed.to_sign))
    with pytest.raises(GuestwireError, match="Another root"):
        rotated(layout, new_public=SigningKey.generate().public)
    with publishing.site_open(layout):
        succession.discard(layout)
    assert rotated(layout).missing == ()


# -- the enroller


def with_member(layout: Layout) -> SigningKey:
    """A host that enrolled."""
    host = SigningKey.generate()
    member = Member(host="h9", public_key=host.public.raw.hex())
    key = enroller.enroller_key(layout, in_force(layout).document)
    assert key is not None
    part = seal_members(Members(site="plant", rev=1, issued_at=NOW, hosts=(member,)), key)
    layout.trust.write_bytes(layout.trust.read_bytes() + part)
    return host


def test_another_enroller_signs_the_members_anew(layout: Layout) -> None:
    host, old = with_member(layout), read_signing_key(layout.enroller_key)
    with publishing.site_open(layout):
        key = enroller.make_next(layout)
        drafts.change(layout, lambda document: enroller.replaced(document, key), NOW)
        assert enroller.enroller_key(layout, in_force(layout).document) is not None  # the old one goes on meanwhile
        trust = publishing.sign(layout, NOW)
    assert trust is not None
    assert trust.revision == (2, MEMBERS_SPAN)
    assert trust.speaks_for_host(host.id, "h9", NOW) is not None
    assert read_signing_key(layout.enroller_key).public.raw == key.public.raw
    assert not layout.next_enroller_key.exists()
    forged = split(trust.data)[1] + seal_members(Members(site="plant", rev=3, issued_at=NOW), old)
    with pytest.raises(GuestwireError, match="no enroller"):
        unseal(forged, pinned(layout))


def test_members_stay_as_they_are_in_any_other_revision(layout: Layout) -> None:
    host = with_member(layout)
    drafted(layout)
    trust = signed(layout)
    assert trust is not None
    assert trust.revision == (2, 1)
    assert trust.speaks_for_host(host.id, "h9", NOW) is not None
    with publishing.site_open(layout):
        drafts.change(layout, lambda d: signers.without(d, "host:h9", in_force(layout)), NOW)
        trust = publishing.sign(layout, NOW)
    assert trust is not None
    assert trust.speaks_for_host(host.id, "h9", NOW) is None


def test_members_and_no_enroller_here(layout: Layout) -> None:
    with_member(layout)
    drafted(layout, lambda d: d.model_copy(update={"enrollers": ()}))
    with pytest.raises(GuestwireError, match="enroller rotate"):
        signed(layout)
    assert in_force(layout).revision == (1, 1)


# -- keys that follow others


@pytest.mark.parametrize("principal", ["operator:admin", "controller:main", "host:h1"])
def test_a_key_follows_another(layout: Layout, principal: str) -> None:
    old = read_signing_key(layout.key(principal))
    with publishing.site_open(layout):
        before = signers.newest(drafts.current(layout), principal)
        key = signers.made_key(layout, principal, following=True)
        add_signer(layout, before.model_copy(update={"public_key": key.public.raw.hex()}), NOW)
    trust = signed(layout)
    assert trust is not None
    both = [trust.key(one.id, NOW) for one in (old, key)]
    assert all(one is not None and one.signer.principal == principal for one in both)
    assert both[0].signer.scope == both[1].signer.scope  # type: ignore[union-attr]
    assert read_signing_key(layout.key(principal)).id == old.id
    with publishing.site_open(layout):
        drafts.change(layout, lambda d: signers.without(d, old.id.hex(), None), NOW)
        trust = publishing.sign(layout, NOW)
    assert trust is not None
    assert trust.key(old.id, NOW) is None
    assert read_signing_key(layout.key(principal)).id == key.id
    assert not signers.next_key(layout, principal).exists()


def test_what_becomes_of_keys_is_shown(layout: Layout) -> None:
    host = with_member(layout)
    drafted(layout, lambda d: signers.without(d, "controller:main", None))
    signed(layout)
    with publishing.site_open(layout):
        add_signer(layout, signers.as_signer("observer:wall", SigningKey.generate().public, NOW, valid_days=3), NOW)
        drafts.change(layout, lambda d: signers.without(d, "host:h9", in_force(layout)), NOW)
    rows = signers.rows(drafts.in_force(layout), drafts.current(layout))
    assert {row.signer.principal: row.state for row in rows} == {
        "operator:admin": "in force", "controller:main": "revoked", "host:h1": "in force",
        "observer:wall": "added in the draft", "host:h9": "revoked in the draft",
    }  # fmt: skip
    assert {row.signer.principal for row in rows if row.enrolled} == {"host:h9"}
    assert rows[-1].key == host.id.hex()
    assert rows[-2].signer.not_after == NOW + 3 * signers.DAY_MS


@pytest.mark.parametrize(
    ("principal", "role"), [("host:h9", "operator"), ("operator:eve", "host"), ("nobody", None), ("operator:H", None), ("host:ca", None)]
)  # fmt: skip
def test_who_cannot_be(principal: str, role: str | None) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        signers.as_signer(principal, SigningKey.generate().public, NOW, role=role)  # type: ignore[arg-type]


def test_a_key_that_was_revoked_does_not_come_back(layout: Layout) -> None:
    key = read_signing_key(layout.key("host:h1"))
    drafted(layout, lambda d: signers.without(d, "host:h1", None))
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        drafted(layout, lambda d: signers.with_signer(d, signers.as_signer("host:h2", key.public, NOW)))


# -- crashes between two steps


def _rotate_root(layout: Layout) -> None:
    rotated(layout)


def _rotate_enroller(layout: Layout) -> None:
    with publishing.site_open(layout):
        key = enroller.make_next(layout)
        drafts.change(layout, lambda document: enroller.replaced(document, key), NOW)


CHANGES: dict[str, Callable[[Layout], object]] = {
    "a change": drafted,
    "another root": _rotate_root,
    "another enroller": _rotate_enroller,
}


@pytest.mark.parametrize("prepare", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("written", ["trust", "trust, revision", "trust, revision, root.key"])
def test_a_crash_while_publishing_is_made_good(
    layout: Layout, prepare: Callable[[Layout], object], written: str
) -> None:
    """As if it had ended after so many of its files were written: the next command finishes."""
    with_member(layout)
    prepare(layout)
    before = {p: p.read_bytes() for p in layout.base.rglob("*") if p.is_file()}
    signed(layout)
    after = {p: p.read_bytes() for p in layout.base.rglob("*") if p.is_file()}
    for path in after.keys() - before.keys():
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)
        path.chmod(0o600 if path.suffix == ".key" else 0o644)
    for path in (layout.trust, layout.revision, layout.root_key)[: written.count(",") + 1]:
        path.write_bytes(after[path])
    with publishing.site_open(layout):
        pass
    lock = ".trust.lock"
    found = {p: p.read_bytes() for p in layout.base.rglob("*") if p.is_file() and p.name != lock}
    noted = {layout.revision} if written == "trust" else set()
    assert {p: d for p, d in found.items() if p not in noted} == {
        p: d for p, d in after.items() if p not in noted and p.name != lock
    }


def test_the_key_of_another_root(layout: Layout) -> None:
    drafted(layout)
    layout.root_key.write_text(format_private(SigningKey.generate()))
    with pytest.raises(GuestwireError, match="not the key of the site's root"):
        signed(layout)


@pytest.mark.parametrize("enrolled", [True, False])
def test_a_new_enroller_comes_after_all_that_the_old_one_could_sign(layout: Layout, enrolled: bool) -> None:
    """Hosts have met what a stolen key signed; they take what the new one signs all the same."""
    if enrolled:
        with_member(layout)
    before = in_force(layout)
    stolen = read_signing_key(layout.enroller_key)
    [named] = before.document.enrollers
    last = Members(site=before.site, rev=named.rev_below - 1, issued_at=NOW)
    pushed = unseal(with_members(before.data, last, stolen), pinned(layout), at_least=before.revision)
    _rotate_enroller(layout)
    _rotate_enroller(layout)
    trust = signed(layout)
    assert trust is not None
    assert unseal(trust.data, pinned(layout), at_least=pushed.revision).revision == (2, named.rev_below)


def test_all_that_is_to_be_signed_is_said(tmp_path: Path) -> None:
    """Who took over the machine that drafts may give a key more than its role, another CA, an end that never comes."""
    made = make_root_ca("plant", datetime.datetime.fromtimestamp(NOW / 1000, datetime.UTC))
    eve, gone = SigningKey.generate(), SigningKey.generate()
    document = TrustDocument(
        site="plant", rev=2, issued_at=NOW,
        signers=(
            signers.as_signer("operator:eve", eve.public, NOW, valid_days=30),
            Signer(
                principal="operator:mallory", public_key=gone.public.raw.hex(), role="operator",
                scope=Scope(operations=("*", "x\x1b[2K"), risk=2), not_before=NOW,
            ),
        ),
        revoked=("00" * 8,), authorities=(made.certificate.decode(),),
        local=(LocalScope(uid=7, scope=Scope(operations=("guest-list",))),),
        enrollers=(enroller.entry(gone).model_copy(update={"not_after": NOW}),),
    )  # fmt: skip
    path = tmp_path / "to-sign"
    path.write_bytes(to_be_signed(document_text(document)))
    lines = elsewhere.read_to_sign(path).lines
    about = {line.split(" ")[0]: line for line in lines}
    digest = x509.load_pem_x509_certificate(made.certificate).fingerprint(hashes.SHA256()).hex()
    assert about["operator:eve"].endswith(": operator, R2, *, until 2025-11-08")
    assert "operations '*' 'x\\x1b[2K'" in about["operator:mallory"]
    assert "from 2025-10-09" in about["operator:mallory"]
    assert any(line.startswith("CA ") and digest in line for line in lines)
    assert "local user 7: R0, *, operations 'guest-list'" in lines
    assert f"key {'00' * 8} revoked" in lines
    assert about["enroller"].endswith("until 2025-10-09")


@pytest.mark.parametrize("principal", ["operator:h9", "host:h9"])
def test_nobody_is_named_as_a_host_that_enrolled(layout: Layout, principal: str) -> None:
    """The root's word counts first: the host would be a member no more, and nobody would have said so."""
    host = with_member(layout)
    with pytest.raises(GuestwireError, match="EXISTS"):
        add(layout.base, [principal], NOW + 1)
    assert in_force(layout).speaks_for_host(host.id, "h9", NOW) is not None
