"""Regions that only another process still has, as a QEMU has them: found, or told as lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from guestwire.comm.region import Region, RegionKind
from guestwire.comm.region_recovery import find_regions, qemu_processes
from guestwire.comm.regions import RegionStore

HOLDS = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def store() -> Iterator[RegionStore]:
    with closing(RegionStore()) as opened:
        yield opened


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A process that has fds and nothing else to do; it ends with its standard input."""
    started: list[subprocess.Popen[str]] = []

    def start(*fds: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS], pass_fds=fds, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.communicate(timeout=10)


def put(region: Region, text: bytes) -> None:
    region.memory[4096 : 4096 + len(text)] = text


def test_what_a_process_holds_is_found_with_its_content(
    store: RegionStore, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    for name in ("writable", "readable", "nobody's"):
        put(store.ensure(RegionKind.AREA, name, 1000), name.encode())
    writable, readable, _ = store.held
    reading = readable.reopen(write=False)  # as for a guest that may only read
    processes = holder(writable.fd), holder(writable.fd, reading)
    os.close(reading)
    state = store.to_state()
    store.close()
    again = RegionStore()
    found = find_regions(state.rows, [process.pid for process in processes])
    assert set(found) == {writable.row.word, readable.row.word}
    assert [row.name for row in again.adopt(state, found)] == ["nobody's"]
    assert {region.name: region.read(0, 8) for region in again.held} == {
        "writable": b"writable",
        "readable": b"readable",
    }
    again.close()


def test_a_process_that_ended_has_nothing(store: RegionStore, holder: Callable[..., subprocess.Popen[str]]) -> None:
    region = store.make(RegionKind.AREA, "a", 1)
    process = holder(region.fd)
    found = find_regions([region.row], [process.pid])
    assert set(found) == {region.row.word}
    for fd in found.values():
        os.close(fd)
    process.kill()
    process.wait(timeout=10)
    assert find_regions([region.row], [process.pid, 2**22 + 5]) == {}


def test_a_memory_of_the_same_name_is_not_taken_for_it(
    store: RegionStore, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    region = store.make(RegionKind.AREA, "a", 1)
    false = os.memfd_create(region.row.word, os.MFD_ALLOW_SEALING)
    os.ftruncate(false, region.backing)
    liar, honest = holder(false), holder(region.fd)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert find_regions([region.row], [liar.pid]) == {}
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    found = find_regions([region.row], [liar.pid, honest.pid])
    assert os.fstat(found[region.row.word]).st_ino == region.row.inode
    for fd in (false, *found.values()):
        os.close(fd)


def test_qemu_processes_are_known_by_name(tmp_path: Path) -> None:
    names = {"7": "qemu-system-x86\n", "12": "kvm\n", "30": "qemu-kvm\n", "31": "python3\n", "self": "qemu-x\n"}
    for pid, name in names.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "comm").write_text(name)
    (tmp_path / "40").mkdir()  # ended in between
    assert qemu_processes(tmp_path) == (7, 12, 30)
