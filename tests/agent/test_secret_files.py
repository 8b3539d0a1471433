"""Files that are to be closed, by their owner and mode."""

import os
from pathlib import Path

import pytest

from guestwire.agent.secret_files import check_closed, is_closed, read_secret
from guestwire.model.errors import GuestwireError


def status(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 1, 1, 1, uid, gid, 9, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "closed"),
    [
        (0o600, 1000, 1000, True),
        (0o400, 1000, 1000, True),
        (0o440, 1000, 1000, False),
        (0o640, 0, 100, False),
        (0o640, 1000, 0, False),
        (0o440, 0, 0, True),  # a credential of systemd
        (0o640, 0, 0, False),
        (0o444, 0, 0, False),
        (0o460, 0, 0, False),
        (0o604, 0, 0, False),
    ],
)
def test_who_may_read(mode: int, uid: int, gid: int, closed: bool) -> None:
    assert is_closed(status(mode, uid, gid)) is closed


def test_a_closed_file_is_read_and_an_open_one_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text("correct horse")
    check_closed(file)
    assert read_secret(file) == "correct horse"
    file.chmod(0o604)
    for look in (check_closed, read_secret):
        with pytest.raises(GuestwireError) as caught:
            look(file)
        assert caught.value.code == "KEY-FILE-INVALID"
        assert f"chmod 600 {file}" in caught.value.message
        assert "horse" not in repr(caught.value)


@pytest.mark.parametrize("content", [b"horse \xff", None])
def test_what_cannot_be_read_is_named_and_not_quoted(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.touch(mode=0o600)
        file.write_bytes(content)
    with pytest.raises(GuestwireError) as caught:
        read_secret(file)
    assert caught.value.code == "KEY-FILE-INVALID"
    assert str(file) in caught.value.message
    assert "horse" not in f"{caught.value!r}{caught.value.__cause__!r}"
