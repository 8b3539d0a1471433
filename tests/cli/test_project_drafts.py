"""`guestwire project new|list|show|set|add|remove|rename|edit`: drafts, without a host."""

import json
import stat
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the drafts of no context are."""
    return tmp_path / "data/guestwire/projects/@none"


@pytest.fixture
def draft(run, data: Path) -> Path:  # type: ignore[no-untyped-def]
    """A draft for h1 with the guest rt."""
    assert run("project", "new", "line 7", "--host", "h1").exit_code == 0
    assert run("project", "add", "h1", "guest", "rt", "kind=rt", "memory_mib=256", "cpuset=2,3").exit_code == 0
    return data / "h1.toml"


def _editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *commands: str) -> None:
    """An editor that does what these sed commands say."""
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\n" + "".join(f"sed -i '{command}' \"$1\"\n" for command in commands))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)


def test_a_draft_is_deleted_when_it_is_meant(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "delete", "h1").exit_code == 2, "nobody can be asked"
    assert draft.exists()
    (draft.parent / ".h1.edited.toml").write_text("mine")
    assert run("project", "delete", "h1", "--yes").exit_code == 0
    left = [path.name for path in draft.parent.iterdir() if not path.name.endswith(".lock")]
    assert left == [], "nor a text that was being edited"
    assert run("project", "delete", "h1", "--yes").exit_code == 3


def test_new_makes_a_draft_once(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    assert "line 7" in draft.read_text()
    again = run("project", "new", "--host", "h1")
    assert again.exit_code == 4
    assert "error: EXISTS: " in again.stderr
    assert run("project", "new", "x").exit_code == 2, "for no host"


def test_new_in_a_file_adds_a_host(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = str(tmp_path / "plant.toml")
    assert run("project", "new", "plant", "--host", "a", "-f", file).exit_code == 0
    assert run("project", "new", "--host", "b", "-f", file).exit_code == 0
    which = run("project", "show", "-f", file)
    assert which.exit_code == 2
    assert "a, b" in which.stderr
    assert run("project", "show", "a", "-f", file).exit_code == 0


def test_list(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "new", "--host", "h2").exit_code == 0
    (draft.parent / "h2.toml").write_text("schema = 1\n[hosts.h2]\nnonsense = 1\n")
    documents = json.loads(run("project", "list", "-o", "json").stdout)
    assert [(one["host"], one["name"], one["valid"], one["guests"]) for one in documents] == [
        ("h1", "line 7", True, 1),
        ("h2", "", False, None),
    ]
    assert run("project", "list", "-o", "name").stdout == "h1\nh2\n"
    assert "mistakes" in run("project", "list").stdout


def test_show_in_every_form(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "show").stdout == draft.read_text()
    document = json.loads(run("project", "show", "h1", "-o", "json").stdout)
    assert document["guests"][0]["cpuset"] == "2,3"
    assert yaml.safe_load(run("project", "show", "h1", "-o", "yaml").stdout) == document
    assert run("project", "show", "h1", "-o", "name").stdout == "h1/rt\n"


def test_show_of_no_draft_says_how_to_get_one(run) -> None:  # type: ignore[no-untyped-def]
    missing = run("project", "show", "h9")
    assert missing.exit_code == 3
    assert "project pull" in missing.stderr


def test_set_many_and_remarks_stay(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    draft.write_text(draft.read_text().replace("memory_mib = 256", "memory_mib = 256  # measured"))
    said = run("project", "set", "h1", "guest.rt.memory_mib=512", "guest.rt.vcpus=1", "settings.swap_mib=64")
    assert said.exit_code == 0, said.stderr
    text = draft.read_text()
    assert "memory_mib = 512  # measured" in text
    assert "swap_mib = 64" in text


def test_set_is_all_or_nothing_and_names_every_mistake(run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    before = draft.read_text()
    said = run("project", "set", "h1", "guest.rt.memory_mib=512", "guest.rt.vcpus=many", "guest.nobody.vcpus=2")
    assert said.exit_code == 9
    assert "error: DOCUMENT-INVALID: " in said.stderr
    assert "vcpus" in said.stderr
    assert "nobody" in said.stderr
    assert draft.read_text() == before
    document = json.loads(run("project", "set", "h1", "guest.rt.vcpus=many", "-o", "json").stderr)
    assert document["error"]["detail"]["issues"][0]["path"]


def test_set_in_a_file_needs_no_host(run, draft: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "mine.toml"
    file.write_text(draft.read_text())
    assert run("project", "set", "-f", str(file), "guest.rt.vcpus=3").exit_code == 0
    assert "vcpus = 3" in file.read_text()
    assert "vcpus" not in draft.read_text()
    assert run("project", "set", "h1").exit_code == 2


def test_set_where_there_is_no_draft_makes_none(run, data: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "set", "h1", "settings.swap_mib=1").exit_code == 3
    assert not (data / "h1.toml").exists()


@pytest.mark.parametrize(
    ("noun", "values"),
    [
        ("guest", ("vcpus=2",)), ("area", ("size=4096",)), ("event", ("signal=rt",)), ("queue", ("reader=rt",)),
        ("lock", ()), ("network", ("mode=nat",)), ("image", ("os_type=linux", "path=/i")),
        ("template", ("os_type=linux", "image_type=linux")),
    ],
)  # fmt: skip
def test_add_rename_and_remove(noun: str, values: tuple[str, ...], run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    before = draft.read_text()
    added = run("project", "add", "h1", noun, "new", *values)
    assert added.exit_code == 0, added.stderr
    assert run("project", "add", "h1", noun, "new", *values).exit_code == 4
    assert run("project", "rename", "h1", noun, "new", "newer").exit_code == 0
    assert run("project", "remove", "h1", noun, "new").exit_code == 3
    assert run("project", "remove", "h1", noun, "newer").exit_code == 0
    assert draft.read_text().strip() == before.strip()


@pytest.mark.parametrize("values", [("vcpus",), ("=1",), ("vcpus=1", "vcpus=2")])
def test_add_takes_key_and_value(values: tuple[str, ...], run, draft: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "add", "h1", "guest", "new", *values).exit_code == 2


def test_edit(run, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    _editor(tmp_path, monkeypatch, "s/= 256/= 384/")
    said = run("project", "edit", "h1")
    assert said.exit_code == 0, said.stderr
    assert "memory_mib = 384" in draft.read_text()
    assert "error" in said.stderr, "the rules' verdict is told"
    assert "nothing was changed" in run("project", "edit", "h1").stderr


def test_a_text_with_mistakes_is_kept_and_gone_on_with(  # type: ignore[no-untyped-def]
    run, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = draft.read_text()
    _editor(tmp_path, monkeypatch, "s/= 256/= nonsense/")
    wrong = run("project", "edit", "h1")
    assert wrong.exit_code == 9
    assert "kept" in wrong.stderr
    assert draft.read_text() == before
    _editor(tmp_path, monkeypatch, "s/nonsense/300/")
    assert run("project", "edit", "h1").exit_code == 0
    assert "memory_mib = 300" in draft.read_text()
    assert sorted(path.name for path in draft.parent.iterdir() if path.name[0] != ".") == ["h1.toml"]


def test_an_edit_does_not_undo_another(run, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    script = tmp_path / "editor"
    script.write_text(f"#!/bin/sh\nsed -i 's/= 256/= 384/' \"$1\"; sed -i 's/= 256/= 999/' {draft}\n")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    said = run("project", "edit", "h1")
    assert said.exit_code == 4
    assert "memory_mib = 999" in draft.read_text()


@pytest.mark.parametrize("typed", ["s/= 256/= nonsense/", "s/= 256/= 384/"])
def test_a_kept_text_does_not_undo_what_came_after_it(  # type: ignore[no-untyped-def]
    typed: str, run, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"sed -i 's/2,3/1,2/' {draft}"
    script = tmp_path / "editor"
    script.write_text(f"#!/bin/sh\nsed -i '{typed}' \"$1\"; {other}\n")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    assert run("project", "edit", "h1").exit_code != 0
    script.write_text("#!/bin/sh\nsed -i 's/nonsense/300/' \"$1\"\n")
    refused = run("project", "edit", "h1")
    assert refused.exit_code == 4
    kept = draft.parent / ".h1.edited.toml"
    assert str(kept) in refused.stderr
    assert 'cpuset = "1,2"' in draft.read_text()
    assert "2,3" in kept.read_text(), "neither is lost"
    kept.unlink()
    script.write_text("#!/bin/sh\nsed -i 's/= 256/= 300/' \"$1\"\n")
    assert run("project", "edit", "h1").exit_code == 0
    assert "memory_mib = 300" in draft.read_text()
    assert 'cpuset = "1,2"' in draft.read_text()


def test_a_copy_in_which_nothing_was_typed_is_made_anew(  # type: ignore[no-untyped-def]
    run, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "false")
    assert run("project", "edit", "h1").exit_code == 1
    run("project", "set", "h1", "guest.rt.cpuset=1,2")
    monkeypatch.delenv("VISUAL")
    _editor(tmp_path, monkeypatch, "s/= 256/= 300/")
    assert run("project", "edit", "h1").exit_code == 0
    assert 'cpuset = "1,2"' in draft.read_text()


@pytest.mark.parametrize("editor", ["/there/is/none", "false", "'unclosed"])
def test_an_editor_that_fails(editor: str, run, draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("VISUAL", editor)
    assert run("project", "edit", "h1").exit_code == 1
    assert draft.read_text()


def test_drafts_are_of_their_context(run, draft: Path, config: Path, layout) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "list", "--context", "nowhere").exit_code == 3
    assert run("project", "list", "--socket", "/nowhere.sock", "-o", "name").stdout == ""
    assert run("project", "list", "-o", "name").stdout == "h1\n"
