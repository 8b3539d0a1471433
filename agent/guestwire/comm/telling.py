"""What guestwire-comm tells of what happens: to the agent, which follows `Happenings`, and to its own log."""

import asyncio
from collections.abc import Callable
from typing import Any

from guestwire.comm.denials import Denials
from guestwire.comm.happenings import Happenings
from guestwire.comm.ways import Way
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Now


class Telling:
    """Who follows waits here for what is new. `async with` it: what happened again is told by a timer of its own.

    `on_talking` is called with each way that said HELLO, `on_peers` whenever somebody came or went."""

    def __init__(self, log_id: bytes, log: Any, clock: Callable[[], Now]) -> None:
        self._log = log
        self._clock = clock
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._denials = Denials()
        self.on_talking: Callable[[Way], None] = _nobody
        self.on_peers: Callable[[], None] = _nobody
        self.happenings = Happenings(log_id, on_new=self._new)

    async def __aenter__(self) -> "Telling":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def happened(self, kind: str, **fields: Any) -> None:
        """Something of `Happening` happened, now."""
        self.add(kind, self._clock(), **fields)

    def add(self, kind: str, at: Now, **fields: Any) -> None:
        """Something happened at that time."""
        self.happenings.add(kind, at, **fields)
        self._arm()

    async def follow(self, asked: w.CommFollow) -> w.Happenings:
        """What came after; waits up to `wait_s` for the first of it."""
        end = self._clock().mono + asked.wait_s
        while True:
            self._news.clear()
            found = self.happenings.since(asked.log, asked.seq)
            left = end - self._clock().mono
            if found.happenings or found.missed or left <= 0:
                return found
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                continue

    # -- conversation_ports.Audit, storms.Told

    def denied(self, party: str, what: str, name: str, count: int = 1) -> None:
        shown = self._denials.shown(party, name, self._clock().mono)
        self.happened("denied", guest=party, name=shown, code="COMM-DENIED", text=what, level="warning", count=count)

    def done(self, kind: str, asked_as: str, name: str) -> None:
        """Somebody who is not on this host did something to an event or a lock."""
        self._log.info(f"from afar: {kind}", by=asked_as, name=name)
        self.happened(kind, guest=asked_as, name=name)

    def throttled(self, party: str, times: int) -> None:
        self._log.warning("a peer asks faster than it may", guest=party, times=times)
        self.happened("throttled", guest=party, code="COMM-THROTTLED", level="warning", count=times)

    def calm(self, party: str, times: int) -> None:
        self._log.info("a peer asks no faster than it may", guest=party, times=times)
        self.happened("calm", guest=party, code="COMM-THROTTLED", count=times)

    def talking(self, way: Way) -> None:
        self.on_talking(way)
        self.on_peers()

    def defect(self, what: str, error: BaseException) -> None:
        self._log.error("a defect", operation=what, exc_info=error)

    def ready(self, party: str) -> None:
        self.happened("ready", guest=party)

    def attached(self, party: str, way: str) -> None:
        self._log.info("attached", guest=party, way=way)
        self.happened("attached", guest=party, name=way)
        self.on_peers()

    def detached(self, party: str, way: str) -> None:
        self._log.info("detached", guest=party, way=way)
        self.happened("detached", guest=party, name=way)
        self.on_peers()

    def reaped(self, party: str, lock: str) -> None:
        self._log.warning("a lock was freed: its holder is gone", guest=party, lock=lock)
        self.happened("reaped", guest=party, name=lock, level="warning")

    def _new(self) -> None:
        self._news.set()

    def _arm(self) -> None:
        """What was held back as the same again is told when its second is over."""
        if self._timer is not None:
            return
        left = self.happenings.flush(self._clock())
        if left is not None:
            self._timer = asyncio.get_running_loop().call_later(left, self._again)

    def _again(self) -> None:
        self._timer = None
        self._arm()


def _nobody(*_: object) -> None:
    """Nobody listens yet."""
