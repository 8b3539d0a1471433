"""The host's identity takes the place of the one before in one step, and one enrolment at a time makes it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestwire.agent import identity_folder
from guestwire.model.errors import GuestwireError


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("before", [None, {"trust": b"old", "more": b"x"}])
def test_what_was_made_takes_the_place(tmp_path: Path, before: dict[str, bytes] | None) -> None:
    folder = tmp_path / "state" / "identity"
    if before is not None:
        folder.mkdir(parents=True)
        identity_folder.write(folder, before)
    with identity_folder.unfinished(folder) as made:
        identity_folder.write(made, {"trust": b"new", "host.key": b"k"})
        assert (_files(folder) if folder.exists() else None) == before
        identity_folder.put_in_place(made, folder)
    assert _files(folder) == {"trust": b"new", "host.key": b"k"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert [path.name for path in folder.parent.iterdir()] == ["identity"]


def test_what_is_unfinished_stays_and_is_taken_up(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    with identity_folder.unfinished(folder) as made:
        identity_folder.write(made, {"host.key": b"k"})
    assert not folder.exists()
    with identity_folder.unfinished(folder) as made:
        assert _files(made) == {"host.key": b"k"}


def test_one_at_a_time(tmp_path: Path) -> None:
    with identity_folder.unfinished(tmp_path / "identity"), pytest.raises(GuestwireError, match="EXISTS"):  # noqa: SIM117
        with identity_folder.unfinished(tmp_path / "identity"):
            raise AssertionError


def test_a_host_that_is_told_of_no_broker_has_none(tmp_path: Path) -> None:
    assert "urls" not in identity_folder.settings(tmp_path, "plant", "h1", (), "https://h:1")["broker"]
    assert identity_folder.settings(tmp_path, "plant", "h1", ("mqtts://b",), "https://h:1")["broker"]["urls"] == [
        "mqtts://b"
    ]


def test_a_link_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / ".identity.new").symlink_to(other)
    with pytest.raises(OSError), identity_folder.unfinished(tmp_path / "identity"):
        raise AssertionError
    assert not list(other.iterdir())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can reach: tests' own folders are closed."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


def test_root_works_as_the_owner_of_the_folder_above(open_folder: Path) -> None:
    state, me = open_folder / "state", os.geteuid()
    state.mkdir(mode=0o700)
    owner = 65534 if me == 0 else me
    os.chown(state, owner, -1)
    with identity_folder.unfinished(state / "identity") as made:
        assert os.geteuid() == owner
        identity_folder.write(made, {"host.key": b"k"})
        identity_folder.put_in_place(made, state / "identity")
    assert os.geteuid() == me
    owners = {path.stat().st_uid for path in (state / "identity", state / "identity/host.key")}
    assert owners == {owner}
