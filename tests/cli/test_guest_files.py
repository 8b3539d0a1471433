"""Definitions that people write: every form, every mistake named."""

import json
from pathlib import Path
from typing import Any

import pytest

from guestwire.cli import guest_files
from guestwire.model.errors import GuestwireError

TOML = """
name = "web"
memory_mib = 256
[boot]
kernel = "/k"
[ready_when]
by = "console_text"
text = "up"
[[disks]]
path = "/d.qcow2"
"""
NO_FLAGS: dict[str, Any] = {
    "name": None, "memory": None, "vcpus": None, "kind": None, "cpuset": None, "kernel": None, "initrd": None,
    "cmdline": None, "disks": (), "ready_console": None, "ready_agent": False,
}  # fmt: skip


def test_toml_yaml_and_json_mean_the_same() -> None:
    table = guest_files.parse(TOML, ".toml", "f")
    assert guest_files.parse(json.dumps(table), ".json", "f") == table
    assert guest_files.parse(json.dumps(table), "", "stdin") == table
    made = guest_files.guest(table, "f")
    assert (made.name, made.memory_mib, made.disks[0].path) == ("web", 256, "/d.qcow2")


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ({"name": "web", "memroy_mib": 3}, "memroy_mib"),
        ({"name": "web", "boot": {"kernel": "/k", "initird": "/i"}}, "boot.initird"),
        ({"name": "web", "disks": [{"path": "/d", "formt": "raw"}]}, "disks.0.formt"),
        ({"name": "web", "memory_mib": "512"}, "memory_mib"),
        ({"name": "a" * 256}, "name"),
        ({"name": "web", "ready_when": {"by": "console_text"}}, "ready_when"),
        ({"name": "web", "boot": 3}, "boot"),
    ],
)
def test_mistakes_name_the_setting(table: dict[str, Any], field: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID") as refused:
        guest_files.guest(table, "f")
    assert refused.value.field == field


def test_every_mistake_is_told_with_its_place() -> None:
    table = {"name": "web", **{f"key{n}": n for n in range(200)}, "disks": [{"path": "relative"}], "memory_mib": "512"}
    with pytest.raises(GuestwireError) as refused:
        guest_files.guest(table, "f.toml")
    issues = refused.value.detail["issues"]
    assert len(issues) == 202
    assert {"path": "key7", "message": "there is no such key"} in issues
    assert {"path": "memory_mib", "message": "must be a whole number, not '512'"} in issues
    assert refused.value.message.startswith("f.toml: ")
    assert "201 more" in refused.value.message


@pytest.mark.parametrize("text", ["1: 2", "? [1, 2]\n: 3", "name: &a [*a]", "name: 2020-01-01\nvcpus: .nan"])
def test_what_only_yaml_can_say_is_a_mistake(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        guest_files.guest(guest_files.parse(text, "", "f"), "f")


@pytest.mark.parametrize("kind", [".toml", ".json", ".yaml"])
@pytest.mark.parametrize("depth", [200, 400, 900, 100_000])
def test_what_is_nested_too_deeply_is_refused(kind: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    text = {".toml": f"x = {deep}", ".json": f'{{"x": {deep}}}', ".yaml": f"x: {deep}"}[kind]
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        guest_files.guest(guest_files.parse(text, kind, "f"), "f")


@pytest.mark.parametrize(("text", "kind"), [("a = ", ".toml"), ("{", ".json"), ("a: [", ".yaml"), ("- 1", ".yaml")])
def test_no_table(text: str, kind: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        guest_files.parse(text, kind, "f")


def test_flags_win_over_the_file() -> None:
    table = guest_files.parse(TOML, ".toml", "f")
    flags = {**NO_FLAGS, "memory": 64, "cmdline": "quiet", "ready_agent": True, "disks": ("/e.raw",)}
    made = guest_files.guest(table | guest_files.from_flags(flags, table), "f")
    assert made.memory_mib == 64
    assert made.boot is not None
    assert (made.boot.kernel, made.boot.cmdline) == ("/k", "quiet")
    assert made.ready_when.by == "guest_agent"
    assert [(disk.path, disk.format) for disk in made.disks] == [("/e.raw", "raw")]


@pytest.mark.parametrize("flags", [{"initrd": "/i"}, {"ready_console": "x", "ready_agent": True}])
def test_flags_that_do_not_go_together(flags: dict[str, Any]) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        guest_files.from_flags({**NO_FLAGS, **flags}, {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        guest_files.read(tmp_path / "nothing.toml")
