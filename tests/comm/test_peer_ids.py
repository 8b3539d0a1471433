import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.peer_ids import FIRST, PeerIds
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS


def test_ids_count_up_and_none_is_the_servers():
    ids = PeerIds()
    assert NUMBERS["GW_SERVER_PEER"] < FIRST == 2
    assert [ids.take(connection) for connection in range(5)] == [2, 3, 4, 5, 6]


def test_an_id_that_is_free_again_is_not_the_next():
    ids = PeerIds()
    first = ids.take(1)
    ids.gone(1)
    assert ids.take(2) == first + 1


def test_all_16_bits_are_used_and_then_it_begins_anew():
    ids = PeerIds()
    for connection in range(65534):
        peer = ids.take(connection)
        ids.gone(connection)
    assert peer == 65535
    assert ids.take(70000) == FIRST


def test_an_id_stays_taken_while_somebody_lives_who_was_told():
    ids = PeerIds(last=4)
    signaller, waiter = ids.take(1), ids.take(2)
    ids.seen(1, waiter)
    ids.gone(2)
    assert (signaller, waiter, ids.take(3)) == (2, 3, 4)
    with pytest.raises(GuestwireError) as refused:
        ids.take(4)
    assert refused.value.code == "PEERS-EXHAUSTED"
    ids.gone(1)
    assert {ids.take(5), ids.take(6)} == {2, 3}


def test_ids_go_round_past_those_that_are_taken():
    ids = PeerIds(last=5)
    ids.take(0)
    kept = ids.take(1)
    ids.gone(0)
    for connection in range(2, 100):
        assert ids.take(connection) != kept
        ids.gone(connection)


def test_who_was_told_what():
    ids = PeerIds()
    peer = ids.take(1)
    assert ids.has_seen(1, peer)
    assert not ids.has_seen(2, peer)
    ids.gone(1)
    ids.gone(1)
    assert not ids.has_seen(1, peer)


steps = st.lists(
    st.tuples(st.sampled_from(["connect", "tell", "leave"]), st.integers(0, 7), st.integers(0, 7)), max_size=80
)


@settings(max_examples=100)
@given(steps)
def test_no_living_connection_sees_an_id_twice(steps):
    ids, number, told = PeerIds(last=6), 0, {}
    for what, a, b in steps:
        living = sorted(told)
        if what == "connect":
            number += 1
            known = set().union(*told.values())
            try:
                peer = ids.take(number)
            except GuestwireError:
                assert known >= set(range(2, 7))
                continue
            assert peer not in known
            told[number] = {peer}
        elif living and what == "tell":
            teller, about = living[a % len(living)], living[b % len(living)]
            peer = min(told[about])
            ids.seen(teller, peer)
            told[teller].add(peer)
        elif living:
            ids.gone(living[a % len(living)])
            del told[living[a % len(living)]]
