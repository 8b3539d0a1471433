"""Memory areas from Python, by name and by access mode, between real processes."""

import ctypes

import pytest
from tests.support.guest_peers import Peers

from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError
from guestwire.guest.regions import Region

pytest_plugins = ("tests.support.guest_fixtures",)


def test_what_one_guest_writes_another_process_reads(peers: Peers) -> None:
    with peers.open("a") as a, a.region_open("shared", write=True) as area:
        area.memory[:5] = b"hello"
        reader = """
            with gw.region_open("shared") as area:
                print(bytes(area.memory[:5]).decode(), area.memory.readonly, area.size, area.writable)
        """
        with peers.child("c", reader) as child:
            assert child.line() == f"hello True {area.size} False"


def test_each_guest_has_its_own_list(peers: Peers) -> None:
    with peers.all("a", "c", "") as (a, c, host):
        assert {info.name: info.writable for info in a.region_list()} == {"shared": True, "apart": True}
        assert {info.name: info.writable for info in c.region_list()} == {"shared": False}
        assert {info.name for info in host.region_list()} == {"shared", "hosts"}
        assert all(info.readable and info.generation and info.index for info in a.region_list())


@pytest.mark.parametrize(
    ("guest", "name", "write", "code"),
    [
        ("c", "shared", True, "GW_DENIED"),
        ("c", "apart", False, "GW_NOT_FOUND"),
        ("a", "nothing", False, "GW_NOT_FOUND"),
        ("a", "", False, "GW_INVALID"),
        ("a", "x" * 200, False, "GW_INVALID"),
        ("a", "shared\0", False, "GW_INVALID"),
    ],
)
def test_what_is_not_given_is_refused(peers: Peers, guest: str, name: str, write: bool, code: str) -> None:
    with peers.open(guest) as gw, pytest.raises(GuestError) as caught:
        gw.region_open(name, write=write)
    assert caught.value.code == code


def test_what_is_read_only_cannot_be_written(peers: Peers) -> None:
    with peers.open("c") as c, c.region_open("shared") as area, pytest.raises(TypeError, match="read-only"):
        area.memory[0] = 1


def closed(gw: Connection) -> tuple[Region, memoryview]:
    area = gw.region_open("shared", write=True)
    piece = area.memory[16:20]
    area.close()
    return area, piece


def test_a_view_outlives_its_region(peers: Peers) -> None:
    """A closed region is no fault of the process: what still looks at it keeps it mapped."""
    with peers.open("a") as a:
        area, piece = closed(a)
        piece[:] = b"last"
        assert bytes(piece) == b"last"
        with pytest.raises(ValueError, match="released"):
            area.memory[0]
        assert area.closed
        assert area.generation == 0
        with pytest.raises(GuestError, match="GW_CLOSED"):
            area.check()
    assert bytes(piece) == b"last"


def test_an_array_over_an_area_outlives_it(peers: Peers) -> None:
    with peers.open("a") as a:
        with a.region_open("shared", write=True) as area:
            numbers = (ctypes.c_uint32 * 4).from_buffer(area.memory, 64)
        numbers[0] = 7
        with a.region_open("shared") as area:
            assert area.memory[64] == 7


def test_a_region_is_checked(peers: Peers) -> None:
    with peers.open("a") as a, a.region_open("shared", write=True) as area:
        area.check()
        assert area.generation == next(info.generation for info in a.region_list() if info.name == "shared")
