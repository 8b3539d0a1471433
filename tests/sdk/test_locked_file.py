"""Edits of one file by several processes: none is lost, none is half there."""

import multiprocessing
from pathlib import Path

import pytest

from guestwire.sdk import locked_file

EDITS = 40


def _append(path: Path, letter: str) -> None:
    for _ in range(EDITS):
        locked_file.change(path, lambda text: text + letter)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.toml"
    assert locked_file.change(path, lambda text: text + "one") == "one"
    assert path.read_text() == "one"
    assert path.stat().st_mode & 0o777 == 0o600


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("a")
    real.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(real)
    locked_file.change(link, lambda text: text + "b")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("ab", 0o644)


def test_an_edit_that_fails_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("whole")

    def fails(_: str) -> str:
        raise ValueError

    with pytest.raises(ValueError):
        locked_file.change(path, fails)
    assert path.read_text() == "whole"


def test_processes_that_edit_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_append, args=(path, letter)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    text = path.read_text()
    assert {letter: text.count(letter) for letter in "abc"} == dict.fromkeys("abc", EDITS)
    assert [one.name for one in tmp_path.iterdir() if one.name not in ("file", ".file.lock")] == []
