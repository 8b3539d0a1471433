"""What the controller concludes of a host's being there: every way to be wrong about it, as rows of what happens and when."""

import pytest
from fleet_words import SITE, START, FakeClock, Speaker
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.fleet.sources import Sources
from guestwire.controller.fleet.standing import Standing
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach, Said

REF = HostRef(SITE, "h1")


class Stage:
    """One host, and the ways it is heard by. Steps of rows are its methods."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.host = Speaker(REF, self.clock)
        self.standing = Standing()
        self.sources = Sources()
        self.kept: dict[str, Said] = {}

    @property
    def state(self) -> str:
        return self.standing.state(self.sources.ways(REF), self.clock())

    def hear(self, said: Said) -> bool:
        return self.standing.receive(said.statement, self.clock(), retained=said.retained)

    def play(self, step: str) -> str:
        """A step: a word, or a number of seconds that go by. What is concluded after it."""
        word, _, rest = step.partition(" ")
        match word:
            case "up":
                self.sources.up(Reach(SITE), self.clock().mono)
            case "down":
                self.sources.down(Reach(SITE), self.clock().mono)
            case "direct-up":
                self.sources.up(Reach(SITE, "h1"), self.clock().mono)
            case "direct-down":
                self.sources.down(Reach(SITE, "h1"), self.clock().mono)
            case "beat":
                self.hear(self.host.heartbeat(retained=rest == "retained"))
            case "beats":  # as a living host does, for that many seconds
                for _ in range(int(rest) // 30):
                    self.clock.go(30)
                    self.hear(self.host.heartbeat())
            case "bye":
                self.hear(self.host.farewell())
            case "will":
                self.hear(self.host.will(retained=rest == "retained"))
            case "keep":
                self.kept[rest] = self.host.will() if rest == "will" else self.host.heartbeat()
            case "again":
                self.hear(self.kept[rest])
            case "reconnect":
                self.host.reconnect()
            case _:
                self.clock.go(float(word))
        return self.state


ROWS: tuple[tuple[str, str], ...] = (
    # what happens, separated by commas; what is concluded after the last step
    ("up", "offline"),
    ("10", "unknown"),
    ("up, beat", "online"),
    ("up, beat, 44", "online"),
    ("up, beat, 46", "suspect"),
    ("up, beat, 90", "offline"),
    ("up, beat, 46, beat", "online"),
    ("up, beat, bye", "offline"),
    ("up, beat, will", "suspect"),
    ("up, beat, will, 91", "offline"),
    ("up, beat, bye, will", "offline"),
    # stopped right after it connected: goodbye and the will of that connection, in either order, with or without a word before
    ("up, bye", "offline"),
    ("up, bye, will", "offline"),
    ("up, will, bye", "offline"),
    ("up, bye, will retained", "offline"),
    ("up, beat, reconnect, bye, will", "offline"),
    ("up, beat, reconnect, will, bye", "offline"),
    ("up, beat, reconnect, bye, will, 5, reconnect, beat", "online"),
    ("up, will", "suspect"),
    ("up, will, 91", "offline"),
    # a will is worth no more than the connection that it is of
    ("up, keep will, beat, reconnect, beat, again will", "online"),
    ("up, beat, will, reconnect, beat", "online"),
    ("up, beat, will, beat", "online"),
    ("up, beat, will, beat, will", "online"),
    ("up, beat, will, beat, will, 46", "suspect"),
    ("up, beat, will, beat, reconnect, beat, will", "suspect"),
    # old words that come again
    ("up, keep beat, beat, 46, again beat", "suspect"),
    ("up, keep beat, beat, bye, again beat", "offline"),
    ("up, keep beat, 3600, again beat", "offline"),
    # the way is lost: nobody knows, but not at once
    ("up, beat, down, 15", "online"),
    ("up, beat, 40, down, 10", "online"),
    ("up, beat, down, 21", "unknown"),
    ("up, beat, 60, down, 5", "suspect"),
    ("up, beat, bye, down, 21", "unknown"),
    ("up, beat, down, 15, up", "online"),
    # and back: silence counts from when somebody listened
    ("up, beat, down, 300, up", "unknown"),
    ("up, beat, down, 300, up, 89", "unknown"),
    ("up, beat, down, 300, up, 90", "offline"),
    ("up, beat, down, 300, up, beat", "online"),
    ("up, beat, bye, down, 300, up", "offline"),
    ("up, beat, down, 300, up, will", "suspect"),
    ("up, beat, down, 300, up, will retained, 30", "suspect"),
    # what the broker kept
    ("up, beat retained", "online"),
    ("up, keep beat, 86400, up, again beat", "unknown"),
    # a connection to the host itself
    ("direct-up", "online"),
    ("up, direct-up, beat, bye", "online"),
    ("direct-up, direct-down, 15", "offline"),
    ("direct-up, direct-down, 21", "unknown"),
    ("up, beat, direct-up, direct-down", "online"),
    ("up, beat, 100, direct-up, direct-down", "offline"),
    ("up, beat, down, 300, direct-up", "online"),
    # too many connections
    ("up, beat, reconnect, beat, reconnect, beat, reconnect, beat, reconnect, beat", "online"),
    ("up, beat, reconnect, beat, reconnect, beat, reconnect, beat, reconnect, beat, reconnect, beat", "flapping"),
    (
        "up, beat, reconnect, beat, reconnect, beat, reconnect, beat, reconnect, beat, reconnect, beat, beats 630",
        "online",
    ),
)


@pytest.mark.parametrize(("steps", "state"), ROWS)
def test_what_is_concluded(steps: str, state: str) -> None:
    stage = Stage()
    found = ""
    for step in steps.split(", "):
        found = stage.play(step)
    assert found == state


STEPS = st.sampled_from(
    ["up", "down", "beat", "bye", "will", "keep will", "keep beat", "again will", "again beat", "reconnect", "direct-up", "direct-down", "1", "31", "46", "95", "400", "will retained", "beat retained", "beats 60"]
)  # fmt: skip


@given(st.lists(STEPS, max_size=25))
def test_nothing_changes_by_time_alone_before_it_is_due(steps: list[str]) -> None:
    stage = Stage()
    stage.kept = {"will": stage.host.will(), "beat": stage.host.heartbeat()}
    for step in steps:
        stage.play(step)
    due = stage.standing.due(stage.sources.ways(REF), stage.clock())
    before = stage.state
    wait = min(due - stage.clock().mono, 2000.0)
    assert wait > 0
    stage.clock.go(wait - 0.01)
    assert stage.state == before


@given(st.lists(STEPS, max_size=25))
def test_a_way_that_is_lost_for_long_tells_nothing(steps: list[str]) -> None:
    stage = Stage()
    stage.kept = {"will": stage.host.will(), "beat": stage.host.heartbeat()}
    for step in (*steps, "down", "direct-down", "90"):
        stage.play(step)
    assert stage.state == "unknown"


@given(
    st.lists(
        st.sampled_from(["will", "again will", "keep will", "will retained", "keep beat", "again beat"]), max_size=12
    )
)
def test_no_will_hides_a_host_that_goes_on(lies: list[str]) -> None:
    """Whatever a broker makes of wills and old words: after the next heartbeat of a living host it is there, and it never counts
    as gone in between."""
    stage = Stage()
    for step in ("up", "keep beat", "keep will", "reconnect", "beat"):
        stage.play(step)
    for lie in lies:
        assert stage.play(lie) in ("online", "suspect")
    stage.clock.go(30)
    assert stage.play("beat") == "online"


@pytest.mark.parametrize(("epoch", "known"), [(1, 7), (6, 7), (7, None), (8, None)])
def test_a_host_that_counts_from_too_low_is_told(epoch: int, known: int | None) -> None:
    stage = Stage()
    stage.play("up")
    stage.host.reconnect(7)
    stage.hear(stage.host.heartbeat())
    stage.clock.go(5)
    stage.host.reconnect(epoch)
    said = stage.host.heartbeat()
    fresh = stage.hear(said)
    assert fresh == (epoch >= 7 and epoch != 7)
    if not fresh:
        assert stage.standing.behind(said.statement, stage.clock()) == known
        assert stage.standing.behind(said.statement, stage.clock()) is None, "not again at once"


def test_a_host_in_the_same_epoch_by_another_connection_counts_from_too_low_as_well() -> None:
    """Its disk was lost, and it has just as many connections behind it as the one before."""
    stage = Stage()
    stage.play("up")
    for _ in range(3):
        stage.clock.go(30)
        stage.hear(stage.host.heartbeat())
    stage.clock.go(5)
    stage.host.reconnect(1)
    repeated = stage.host.heartbeat()
    assert not stage.hear(repeated)
    assert stage.standing.behind(repeated.statement, stage.clock()) is None, "it may be the same one, heard late"
    stage.host.since += 1
    assert stage.standing.behind(stage.host.heartbeat().statement, stage.clock()) == 1


def test_old_words_tell_nobody_that_a_host_counts_from_too_low() -> None:
    stage = Stage()
    old, will = stage.host.heartbeat(), stage.host.will()
    stage.clock.go(5)
    stage.host.reconnect(7)
    stage.hear(stage.host.heartbeat())
    for said in (old, will):
        assert not stage.hear(said)
        assert stage.standing.behind(said.statement, stage.clock()) is None


def test_a_host_goes_on_from_what_was_known_before_a_restart() -> None:
    stage = Stage()
    stage.play("up")
    stage.host.reconnect(7)
    stage.hear(stage.host.heartbeat())
    body = stage.standing.last
    assert body is not None
    again = Standing()
    again.restore(body, stage.clock().mono - 20, stage.standing.said_at)
    assert again.epoch == 7
    assert again.state(stage.sources.ways(REF), stage.clock()) == "online"
    stage.host.reconnect(3)
    said = stage.host.heartbeat()
    assert not again.receive(said.statement, stage.clock(), retained=False)


@given(st.integers(-(10**12), 10**12))
def test_a_clock_that_is_years_off_makes_nobody_absent(skew_ms: int) -> None:
    """The first word of such a host may be an old one for all that can be known; the second one is not."""
    stage = Stage()
    stage.host.skew_ms = max(skew_ms, 1 - START.wall_ms)
    stage.play("up")
    assert stage.play("beat") != "offline"
    stage.clock.go(30)
    assert stage.play("beat") == "online"
