"""Locks from Python: contention between real processes, and a holder that is killed."""

import pytest
from tests.support.guest_peers import ANSWER_S, Peers

from guestwire.guest.errors import GuestError
from guestwire.guest.locks import Held

pytest_plugins = ("tests.support.guest_fixtures",)

COUNTS = """
    lock, area = gw.lock_open({lock!r}), gw.region_open({area!r}, write=True)
    print("up")
    sys.stdin.readline()
    for _ in range(300):
        with lock.held(20):
            area.memory[0:4] = (int.from_bytes(area.memory[0:4], "little") + 1).to_bytes(4, "little")
    print("done")
"""
HOLDS = """
    lock = gw.lock_open({lock!r})
    lock.acquire(20)
    print("holds")
    sys.stdin.readline()
"""


@pytest.mark.parametrize(("guests", "lock", "area"), [(("a", "b"), "lock", "shared"), (("", ""), "robust", "hosts")])
def test_one_at_a_time(peers: Peers, guests: tuple[str, str], lock: str, area: str) -> None:
    code = COUNTS.format(lock=lock, area=area)
    with peers.open(guests[0]) as gw, gw.region_open(area, write=True) as region:
        region.memory[:4] = bytes(4)
        with peers.child(guests[0], code) as one, peers.child(guests[1], code) as other:
            assert (one.line(), other.line()) == ("up", "up")
            one.go_on()
            other.go_on()
            assert (one.line(), other.line()) == ("done", "done")
        assert int.from_bytes(region.memory[:4], "little") == 600


def test_a_lock_has_a_token_and_an_owner(peers: Peers) -> None:
    with peers.all("a", "b") as (a, b), a.lock_open("lock") as one, b.lock_open("lock") as other:
        assert one.owner == 0
        first = one.acquire()
        assert (one.token, one.owner, other.owner) == (first.token, a.peer, a.peer)
        assert other.try_acquire() is None
        with pytest.raises(GuestError, match="GW_TIMEOUT"):
            other.acquire(0.01)
        with pytest.raises(GuestError, match="GW_NOT_OWNER"):
            other.release()
        one.release()
        assert other.try_acquire() == Held(first.token + 1, owner_died=False)
        other.close()
        assert one.owner == 0
        with pytest.raises(GuestError, match="GW_NOT_OWNER"):
            _ = one.token


@pytest.mark.parametrize(("guest", "mine", "lock"), [("b", "a", "lock"), ("", "", "robust")])
def test_a_lock_of_a_holder_that_was_killed_goes_to_the_next(peers: Peers, guest: str, mine: str, lock: str) -> None:
    with peers.open(mine) as gw, gw.lock_open(lock) as waits:
        before = waits.acquire(ANSWER_S).token
        waits.release()
        with peers.child(guest, HOLDS.format(lock=lock)) as child:
            assert child.line() == "holds"
            assert waits.try_acquire() is None
            child.kill()
            assert waits.acquire(ANSWER_S) == Held(before + 2, owner_died=True)
        waits.release()
        with waits.held(1.0) as held:
            assert held == Held(before + 3, owner_died=False)


@pytest.mark.parametrize(("guest", "name", "code"), [("a", "nothing", "GW_NOT_FOUND"), ("a", "", "GW_INVALID")])
def test_what_is_not_given_is_refused(peers: Peers, guest: str, name: str, code: str) -> None:
    with peers.open(guest) as gw, pytest.raises(GuestError) as caught:
        gw.lock_open(name)
    assert caught.value.code == code
