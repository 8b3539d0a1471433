"""How far the host's clock is from the clocks of those who sign requests. It decides nothing but what to say of it.

Only requests that are proven fresh count (they answered a challenge of this process): of others a broker could have kept some
back, and the host's clock would seem to be ahead. PROTOCOL, Time.
"""

from collections import OrderedDict
from collections.abc import Callable

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import Log
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import SKEW_MS
from guestwire.protocol.steps import Now

SIGNERS = 16
TELL_EVERY_S = 3600.0


class ClockSkew:
    """Who owns it gives it what the executor heard, and asks `to_tell` now and then."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()
        self._told_at: float | None = None

    def heard(self, issuer: str, issued_at_ms: int, at: Now) -> None:
        """A fresh request with a good signature. One signer, whose clock or key may be bad, has one voice."""
        self._last[issuer] = issued_at_ms - round(at.mono * 1000)  # not by the wall clock: that may be set meanwhile
        self._last.move_to_end(issuer)
        if len(self._last) > SIGNERS:
            self._last.popitem(last=False)

    def estimate_ms(self, at: Now) -> int | None:
        """How much later it is by the signers' clocks than by the host's: the median of what each said last. None before
        anybody was heard."""
        if not self._last:
            return None
        said = sorted(self._last.values())
        return said[(len(said) - 1) // 2] - (at.wall_ms - round(at.mono * 1000))

    def to_tell(self, at: Now) -> int | None:
        """The estimate when it is more than clocks may differ, at most once an hour."""
        estimate = self.estimate_ms(at)
        if estimate is None or abs(estimate) <= SKEW_MS:
            return None
        if self._told_at is not None and at.mono - self._told_at < TELL_EVERY_S:
            return None
        self._told_at = at.mono
        return estimate


def skew_alarm(log: Log, announcer: Announcer) -> Callable[[int], None]:
    """Says an estimate: to the log, and as an alarm."""

    def say(skew_ms: int) -> None:
        where = "behind" if skew_ms > 0 else "ahead of"
        text = f"The host's clock is {abs(skew_ms) // 1000} s {where} the clocks of those who sign requests."
        error = GuestwireError("CLOCK-UNSYNCHRONISED")
        log.warning("clock skew", skew_ms=skew_ms)
        announcer.notice("alarm", event="clock-skew", text=text, code=error.code, remedy=error.remedy)

    return say
