"""`guestwire project import|export`: files of other tools."""

from pathlib import Path

import pytest

from guestwire.formats import kvmrt_cfg, project_toml
from guestwire.formats.domain_xml import reader


@pytest.fixture
def draft(run, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    """A draft for h1 with two guests."""
    run("project", "new", "--host", "h1")
    run("project", "add", "h1", "guest", "rt", "kind=rt", "memory_mib=256", "cpuset=2,3")
    run("project", "add", "h1", "guest", "gp", "vcpus=2")
    return tmp_path / "data/guestwire/projects/@none/h1.toml"


def test_a_project_to_another_host_and_back(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "exported.toml"
    draft.write_text("# ours\n" + draft.read_text())
    assert run("project", "export", "h1", str(file)).exit_code == 0
    assert file.read_text() == draft.read_text()
    assert run("project", "export", "h1", str(file)).exit_code == 4
    assert run("project", "export", "h1", str(file), "--yes").exit_code == 0
    assert run("project", "import", "h2", str(file)).exit_code == 0
    assert run("project", "show", "h2", "-o", "json").stdout == run("project", "show", "h1", "-o", "json").stdout


def test_an_import_does_not_drop_edits(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "exported.toml"
    run("project", "export", "h1", str(file))
    run("project", "set", "h1", "guest.gp.vcpus=4")
    assert run("project", "import", "h1", str(file)).exit_code == 4
    assert run("project", "import", "h1", str(file), "--discard").exit_code == 0
    assert "vcpus = 2" in draft.read_text()


def test_kvmrt(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "kvmrt.cfg"
    exported = run("project", "export", "h1", str(file), "--format", "kvmrt")
    assert exported.exit_code == 0, exported.stderr
    assert "guests.rt.memory_mib" in exported.stderr, "what the format cannot say is told"
    assert [guest.name for guest in kvmrt_cfg.load(file.read_text()).guests] == ["rt", "gp"]
    assert run("project", "import", "h2", str(file), "--format", "kvmrt").exit_code == 0
    assert run("project", "show", "h2", "-o", "name").stdout == "h2/rt\nh2/gp\n"


def test_libvirt(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "xml"
    assert run("project", "export", "h1", str(folder), "--format", "libvirt").exit_code == 0
    assert reader.from_xml((folder / "rt.xml").read_text()).cpuset == "2,3"
    files = [str(path) for path in sorted(folder.iterdir())]
    assert run("project", "import", "h2", *files, "--format", "libvirt").exit_code == 0
    assert sorted(run("project", "show", "h2", "-o", "name").stdout.split()) == ["h2/gp", "h2/rt"]
    assert run("project", "export", "h1", "-", "--format", "libvirt").exit_code == 2


@pytest.mark.parametrize("name", ["../evil", "x/y"])
def test_domains_stay_in_their_folder(name: str, run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    draft.write_text(draft.read_text() + f'[hosts.h1.guests."{name}"]\n')
    folder = tmp_path / "out/xml"
    said = run("project", "export", "h1", str(folder), "--format", "libvirt", "--yes")
    assert said.exit_code == 9
    assert "error: NAME-INVALID: " in said.stderr
    assert name in said.stderr
    assert not folder.parent.exists(), "something was written"


def test_domains_are_all_written_or_none(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "gp.xml").write_text("theirs")
    assert run("project", "export", "h1", str(tmp_path), "--format", "libvirt").exit_code == 4
    assert not (tmp_path / "rt.xml").exists()
    assert (tmp_path / "gp.xml").read_text() == "theirs"
    assert run("project", "export", "h1", str(tmp_path), "--format", "libvirt", "--yes").exit_code == 0
    assert (tmp_path / "rt.xml").exists()


def test_a_project_given_twice(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    for file in (one, two):
        file.write_text(draft.read_text())
    before = draft.read_text()
    said = run("project", "import", "h1", str(one), str(two), "--discard")
    assert said.exit_code == 9
    assert "error: DOCUMENT-INVALID: " in said.stderr
    assert "one file" in said.stderr
    assert draft.read_text() == before


def test_templates(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("project", "add", "h1", "image", "Rt", "os_type=linux", "path=/images/rt")
    exported = run("project", "export", "h1", "-", "--format", "templates")
    file = tmp_path / "registry.toml"
    file.write_text(exported.stdout)
    assert run("project", "new", "--host", "h2").exit_code == 0
    assert run("project", "import", "h2", str(file), "--format", "templates").exit_code == 0
    assert "/images/rt" in run("project", "show", "h2").stdout


@pytest.mark.parametrize("form", ["guestwire", "kvmrt", "libvirt", "templates"])
@pytest.mark.parametrize("text", ["\x00\xff", "<domain", "[[[", "[x]\ny = 1\n"])
def test_what_is_none_of_it(form: str, text: str, run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "file"
    file.write_text(text, encoding="latin-1")
    before = draft.read_text()
    said = run("project", "import", "h1", str(file), "--format", form, "--discard")
    assert said.exit_code == 9, said.output
    assert "error: DOCUMENT-INVALID: " in said.stderr
    assert draft.read_text() == before
    assert project_toml.load(before)


def test_a_file_that_is_not_there(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    said = run("project", "import", "h1", "/there/is/none")
    assert said.exit_code == 3
    assert "error: FILE-MISSING: There is no file /there/is/none." in said.stderr
    assert "guest list" not in said.stderr


def test_a_folder_that_is_not_there(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = run("project", "export", "h1", str(tmp_path / "none/x.toml"))
    assert said.exit_code == 3
    assert "error: FILE-MISSING: " in said.stderr
