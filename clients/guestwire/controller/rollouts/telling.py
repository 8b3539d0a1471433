"""Tells those who watch how rollouts go: each at most twice a second, and the last word always."""

from collections.abc import Callable
from typing import Final

from guestwire.controller.feed import Change, Feed
from guestwire.controller.rollouts.keeping import Kept
from guestwire.controller.rollouts.views import counted, summary
from guestwire.protocol.steps import Now

EVERY_S: Final = 0.5


class Telling:
    """What is to be told, and when."""

    def __init__(self, feed: Feed, clock: Callable[[], Now]) -> None:
        self._feed = feed
        self._clock = clock
        self._waiting: dict[str, Kept] = {}
        self._told_at: dict[str, float] = {}

    def changed(self, kept: Kept) -> None:
        """Something of it changed, and is in the database."""
        self._waiting[kept.id] = kept
        self.tell()

    def tell(self) -> float | None:
        """Tell what may be told now; seconds until there is more. None: there is nothing more."""
        now = self._clock().mono
        for rollout_id, kept in tuple(self._waiting.items()):
            if now - self._told_at.get(rollout_id, float("-inf")) < EVERY_S and kept.course.standing.live:
                continue
            del self._waiting[rollout_id]
            self._publish(kept)
            if kept.course.standing.live:
                self._told_at[rollout_id] = now
            else:
                self._told_at.pop(rollout_id, None)
        return min((self._told_at[rollout_id] + EVERY_S - now for rollout_id in self._waiting), default=None)

    def gone(self, rollout_id: str) -> None:
        """It is there no more."""
        self._waiting.pop(rollout_id, None)
        self._told_at.pop(rollout_id, None)
        self._feed.publish(Change("rollout", rollout_id, None))

    def _publish(self, kept: Kept) -> None:
        if self._feed.watched:
            targets = kept.course.targets
            document = summary(kept.rollout, counted(targets.values())).model_dump()
            self._feed.publish(Change("rollout", kept.id, document, tuple(targets), no_host_yet=not targets))
