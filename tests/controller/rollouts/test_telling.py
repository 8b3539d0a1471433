"""Those who watch hear of a rollout twice a second at most, and its end at once."""

from rollout_stage import order
from rollout_world import hosts

from guestwire.controller.feed import Feed
from guestwire.controller.rollouts.course import Course
from guestwire.controller.rollouts.keeping import Kept
from guestwire.controller.rollouts.standing import Standing, Target
from guestwire.controller.rollouts.telling import EVERY_S, Telling
from guestwire.controller.store.rollouts import Rollout
from guestwire.protocol.steps import Now


class Clock:
    mono = 100.0

    def __call__(self):
        return Now(0, self.mono)


def kept(state, targets=2):
    standing = Standing(state)
    rollout = Rollout("r1", order(), "p", "anna", 0, standing)
    return Kept(rollout, Course(order(), standing, [Target(host) for host in hosts(targets)]))


def told(watcher):
    found = list(watcher._waiting.values())
    watcher.begin()
    return [change.document["state"] for change in found]


def test_progress_is_told_now_and_then_and_the_end_at_once():
    feed, clock = Feed(), Clock()
    telling = Telling(feed, clock)
    with feed.subscribe() as watcher:
        telling.changed(kept("running"))
        assert told(watcher) == ["running"]
        clock.mono += EVERY_S - 0.1
        telling.changed(kept("paused"))
        assert told(watcher) == []
        assert abs(telling.tell() - 0.1) < 1e-6
        clock.mono += 0.2
        assert telling.tell() is None
        assert told(watcher) == ["paused"]
        telling.changed(kept("finished"))
        assert told(watcher) == ["finished"]


def test_a_rollout_without_hosts_is_not_for_everybody():
    feed = Feed()
    telling = Telling(feed, Clock())
    for targets in (0, 2):
        with feed.subscribe() as watcher:
            telling.changed(kept("draft" if targets == 0 else "finished", targets))
            (change,) = watcher._waiting.values()
        assert (len(change.hosts), change.no_host_yet) == (targets, targets == 0)


def test_what_nobody_watches_is_not_made():
    telling = Telling(Feed(), Clock())
    broken = kept("running")
    broken.course.targets = None
    telling.changed(broken)
