"""overrides.toml of a guest's folder."""

from pathlib import Path

import pytest

from guestwire.agent.services.user_overrides import BYTES_AT_MOST, UNCHANGED_FOR_MS, UserOverrides, read_overrides
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Override

GOOD = """\
# mine
[[override]]
op = "replace"
sel = "cpu/@mode"
xml = "host-model"

[[override]]
op = "add"
sel = "devices"
xml = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
"""


def test_what_the_file_says_comes_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text(GOOD)
    first, second = read_overrides(path)
    assert first == Override(op="replace", sel="cpu/@mode", xml="host-model")
    assert (second.op, second.sel) == ("add", "devices")


def test_no_file_is_no_override(tmp_path: Path) -> None:
    assert read_overrides(tmp_path / "overrides.toml") == ()
    (tmp_path / "overrides.toml").write_text("# nothing yet\n")
    assert read_overrides(tmp_path / "overrides.toml") == ()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('[[override]]\nop = "change"\n', ["override.0.op"]),
        ('[[override]]\nop = "add"\nxlm = ""\n', ["override.0.xlm"]),
        ("[[override]]\nsel = 3\n", ["override.0.op", "override.0.sel"]),
        ('[[overrides]]\nop = "add"\n', ["overrides"]),
        ("[override]\n", ["override"]),
        ("op = ", [""]),
        ('[[override]]\nop = "remove"\n' * 65, ["override"]),
    ],
)
def test_every_mistake_has_its_place(tmp_path: Path, text: str, places: list[str]) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text(text)
    with pytest.raises(GuestwireError) as caught:
        read_overrides(path)
    assert caught.value.code == "DOCUMENT-INVALID"
    found = [issue["path"] for issue in caught.value.detail["issues"]]
    assert found == [f"{path}: {place}" if place else str(path) for place in places]
    assert caught.value.message.startswith(f"{path}: ")


def test_a_mistaken_key_has_its_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text('[[override]]\nop = "add"\nxlm = ""\n')
    with pytest.raises(GuestwireError) as caught:
        read_overrides(path)
    assert caught.value.message == f"{path}: override.0.xlm: there is no such key (did you mean xml?)"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (BYTES_AT_MOST + 1)])
def test_what_is_no_toml_file_is_a_mistake(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "overrides.toml"
    path.write_bytes(data)
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        read_overrides(path)


def test_a_folder_in_its_place_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "overrides.toml").mkdir()
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        read_overrides(tmp_path / "overrides.toml")


def test_a_file_is_parsed_again_only_when_it_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text('[[override]]\nop = "remove"\nsel = "cpu"\n')
    later = path.stat().st_ctime_ns // 1_000_000 + UNCHANGED_FOR_MS
    files = UserOverrides(lambda: later)
    first = files.read(path)
    assert [one.sel for one in first] == ["cpu"]
    assert files.read(path) is first
    path.write_text('[[override]]\nop = "remove"\nsel = "clock"\n')
    assert [one.sel for one in files.read(path)] == ["clock"]
    path.unlink()
    assert files.read(path) == ()


def test_a_file_that_was_written_a_moment_ago_is_read_again(tmp_path: Path) -> None:
    """Two writes within a tick look the same."""
    path = tmp_path / "overrides.toml"
    path.write_text('[[override]]\nop = "remove"\nsel = "cpu"\n')
    written = path.stat().st_ctime_ns // 1_000_000
    files = UserOverrides(lambda: written + UNCHANGED_FOR_MS - 1)
    assert files.read(path) == files.read(path)
    assert files.read(path) is not files.read(path)


def test_a_mistake_is_told_each_time(tmp_path: Path) -> None:
    path = tmp_path / "overrides.toml"
    path.write_text("x = [")
    later = path.stat().st_ctime_ns // 1_000_000 + UNCHANGED_FOR_MS
    files = UserOverrides(lambda: later)
    for _ in range(2):
        with pytest.raises(GuestwireError) as caught:
            files.read(path)
        assert (caught.value.code, len(caught.value.detail["issues"])) == ("DOCUMENT-INVALID", 1)
