"""Presence beyond the conformance cases: any loss, duplication and reordering."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol.presence import OFFLINE_S, WILL_N, HostPresence, PresenceBody, SeenHost, epoch_for_connect
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import Statement, read
from guestwire.protocol.steps import Now

KEY = SigningKey(bytes([1] * 32))
NOW = Now(1_800_000_000_000, 100.0)


def host(epoch: int) -> HostPresence:
    return HostPresence("plant", "h1", KEY, epoch, "boot", "0.1", NOW)


def heard(frame: bytes) -> Statement:
    return read(frame, None, "plant", "host:h1", "presence", NOW)._replace(verified=True)


def test_what_a_heartbeat_says() -> None:
    presence = host(7)
    presence.capabilities_hash = bytes(32)
    body = heard(presence.heartbeat(NOW)).read(PresenceBody)
    assert (body.epoch, body.n, body.online, body.since, body.boot_id) == (7, 1, True, NOW.wall_ms, "boot")
    assert body.capabilities_hash == bytes(32)
    will = heard(presence.will(NOW)).read(PresenceBody)
    assert (will.n, will.online, will.why) == (WILL_N, False, "will")
    bye = heard(presence.farewell("maintenance", NOW, back_by=9)).read(PresenceBody)
    assert (bye.n, bye.online, bye.why, bye.back_by) == (2, False, "maintenance", 9)


@given(st.lists(st.integers(0, 8), max_size=40))
def test_in_any_order_the_last_word_counts(order: list[int]) -> None:
    frames = []
    for epoch in (1, 2, 3):
        presence = host(epoch)
        frames += [presence.heartbeat(NOW), presence.heartbeat(NOW), presence.will(NOW)]
    statements = [heard(frame) for frame in frames]
    seen = SeenHost()
    for index in order:
        seen.receive(statements[index], NOW, retained=False)
    if not order:
        assert seen.last is None
        return
    last = statements[max(order)].read(PresenceBody)
    assert seen.last == last
    assert (seen.state(NOW) == "online") == last.online


def test_what_nobody_signed_gives_way_to_what_was_signed() -> None:
    """Of a host whose key is not known here there may be both."""
    seen, signed = SeenHost(), heard(host(1).heartbeat(NOW))
    invented = heard(host(1_000_000).farewell("stopped", NOW))._replace(verified=False)
    assert seen.receive(invented, NOW, retained=False)
    assert (seen.verified, seen.state(NOW)) == (False, "offline")
    assert seen.receive(signed, NOW, retained=False)
    assert (seen.verified, seen.state(NOW)) == (True, "online")
    assert not seen.receive(invented, NOW, retained=False)
    assert (seen.verified, seen.state(NOW)) == (True, "online")


@pytest.mark.parametrize("retained", [False, True])
def test_one_old_heartbeat_makes_nobody_present(retained: bool) -> None:
    """Somebody on the way may give it again, hours later, as if it were said now."""
    seen, hours_later = SeenHost(), Now(NOW.wall_ms + 3 * 3_600_000, NOW.mono)
    seen.receive(heard(host(1).heartbeat(NOW)), hours_later, retained=retained)
    assert seen.state(hours_later) == "offline"


@given(st.floats(0, 1000), st.booleans(), st.integers(-10_000_000, 10_000_000))
def test_a_host_that_was_never_silent_is_never_offline(gap: float, retained: bool, skew_ms: int) -> None:
    """Heartbeats every 30 s with the retain flag and any clock: after the second one the host is there."""
    presence, seen = host(1), SeenHost()
    for beat in range(5):
        said_at = Now(NOW.wall_ms + skew_ms + beat * 30_000, 0.0)
        at = Now(NOW.wall_ms + beat * 30_000, 100.0 + beat * 30)
        seen.receive(heard(presence.heartbeat(said_at)), at, retained=retained)
        if beat:
            assert seen.state(at) in ("online", "suspect")
    assert seen.state(at) == "online"
    later = Now(at.wall_ms, at.mono + OFFLINE_S + gap)
    assert seen.state(later) == "offline"


@given(st.integers(0, 1 << 40), st.none() | st.integers(0, 1 << 40), st.none() | st.integers(0, 1 << 40))
def test_the_next_epoch_is_above_all(disk: int, retained: int | None, known: int | None) -> None:
    epoch = epoch_for_connect(disk, retained, known)
    assert epoch > disk
    assert epoch > (retained or 0)
    assert epoch > (known or 0)


def test_a_host_counts_its_echoes() -> None:
    presence = host(3)
    body = heard(presence.heartbeat(NOW)).read(PresenceBody)
    assert presence.echoed_at is None
    assert presence.heard(body, Now(0, 7.0)) == "echo"
    assert (presence.echoes, presence.echoed_at) == (1, 7.0)
    assert host(4).heard(body, NOW) == "correct"
    assert host(2).heard(body, NOW) == "conflict"


def test_another_agent_on_the_same_machine_in_the_same_epoch_is_a_conflict() -> None:
    """It has the same boot id; only the moment its connection began tells them apart."""
    one = HostPresence("plant", "h1", KEY, 7, "boot", "0.1", NOW)
    other = HostPresence("plant", "h1", KEY, 7, "boot", "0.1", Now(NOW.wall_ms + 3, NOW.mono))
    assert one.heard(heard(other.heartbeat(NOW)).read(PresenceBody), NOW) == "conflict"
    assert one.heard(heard(one.heartbeat(NOW)).read(PresenceBody), NOW) == "echo"
