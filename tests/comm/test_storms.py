"""One bucket for all ways of a guest, and a storm that is told when it begins and when it is over."""

from collections.abc import Callable

from guestwire.comm.storms import MAX_GUESTS, Storms
from guestwire.comm.throttle import WINDOW_S, Throttle
from guestwire.protocol.steps import Now


class Scene:
    """A clock that is set, and timers that go off when it is."""

    def __init__(self) -> None:
        self.mono = 0.0
        self.told: list[tuple[str, str, int]] = []
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.storms = Storms(lambda: Throttle(100, 100), self, lambda: Now(wall_ms=0, mono=self.mono), self.later)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        self._timers.append((self.mono + seconds, what))

    def throttled(self, party: str, times: int) -> None:
        self.told.append(("throttled", party, times))

    def calm(self, party: str, times: int) -> None:
        self.told.append(("calm", party, times))

    def pass_by(self, seconds: float) -> None:
        end = self.mono + seconds
        while due := [timer for timer in self._timers if timer[0] <= end]:
            timer = min(due, key=lambda timer: timer[0])
            self._timers.remove(timer)
            self.mono = timer[0]
            timer[1]()
        self.mono = end

    def flood(self, party: str, seconds: float) -> int:
        bucket, paused, end = self.storms.bucket(party), 0, self.mono + seconds
        while self.mono < end:
            pause = self.storms.take(bucket, party, 10, Now(wall_ms=0, mono=self.mono))
            paused += pause > 0
            self.pass_by(pause + 0.001)
        return paused

    @property
    def timers(self) -> int:
        return len(self._timers)


def test_a_storm_is_told_when_it_begins_and_when_it_is_over() -> None:
    scene = Scene()
    paused = scene.flood("bad", 5.0)
    ((kind, party, times),) = scene.told
    assert (kind, party) == ("throttled", "bad")
    assert 1 <= times <= paused
    scene.pass_by(WINDOW_S + 2)
    assert scene.told[1:] == [("calm", "bad", paused)]
    assert scene.timers == 0  # nobody is looked at who makes no storm
    again = scene.flood("bad", 5.0)
    scene.pass_by(WINDOW_S + 2)
    assert [kind for kind, _, _ in scene.told[2:]] == ["throttled", "calm"]
    assert scene.told[3] == ("calm", "bad", again)  # of this storm alone


def test_who_obeys_makes_no_storm() -> None:
    scene = Scene()
    bucket = scene.storms.bucket("good")
    for _ in range(1000):
        assert scene.storms.take(bucket, "good", 1, Now(wall_ms=0, mono=scene.mono)) == 0.0
        scene.pass_by(0.01)
    assert scene.told == []


def test_the_ways_of_a_guest_share_a_bucket_also_after_it_came_again() -> None:
    storms = Scene().storms
    assert storms.bucket("a") is storms.bucket("a")
    assert storms.bucket("a") is not storms.bucket("b")
    assert storms.own_bucket() is not storms.own_bucket()


def test_guests_that_went_are_forgotten_in_the_end() -> None:
    storms = Scene().storms
    first = storms.bucket("first")
    kept = storms.bucket("kept")
    for n in range(MAX_GUESTS):
        storms.bucket(f"guest-{n}")
        storms.bucket("kept")
    assert storms.bucket("first") is not first
    assert storms.bucket("kept") is kept
