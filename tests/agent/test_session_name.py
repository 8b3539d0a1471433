"""The name of a host's MQTT session: kept, secret, and a new one where it was lost."""

from pathlib import Path

import pytest

from guestwire.agent.session_name import NAME, session_name
from guestwire.model.errors import GuestwireError


def test_it_is_the_hosts_own_and_stays(tmp_path: Path) -> None:
    first = session_name("h1", tmp_path)
    assert first.startswith("h1-")
    assert session_name("h1", tmp_path) == first
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_two_hosts_of_one_id_have_two(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert session_name("h1", tmp_path / "a") != session_name("h1", tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 8, b"../../..\n"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    made = session_name("h1", tmp_path)
    assert len(made) == len("h1-") + 8
    assert session_name("h1", tmp_path) == made


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(GuestwireError, match="SYSTEM-REFUSED"):
        session_name("h1", tmp_path / "nowhere")
