"""Files that change under a running agent."""

from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.reread import Reread
from guestwire.model.errors import GuestwireError


class Log:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def info(self, event: str, **_: object) -> None:
        self.said.append(("info", event))

    def error(self, event: str, **fields: Any) -> None:
        self.said.append(("error", f"{event}: {fields['code']} {fields['reason']}"))

    warning = error


def test_a_value_follows_its_files_and_a_broken_one_is_said_once(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    made = 0

    def write(*texts: str) -> None:
        for file, text in zip(files, texts, strict=True):
            temporary = file.with_suffix(".new")
            temporary.write_text(text)
            temporary.replace(file)

    def make() -> str:
        nonlocal made
        made += 1
        one, other = (file.read_text() for file in files)
        if one != other:
            raise GuestwireError("KEY-FILE-INVALID", "they do not fit")
        return one

    log = Log()
    write("1", "1")
    value = Reread(files, make, log, "the pair")
    assert (value.get(), value.get(), made, value.changed) == ("1", "1", 1, False)
    write("2", "1")  # half of a replacement
    assert value.changed
    assert [value.get() for _ in range(3)] == ["1"] * 3
    assert not value.changed, "nothing to connect again for"
    write("2", "2")
    assert value.changed
    assert (value.get(), value.changed) == ("2", False)
    files[0].unlink()
    assert value.changed
    assert log.said == [
        ("error", "the pair cannot be read again: what was read before stays: KEY-FILE-INVALID they do not fit"),
        ("info", "the pair read again"),
    ]


def test_what_cannot_be_read_at_first_is_raised(tmp_path: Path) -> None:
    def make() -> str:
        raise GuestwireError("KEY-FILE-INVALID")

    with pytest.raises(GuestwireError):
        Reread([tmp_path / "none"], make, Log(), "it")
