"""overrides.toml of a guest's folder."""

from pathlib import Path

import pytest

from guestwire.agent.services.user_overrides import BYTES_AT_MOST, read_overrides
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
        ('[[override]]\nop = "change"\n', ["override[0].op"]),
        ('[[override]]\nop = "add"\nxlm = ""\n', ["override[0].xlm"]),
        ("[[override]]\nsel = 3\n", ["override[0].op", "override[0].sel"]),
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
