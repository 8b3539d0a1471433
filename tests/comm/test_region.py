"""Regions on real memfds: sealed, private, sparse, and the same after they were found again."""

import contextlib
import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guestwire.comm.region import (
    Region,
    RegionKind,
    RegionRow,
    adopt_region,
    make_region,
    no_room,
    read_region_word,
    region_word,
)
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS, REGION

MIB = 1 << 20
DATA = NUMBERS["GW_DATA_OFFSET"]
NOBODY = 65534


@pytest.fixture
def make() -> Iterator[Callable[..., Region]]:
    with contextlib.ExitStack() as closing:

        def one(
            size: int = 1000, kind: RegionKind = RegionKind.AREA, group: int | None = None, name: str = "a"
        ) -> Region:
            row = RegionRow(kind=kind.value, name=name, size=size, backing=kind.backing(size), index=5, generation=7)
            region = make_region(row, group)
            closing.callback(region.close)
            return region

        yield one


def test_a_region_is_zeroed_behind_its_header(make: Callable[..., Region]) -> None:
    region = make(1000)
    header = REGION.unpack(region.memory)
    assert header["magic"] == NUMBERS["GW_MAGIC"]
    assert (header["name"], header["size"], header["index"], header["generation"]) == ("a", 1000, 5, 7)
    assert (header["kind"], header["data_offset"]) == (NUMBERS["GW_KIND_AREA"], DATA)
    assert not any(region.memory[REGION.size :])
    assert len(region.memory) == region.backing == MIB


@pytest.mark.parametrize("change", [0, 4096, 2 * MIB])
def test_nobody_changes_its_size(make: Callable[..., Region], change: int) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(make().fd, change)


def test_nobody_seals_it_against_writing(make: Callable[..., Region]) -> None:
    with pytest.raises(PermissionError):
        fcntl.fcntl(make().fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


def test_an_fd_for_reading_cannot_be_mapped_for_writing(make: Callable[..., Region]) -> None:
    region = make()
    fd = region.reopen(write=False)
    try:
        with pytest.raises(PermissionError):
            mmap.mmap(fd, region.backing)
        with mmap.mmap(fd, region.backing, prot=mmap.PROT_READ) as seen:
            region.memory[DATA : DATA + 5] = b"hello"
            assert seen[DATA : DATA + 5] == b"hello"
    finally:
        os.close(fd)


def _opened_as(user: int, group: int, fd: int) -> int:
    """errno of opening the fd's path for writing as another user, in a process of its own; 0: it went."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
            code = 0
        except OSError as err:
            code = err.errno or 255
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_another_user_makes_nothing_writable_of_it_but_the_group_does(make: Callable[..., Region]) -> None:
    private, shared = make(), make(group=NOBODY)
    fd = private.reopen(write=False)
    assert _opened_as(NOBODY, NOBODY, fd) == errno.EACCES
    os.close(fd)
    assert _opened_as(NOBODY, NOBODY, shared.fd) == 0
    assert _opened_as(NOBODY, NOBODY - 1, shared.fd) == errno.EACCES


def test_words_are_read_and_written_whole(make: Callable[..., Region]) -> None:
    region = make()
    region.store64(DATA, 2**64 - 2)
    region.store32(DATA + 8, 0x80000001)
    assert (region.load64(DATA), region.load32(DATA + 8)) == (2**64 - 2, 0x80000001)
    assert region.read(0, 12) == (2**64 - 2).to_bytes(8, "little") + (0x80000001).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("offset", "length", "read"), [(0, 10, 10), (995, 10, 5), (1000, 1, 0), (5000, 9, 0), (0, 2000, 1000), (3, -1, 0)]
)
def test_what_is_read_ends_with_the_area(make: Callable[..., Region], offset: int, length: int, read: int) -> None:
    assert make(1000).read(offset, length) == bytes(read)


def _taken(region: Region) -> int:
    return os.fstat(region.fd).st_blocks * 512


def test_a_copy_and_a_digest_take_no_memory_for_what_was_never_written(make: Callable[..., Region]) -> None:
    one, two = make(8 * MIB), make(3 * MIB)
    one.memory[DATA : DATA + 3] = b"abc"
    one.memory[DATA + 2 * MIB] = 7
    one.memory[DATA + 3 * MIB] = 8  # beyond what the smaller one has
    one.digest()
    two.copy_from(one)
    assert two.read(0, 3) == b"abc"
    assert two.read(2 * MIB, 2) == b"\7\0"
    assert two.memory[DATA + 3 * MIB] == 0
    assert _taken(two) <= 64 << 10
    assert _taken(one) <= 64 << 10


def test_a_digest_is_of_the_data_alone(make: Callable[..., Region]) -> None:
    one, two = make(3 * MIB), make(3 * MIB, name="b")
    assert one.digest() == two.digest()
    one.memory[DATA + 3 * MIB] = 1
    assert one.digest() == two.digest()
    one.memory[DATA + 3 * MIB - 1] = 1
    assert one.digest() != two.digest()


def test_another_size_within_the_backing(make: Callable[..., Region]) -> None:
    region = make(1000)
    region.resize(2000)
    assert REGION.unpack(region.memory)["size"] == region.size == 2000
    with pytest.raises(ValueError, match="another region"):
        region.resize(MIB)


def test_closing_twice_is_closing_once(make: Callable[..., Region]) -> None:
    region = make()
    region.close()
    region.close()
    assert region.fd == -1


@pytest.mark.parametrize("size", [0, -1, (512 << 20) + 1])
def test_a_size_that_is_none(size: int) -> None:
    with pytest.raises(ValueError, match="no size"):
        RegionKind.AREA.backing(size)


def test_the_other_kinds_have_their_own_sizes(make: Callable[..., Region]) -> None:
    directory, control = make(0, RegionKind.DIRECTORY), make(0, RegionKind.CONTROL)
    assert (directory.backing, control.backing) == (MIB, NUMBERS["GW_CONTROL_BYTES"])
    assert REGION.unpack(control.memory)["size"] == 0
    assert RegionKind.DIRECT.backing(64) == MIB


def test_a_region_is_found_again_and_its_header_mended(make: Callable[..., Region]) -> None:
    region = make()
    region.memory[: REGION.size] = b"\xff" * REGION.size  # a guest may do that
    region.memory[DATA : DATA + 4] = b"data"
    again = adopt_region(region.row, os.dup(region.fd))
    assert again is not None
    assert REGION.unpack(again.memory)["name"] == "a"
    assert again.read(0, 4) == b"data"
    again.close()


def test_a_memory_that_is_another_is_not_taken_for_it(make: Callable[..., Region], tmp_path: Path) -> None:
    region, other = make(), make()
    unsealed = os.memfd_create(region.row.word, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.ftruncate(unsealed, MIB)
    found = os.fstat(unsealed)
    own = region.row.model_copy(update={"device": found.st_dev, "inode": found.st_ino})
    reading = region.reopen(write=False)
    cases = (
        (region.row, other.fd), (region.row, reading), (region.row, unsealed), (own, unsealed), (region.row, 10**6),
        (region.row.model_copy(update={"backing": 2 * MIB}), region.fd),
    )  # fmt: skip
    assert [adopt_region(row, fd) for row, fd in cases] == [None] * len(cases)
    os.close(reading)
    os.close(unsealed)


@pytest.mark.parametrize(("code", "raised"), [(errno.EMFILE, "REGION-FULL"), (errno.ENOMEM, "REGION-FULL")])
def test_a_kernel_without_room(code: int, raised: str) -> None:
    with pytest.raises(GuestwireError) as caught, no_room("a"):
        raise OSError(code, "no")
    assert caught.value.code == raised


def test_other_errors_of_the_kernel_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), no_room("a"):
        raise PermissionError(errno.EPERM, "no")


def test_the_word_of_a_region_says_which() -> None:
    assert read_region_word(region_word(16000, 2**63)) == (16000, 2**63)
    for text in ("", "gw-5", "gw-5-7 (deleted)", "gw--5-7", "gw-5-7\n", "gw-٣-7"):
        assert read_region_word(text) is None


def test_a_name_that_is_too_long_leaves_nothing_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    row = RegionRow(kind=2, name="x" * 72, size=1, backing=MIB, index=5, generation=7)
    with pytest.raises(ValueError, match="at most 71"):
        make_region(row)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
