"""Making a site and adding to it: files, modes, scopes, nothing overwritten."""

import os
import stat
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.protocol import key_files
from guestwire.protocol.operations import OPERATIONS
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.site.enrolment import SitePlan, add, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout
from guestwire.site.signers import made_key

NOW = 1_760_000_000_000


def _trust(layout: Layout) -> Trust:
    root = key_files.parse_public(layout.root_public.read_text())
    return unseal(layout.trust.read_bytes(), root)


def _files(base: Path) -> dict[str, bytes]:
    files = (path for path in base.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(base)): path.read_bytes() for path in files}


def test_a_site_holds_a_key_for_every_principal(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1", "h2")), NOW)
    trust = _trust(layout)
    assert trust.site == "plant"
    principals = {signer.principal for signer in trust.document.signers}
    assert principals == {"operator:admin", "controller:main", "host:h1", "host:h2"}
    for principal in principals:
        key = trust.key(read_signing_key(layout.key(principal)).id, NOW)
        assert key is not None
        assert key.signer.principal == principal


def test_scopes(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",)), NOW)
    scopes = {signer.principal: signer.scope for signer in _trust(layout).document.signers}
    for operation in OPERATIONS:
        asked = (operation.name, "h1", operation.risk)
        assert scopes["operator:admin"].covers(*asked)
        assert scopes["controller:main"].covers(*asked) == (operation.risk <= 1)
        assert not scopes["host:h1"].covers(*asked)


def test_local_users_are_root_and_the_one_who_made_it(tmp_path: Path) -> None:
    trust = _trust(create(tmp_path / "plant", SitePlan("plant"), NOW))
    for uid in (0, os.getuid()):
        scope = trust.local_scope(uid)
        assert scope is not None
        assert scope.covers("guest-undefine", "h1", 3)
    assert trust.local_scope(54_321) is None


def test_modes(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), NOW)
    finally:
        os.umask(old)
    for path in (layout.base, *layout.base.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        else:
            assert mode == (0o600 if path.suffix == ".key" else 0o644), path


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    before = _files(layout.base)
    with pytest.raises(GuestwireError, match="EXISTS"):
        create(layout.base, SitePlan("plant"), NOW)
    assert _files(layout.base) == before
    assert [path.name for path in tmp_path.iterdir()] == ["plant"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    assert layout.trust.exists()


@pytest.mark.parametrize(
    "plan",
    [
        SitePlan("Plant"),
        SitePlan("plant", hosts=("h/1",)),
        SitePlan("plant", hosts=("h1", "h1")),
        SitePlan("plant", hosts=("admin",)),
        SitePlan("plant", hosts=("broker",)),
    ],
)
def test_names_are_slugs_and_unique(tmp_path: Path, plan: SitePlan) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        create(tmp_path / "plant", plan, NOW)
    assert list(tmp_path.iterdir()) == []


def test_add_makes_the_next_revision(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), NOW)
    kept = layout.key("host:h1").read_bytes()
    document = add(layout.base, ["host:h2", "operator:eve"], NOW + 1)
    trust = _trust(layout)
    assert (document.rev, trust.rev) == (2, 2)
    assert trust.speaks_for_host(read_signing_key(layout.key("host:h2")).id, "h2", NOW) is not None
    assert layout.key("host:h1").read_bytes() == kept
    assert layout.certificate("eve").exists()


@pytest.mark.parametrize("principal", ["host:h1", "operator:h1", "host:admin"])
def test_add_refuses_a_name_in_use(tmp_path: Path, principal: str) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",)), NOW)
    before = _files(layout.base)
    with pytest.raises(GuestwireError, match="EXISTS"):
        add(layout.base, [principal], NOW)
    assert _files(layout.base) == before


def test_add_takes_up_a_key_that_an_interrupted_run_left(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    left = made_key(layout, "host:h1")
    add(layout.base, ["host:h1"], NOW)
    assert _trust(layout).speaks_for_host(left.id, "h1", NOW) is not None


def test_a_trust_document_that_was_put_back_is_not_gone_on_from(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    old = layout.trust.read_bytes()
    add(layout.base, ["host:h1"], NOW)
    layout.trust.write_bytes(old)
    with pytest.raises(GuestwireError, match="put back the newest") as refused:
        add(layout.base, ["host:h2"], NOW)
    assert refused.value.code == "TRUST-INVALID"
    assert not layout.key("host:h2").exists()


def test_add_needs_the_root_key_closed_to_others(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    layout.root_key.chmod(0o640)
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID") as refused:
        add(layout.base, ["host:h1"], NOW)
    assert "chmod 600" in refused.value.message


def test_add_outside_a_site(tmp_path: Path) -> None:
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        add(tmp_path, ["host:h1"], NOW)


def test_everybody_has_a_role(tmp_path: Path) -> None:
    plan = SitePlan("plant", hosts=("h1",), operators=("eve", "mia"), roles={"mia": "engineer"})
    layout = create(tmp_path / "plant", plan, NOW)
    add(layout.base, ["operator:anna"], NOW, role="operator")
    roles = {signer.principal: signer.role for signer in _trust(layout).document.signers}
    assert roles == {
        "operator:eve": "admin", "operator:mia": "engineer", "operator:anna": "operator", "controller:main": "controller",
        "host:h1": "host",
    }  # fmt: skip


@pytest.mark.parametrize("tls", [True, False])
def test_the_document_names_the_enroller_and_the_authorities(tmp_path: Path, tls: bool) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", tls=tls), NOW)
    document = _trust(layout).document
    assert [one.public_key for one in document.enrollers] == [read_signing_key(layout.enroller_key).public.raw.hex()]
    assert document.authorities == ((layout.ca_certificate.read_text(),) if tls else ())
