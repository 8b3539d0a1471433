"""What the broker has still to be told, and when: to read its files again, or to start anew. Decides without I/O."""

from typing import Literal

from guestwire.site.broker_config import Action

Due = Literal["reload", "restart"]
FIRST_AGAIN_S = 1.0
LONGEST_AGAIN_S = 15.0
_WEIGHT: dict[Action, int] = {"nothing": 0, "reload": 1, "restart": 2}


class BrokerDuty:
    """Times in monotonic seconds. It begins with a reload: nobody knows what the broker has read. `restarts`: whether
    somebody here can start it anew; else a reload is done in its place, and `by_hand` says that a person has to."""

    def __init__(self, now: float, *, restarts: bool) -> None:
        self._restarts = restarts
        self._owed: Action = "reload"
        self._at = now
        self._failures = 0

    def written(self, action: Action, now: float) -> None:
        """Files changed, and this is what the broker needs for it. It is told at once, whatever failed before."""
        if action == "nothing":
            return
        if _WEIGHT[action] > _WEIGHT[self._owed]:
            self._owed = action
        self._at = now

    def by_hand(self, action: Action) -> bool:
        return action == "restart" and not self._restarts

    def due(self, now: float) -> Due | None:
        """What to do now."""
        if self._owed == "nothing" or now < self._at:
            return None
        return "restart" if self._owed == "restart" and self._restarts else "reload"

    def done(self) -> None:
        """The broker was told."""
        self._owed = "nothing"
        self._failures = 0

    def failed(self, now: float) -> None:
        """It was not: again later."""
        self._at = now + min(FIRST_AGAIN_S * 2**self._failures, LONGEST_AGAIN_S)
        self._failures = min(self._failures + 1, 10)
