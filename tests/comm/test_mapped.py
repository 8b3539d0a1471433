"""How a process has a file mapped: real processes with real mappings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guestwire.comm.mapped import mapped, sees_others_memory
from guestwire.protocol.comm_models import Mapped

CODE = """
import mmap, sys
kept = [mmap.mmap(int(sys.argv[1]), 4096, prot=prot) for prot in map(int, sys.argv[2].split(",")) if prot]
print("ready", flush=True)
sys.stdin.read()
"""
READ, BOTH = 1, 3


@pytest.fixture
def file() -> Iterator[int]:
    file = os.memfd_create("region")
    os.ftruncate(file, 4096)
    yield file
    os.close(file)


@contextmanager
def process(file: int, *protections: int) -> Iterator[int]:
    """One that has the file mapped like that, by its pid."""
    arguments = [sys.executable, "-c", CODE, str(file), ",".join(map(str, protections))]
    with subprocess.Popen(arguments, pass_fds=(file,), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child.pid
        child.communicate(timeout=10)


def seen(pid: int, file: int) -> Mapped | None:
    stat = os.fstat(file)
    return mapped(pid, stat.st_dev, stat.st_ino)


@pytest.mark.parametrize(
    ("protections", "wanted"),
    [
        ((READ,), "read-only"),
        ((BOTH,), "writable"),
        ((READ, BOTH), "writable"),
        ((BOTH, READ), "writable"),
        ((0,), None),
    ],
)
def test_how_it_is_mapped(file: int, protections: tuple[int, ...], wanted: str | None) -> None:
    with process(file, *protections) as pid:
        assert seen(pid, file) == wanted


def test_another_file_is_another_matter(file: int) -> None:
    other = os.memfd_create("region")
    try:
        with process(file, BOTH) as pid:
            assert seen(pid, other) is None
    finally:
        os.close(other)


def test_what_cannot_be_looked_at_is_said_to_be_nothing(file: int, tmp_path: Path) -> None:
    with process(file, BOTH) as pid:
        pass
    assert seen(pid, file) is None
    (tmp_path / str(pid)).mkdir()
    assert mapped(pid, 0, 0, tmp_path) is None


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("CapEff:\t0000000000080000\n", True),
        ("CapEff:\t0000000000040000\n", False),
        ("Name:\tx\n", False),
        (None, False),
    ],
)
def test_who_may_look(tmp_path: Path, status: str | None, wanted: bool) -> None:
    (tmp_path / "self").mkdir()
    if status is not None:
        (tmp_path / "self/status").write_text(status)
    assert sees_others_memory(tmp_path) is wanted
