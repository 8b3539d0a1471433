"""The starts under way, as whoever comes next finds them."""

from pathlib import Path

import pytest

from guestwire.agent.drivers.libvirt.starts import Starts

UUID = "00000000-0000-4000-8000-000000000001"


def test_what_is_not_over_is_left_to_who_comes_next(tmp_path: Path) -> None:
    folder = tmp_path / "starting"
    assert Starts(folder).left() == ()
    with pytest.raises(KeyError), Starts(folder).under_way(UUID):
        raise KeyError
    assert Starts(folder).left() == [UUID]
    with Starts(folder).under_way(UUID) as start:
        start.over = True
    assert list(Starts(folder).left()) == []


def test_who_is_at_it_is_left_alone(tmp_path: Path) -> None:
    with Starts(tmp_path).under_way(UUID) as start:
        with pytest.raises(BlockingIOError), Starts(tmp_path).under_way(UUID):
            pass
        start.over = True
    assert list(Starts(tmp_path).left()) == []


def test_a_disk_that_takes_no_file_keeps_no_guest_off(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Starts(tmp_path / "file/starting").under_way(UUID) as start:
        start.over = True
    with Starts(None).under_way(UUID) as start:
        start.over = True
    assert list(Starts(None).left()) == []
