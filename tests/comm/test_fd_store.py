"""What the service manager is asked to keep, on a real datagram socket, and what it hands over."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestwire.comm.fd_store import FdStore, adopt_fds
from guestwire.comm.region import RegionKind
from guestwire.comm.regions import RegionStore

MANAGED = {"LISTEN_PID": "42", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "gw-2-7:gw-3-8:gw-2-7"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def heard(manager: socket.socket) -> tuple[str, list[int]]:
    data, fds, _, _ = socket.recv_fds(manager, 4096, 4)
    return data.decode(), fds


def test_regions_are_kept_and_dropped_by_their_words(manager: socket.socket) -> None:
    fd_store = FdStore(manager.getsockname())
    regions = RegionStore(keeper=fd_store)
    region = regions.make(RegionKind.AREA, "a", 1)
    text, (fd,) = heard(manager)
    assert text == f"FDSTORE=1\nFDNAME={region.row.word}"
    assert os.fstat(fd).st_ino == region.row.inode
    os.close(fd)
    assert fd_store.kept == {region.row.word}
    regions.set_aside(RegionKind.AREA, "a")
    regions.reap()
    assert heard(manager) == (f"FDSTOREREMOVE=1\nFDNAME={region.row.word}", [])
    assert fd_store.kept == frozenset()


def test_our_end_drops_nothing(manager: socket.socket) -> None:
    regions = RegionStore(keeper=FdStore(manager.getsockname()))
    regions.make(RegionKind.AREA, "a", 1)
    for fd in heard(manager)[1]:
        os.close(fd)
    regions.close()
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard(manager)


def test_a_restart_finds_the_content_in_the_store(manager: socket.socket) -> None:
    regions = RegionStore(keeper=FdStore(manager.getsockname()))
    regions.make(RegionKind.AREA, "a", 1000).memory[4096:4101] = b"hello"
    state = regions.to_state()
    _, (fd,) = heard(manager)
    regions.close()
    environment = {"LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": state.rows[0].word}
    again = RegionStore()
    assert again.adopt(state, adopt_fds(environment, 42, first=fd)) == ()
    assert again.held[0].read(0, 5) == b"hello"
    again.close()


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel gives it an abstract name
        listening.settimeout(5)
        store = FdStore("@" + listening.getsockname()[1:].decode())
        store.drop("gw-1-2")
        assert heard(listening) == ("FDSTOREREMOVE=1\nFDNAME=gw-1-2", [])


@pytest.mark.parametrize("address", [None, "", "relative", "/no/such/socket", "/" + "x" * 200])
def test_without_a_manager_nothing_is_kept(address: str | None) -> None:
    store = FdStore(address)
    assert not store.keep("gw-1-2", 0)
    store.drop("gw-1-2")
    assert store.kept == frozenset()


def test_a_manager_that_does_not_read_is_not_waited_for_long(manager: socket.socket) -> None:
    store = FdStore(manager.getsockname(), timeout_s=0.01)
    told = [store.keep(f"gw-2-{n}", 0) for n in range(5000) if n == 0 or len(store.kept) == n]
    assert told[0]
    assert not told[-1], "its queue is bounded"


def test_many_regions_wait_no_longer_for_it_than_one(manager: socket.socket) -> None:
    store = FdStore(manager.getsockname(), timeout_s=0.2)
    began = time.monotonic()
    told = [store.keep(f"gw-2-{n}", 0) for n in range(150)]
    assert not told[-1]
    assert time.monotonic() - began < 10, "each by itself: half a minute"
    for fd in heard(manager)[1]:
        os.close(fd)
    assert store.keep("gw-2-150", 0), "who reads again is told again"


@pytest.mark.parametrize("word", ["", "a:b", "a\nREADY=1", "x" * 256, "ü"])
def test_a_word_that_the_manager_does_not_take(word: str) -> None:
    store = FdStore(None)
    with pytest.raises(ValueError, match="no name"):
        store.keep(word, 0)
    with pytest.raises(ValueError, match="no name"):
        store.drop(word)


@pytest.fixture
def passed() -> Iterator[int]:
    """The first of three fds in a row, where nothing else is."""
    base = 900
    source = os.memfd_create("passed")
    for n in range(3):
        os.dup2(source, base + n)
    os.close(source)
    yield base
    for n in range(3):
        try:
            os.close(base + n)
        except OSError:
            continue


def test_fds_are_taken_over_by_their_names(passed: int) -> None:
    assert adopt_fds(MANAGED, 42, first=passed) == {"gw-2-7": passed, "gw-3-8": passed + 1}
    assert fcntl.fcntl(passed, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(passed + 2)


@pytest.mark.parametrize(
    "environment",
    [
        {}, MANAGED | {"LISTEN_PID": "41"}, MANAGED | {"LISTEN_PID": ""}, MANAGED | {"LISTEN_FDS": "-3"},
        MANAGED | {"LISTEN_FDS": "x"}, MANAGED | {"LISTEN_FDS": "9" * 30}, MANAGED | {"LISTEN_FDS": "٣"}, MANAGED | {"LISTEN_FDS": "0"},
    ],
)  # fmt: skip
def test_what_is_not_for_us_is_left_alone(passed: int, environment: dict[str, str]) -> None:
    assert adopt_fds(environment, 42, first=passed) == {}
    os.fstat(passed + 2)


def test_numbers_that_are_no_fds_are_passed_over(passed: int) -> None:
    found = adopt_fds(MANAGED | {"LISTEN_FDS": "4", "LISTEN_FDNAMES": "a:b:c:d"}, 42, first=passed + 1)
    assert found == {"a": passed + 1, "b": passed + 2}
