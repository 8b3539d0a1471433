"""How many drives are under way, in all and per host, and whether one more may begin. Pure."""

from collections import Counter
from dataclasses import dataclass

from guestwire.controller.host_ref import HostRef


@dataclass(frozen=True, slots=True)
class DriveLimits:
    """How much at once. `sending`: jobs that no host has accepted yet, in all and per host; `running`: those that hosts work on
    while somebody listens here."""

    sending: int = 256
    sending_per_host: int = 4
    running: int = 8_192
    running_per_host: int = 64


class InFlight:
    """Counts. A drive begins as one that sends, may be accepted once, and ends once."""

    def __init__(self, limits: DriveLimits) -> None:
        self._limits = limits
        self._sending: Counter[HostRef] = Counter()
        self._running: Counter[HostRef] = Counter()
        self.sending = 0
        self.running = 0

    @property
    def full(self) -> bool:
        """Whether no host may begin one more."""
        return self.sending >= self._limits.sending or self.sending + self.running >= self._limits.running

    def may(self, host: HostRef) -> bool:
        """Whether a drive to that host may begin, as far as that host goes."""
        sending = self._sending[host]
        begun = sending + self._running[host]
        return sending < self._limits.sending_per_host and begun < self._limits.running_per_host

    def begin(self, host: HostRef) -> None:
        self._sending[host] += 1
        self.sending += 1

    def accepted(self, host: HostRef) -> None:
        """The host has it."""
        self.end(host, accepted=False)
        self._running[host] += 1
        self.running += 1

    def end(self, host: HostRef, *, accepted: bool) -> None:
        """It is over. `accepted`: its host had it."""
        counter = self._running if accepted else self._sending
        counter[host] -= 1
        if not counter[host]:
            del counter[host]
        if accepted:
            self.running -= 1
        else:
            self.sending -= 1
