"""The ring of log files: order, bounds, torn lines, a full disk, and reading while it turns."""

import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

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
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a small file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


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
