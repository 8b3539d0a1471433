"""The guest table: events in, states and transitions out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import Changed, Gone, GuestEvent, Lost, Observed, PowerState, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, ReadyWhen

UUIDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]


def observed(
    n: int = 1, state: PowerState = "stopped", *, ready_when: ReadyWhen | None = None, agent: bool = False
) -> Observed:
    guest = Guest(name=f"g{n}", id=f"GUEST000{n}", uuid=UUIDS[n], ready_when=ready_when or ReadyWhen())
    return Observed(guest, state, agent_connected=agent)


def table(*guests: Observed) -> GuestTable:
    made = GuestTable()
    made.apply(Resynced(1, guests), 1)
    return made


def state(made: GuestTable, n: int = 1) -> str:
    row = made.by_uuid(UUIDS[n])
    assert row is not None
    return row.status.state


AGENT = ReadyWhen(by="guest_agent")
TEXT = ReadyWhen(by="console_text", text="up")


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (observed(state="stopped"), observed(state="running"), "running"),
        (observed(state="running"), observed(state="paused"), "paused"),
        (observed(state="running"), observed(state="crashed"), "crashed"),
        (observed(state="running"), observed(state="stopping"), "stopping"),
        (observed(ready_when=AGENT), observed(state="running", ready_when=AGENT, agent=True), "ready"),
        (observed(ready_when=AGENT), observed(state="running", ready_when=AGENT), "running"),
        (observed(ready_when=TEXT), observed(state="running", ready_when=TEXT, agent=True), "running"),
        (observed(), observed(state="running", agent=True), "running"),
    ],
)
def test_the_state_follows_the_hypervisor(first: Observed, then: Observed, expected: str) -> None:
    made = table(first)
    made.apply(Changed(1, 5, then), 5)
    assert state(made) == expected


def test_a_transition_says_from_what_to_what_and_when() -> None:
    made = table(observed())
    (change,) = made.apply(Changed(1, 5, observed(state="running")), 9)
    assert (change.guest.name, change.before, change.after, change.at, change.source) == (
        "g1", "stopped", "running", 5, "event",
    )  # fmt: skip
    assert made.apply(Changed(1, 6, observed(state="running")), 9) == [], "nothing changed, nothing is told"


def test_starting_lasts_until_the_power_is_on() -> None:
    made = table(observed())
    made.starting(UUIDS[1], 2)
    assert state(made) == "starting"
    made.apply(Changed(1, 3, observed(state="running")), 3)
    assert state(made) == "running"
    made.apply(Changed(1, 4, observed(state="stopped")), 4)
    assert state(made) == "stopped"


def test_a_start_that_failed_shows_the_guest_as_it_is() -> None:
    made = table(observed())
    made.starting(UUIDS[1], 2)
    made.start_ended(UUIDS[1], 3)
    assert state(made) == "stopped"


def test_a_reboot_and_a_stop_take_ready_away_a_pause_does_not() -> None:
    made = table(observed(state="running", ready_when=TEXT))
    made.proven_ready(UUIDS[1], 2)
    assert state(made) == "ready"
    made.apply(Changed(1, 3, observed(state="paused", ready_when=TEXT)), 3)
    made.apply(Changed(1, 4, observed(state="running", ready_when=TEXT)), 4)
    assert state(made) == "ready"
    made.apply(Changed(1, 5, observed(state="running", ready_when=TEXT), rebooted=True), 5)
    assert state(made) == "running"
    made.proven_ready(UUIDS[1], 6)
    made.apply(Changed(1, 7, observed(state="stopped", ready_when=TEXT)), 7)
    made.apply(Changed(1, 8, observed(state="running", ready_when=TEXT)), 8)
    assert state(made) == "running"


def test_evidence_of_readiness_from_a_guest_that_does_not_run_counts_for_nothing() -> None:
    made = table(observed(ready_when=TEXT))
    assert made.proven_ready(UUIDS[1], 2) == []
    assert made.proven_ready(UUIDS[3], 2) == []
    assert state(made) == "stopped"


def test_a_lost_connection_makes_every_state_unknown_until_all_is_listed_again() -> None:
    made = table(observed(1, "running"), observed(2))
    changes = made.apply(Lost(1, "libvirtd stopped"), 5)
    assert [(c.before, c.after) for c in changes] == [("running", "unknown"), ("stopped", "unknown")]
    assert not made.connected
    changes = made.apply(Resynced(2, (observed(1, "stopped"), observed(3))), 9)
    assert [(c.guest.name, c.before, c.after, c.source) for c in changes] == [
        ("g2", "unknown", None, "poll"),
        ("g1", "unknown", "stopped", "poll"),
        ("g3", None, "stopped", "poll"),
    ]
    assert (made.connected, made.epoch) == (True, 2)


def test_a_guest_that_was_ready_before_the_connection_went_must_show_it_again() -> None:
    made = table(observed(state="running", ready_when=TEXT))
    made.proven_ready(UUIDS[1], 2)
    made.apply(Lost(1, "gone"), 3)
    made.apply(Resynced(2, (observed(state="running", ready_when=TEXT),)), 4)
    assert state(made) == "running"


def test_guests_are_found_by_identifier_name_and_uuid() -> None:
    made = table(observed(1), observed(2))
    assert made.find("GUEST0002").uuid == UUIDS[2]
    assert made.find("g1").uuid == UUIDS[1]
    assert made.find(UUIDS[1]).guest.name == "g1"
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        made.find("GUEST0009")


def test_guests_that_other_tools_made_come_last() -> None:
    foreign = Observed(Guest(name="aaa", uuid=UUIDS[3]), "stopped")
    assert [row.guest.name for row in table(foreign, observed(2), observed(1)).rows()] == ["g1", "g2", "aaa"]


events = st.lists(
    st.one_of(
        st.builds(
            lambda n, s, r: Changed(1, 1, observed(n, s), r),
            st.integers(0, 3),
            st.sampled_from(["stopped", "running", "paused", "stopping", "crashed"]),
            st.booleans(),
        ),
        st.builds(lambda n: Gone(1, 1, UUIDS[n]), st.integers(0, 3)),
        st.just(Lost(1, "x")),
        st.builds(lambda ns: Resynced(2, tuple(observed(n, "running") for n in ns)), st.sets(st.integers(0, 3))),
    ),
    max_size=30,
)


@given(events)
def test_transitions_tell_the_whole_story(history: list[GuestEvent]) -> None:
    """Whoever follows the transitions alone knows the same states as the table."""
    made = GuestTable()
    followed: dict[str, str] = {}
    for event in history:
        for change in made.apply(event, 1):
            uuid = change.guest.uuid
            assert uuid is not None
            assert followed.get(uuid) == change.before
            if change.after is None:
                del followed[uuid]
            else:
                followed[uuid] = change.after
    assert followed == {row.uuid: row.status.state for row in made.rows()}
