"""The ring of log files: order, bounds, torn lines, a full disk, and reading while it turns."""

import os
import resource
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from tests.support.small_disk import mounted

from guestwire.agent.log_files import CHUNK, NAME, LogFiles


def _lines(files: LogFiles) -> list[bytes]:
    return list(files.newest_first())


def test_newest_first_over_all_files_and_bounded(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "log", max_bytes=100, files=3)
    for number in range(100):
        files.append(b"line %05d" % number)
    kept = _lines(files)
    assert kept == [b"line %05d" % number for number in range(99, 99 - len(kept), -1)]
    assert 18 <= len(kept) <= 27
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == [NAME, f"{NAME}.1", f"{NAME}.2"]
    assert all(path.stat().st_size <= 100 for path in (tmp_path / "log").iterdir())
    files.close()


def test_lines_longer_than_a_chunk(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    written = [b"a" * (CHUNK - 1), b"b" * (3 * CHUNK), b"", b"c", b"d" * CHUNK]
    for line in written:
        files.append(line)
    assert _lines(files) == [line for line in reversed(written) if line]
    files.close()


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"whole\ntorn in a cra")
    files = LogFiles(tmp_path)
    files.append(b"next")
    assert _lines(files) == [b"next", b"torn in a cra", b"whole"]
    files.close()
    files = LogFiles(tmp_path)
    assert _lines(files) == [b"next", b"torn in a cra", b"whole"]
    files.close()


def test_reading_on_while_the_ring_turns(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, max_bytes=100, files=3)
    for number in range(30):
        files.append(b"line %05d" % number)
    reading = files.newest_first()
    first = list(islice(reading, 2))
    for number in range(30, 60):
        files.append(b"line %05d" % number)
    rest = list(reading)
    seen = first + rest
    assert seen == sorted(set(seen), reverse=True), "none twice, none out of order"
    files.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 64) as disk:
        yield disk


def test_a_full_disk_drops_lines_and_counts_them(small_disk: Path) -> None:
    files = LogFiles(small_disk)
    for number in range(100):
        files.append(b"%05d" % number + b"x" * 995)
    assert files.dropped > 30
    kept = [line for line in _lines(files) if len(line) == 1000]
    assert kept == sorted(kept, reverse=True)
    assert len(kept) + files.dropped == 100
    (small_disk / NAME).write_bytes((small_disk / NAME).read_bytes()[:30_000])
    files.append(b"after")
    assert _lines(files)[0] == b"after"
    files.close()


def _neighbour(folder: Path) -> int:
    """A file that somebody else of the process opens, under the lowest free descriptor."""
    return os.open(folder / "neighbour", os.O_RDWR | os.O_CREAT, 0o600)


@pytest.mark.parametrize("trouble", ["the folder went", "no descriptor is left", "an old file cannot be replaced"])
def test_a_turn_that_fails_spoils_no_other_file_and_raises_nothing(tmp_path: Path, trouble: str) -> None:
    folder = tmp_path / "log"
    files = LogFiles(folder, max_bytes=200, files=2)
    files.append(b"x" * 150)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if trouble == "the folder went":
        shutil.rmtree(folder)
    elif trouble == "no descriptor is left":
        resource.setrlimit(resource.RLIMIT_NOFILE, (files._fd + 1, limits[1]))
    else:
        (folder / f"{NAME}.1" / "x").mkdir(parents=True)
    try:
        for _ in range(3):
            files.append(b"y" * 150)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert files.dropped == 3
    neighbour = _neighbour(tmp_path)
    files.append(b"z")
    files.append(b"y" * 150)
    os.write(neighbour, b"still mine")
    assert (tmp_path / "neighbour").read_bytes() == b"still mine"
    os.close(neighbour)
    files.close()


def test_a_turn_that_failed_is_made_up_for(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, max_bytes=200, files=2)
    files.append(b"a" * 150)
    in_the_way = tmp_path / f"{NAME}.1"
    (in_the_way / "x").mkdir(parents=True)
    files.append(b"b" * 150)
    assert files.dropped == 1
    (in_the_way / "x").rmdir()
    in_the_way.rmdir()
    files.append(b"c" * 150)
    assert _lines(files) == [b"c" * 150, b"a" * 150]
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}.1"]
    files.close()


def test_what_is_said_after_the_end_goes_into_no_other_file(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "log")
    files.close()
    neighbour = _neighbour(tmp_path)
    files.append(b"late")
    files.close()
    os.close(neighbour)
    assert (tmp_path / "neighbour").read_bytes() == b""
    assert files.dropped == 1
