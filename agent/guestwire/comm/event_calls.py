"""Events by an operation: the cloud (REMOTE) or a user of the host (HOST) signals, resets and waits, by the same rights as
everybody else."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from guestwire.comm import natives
from guestwire.comm.conversations import Conversations
from guestwire.comm.event_rows import Answer
from guestwire.comm.events import EventTable
from guestwire.comm.trust import party_of
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call, Now
from guestwire.shm.layouts import NUMBERS

_OK = NUMBERS["GW_OK"]
_SIGNAL, _WAIT = NUMBERS["GW_MAY_SIGNAL"], NUMBERS["GW_MAY_WAIT"]
_WHY = {
    NUMBERS["GW_NOT_FOUND"]: "NOT-FOUND",
    NUMBERS["GW_DENIED"]: "COMM-DENIED",
    NUMBERS["GW_NOT_STARTED"]: "COMM-NOT-STARTED",
    NUMBERS["GW_FULL"]: "EVENTS-EXHAUSTED",
    NUMBERS["GW_UNSUPPORTED"]: "UNSUPPORTED",
}


class EventCalls:
    """Operations event-signal, event-reset and event-wait. `native` gives the eventfd of an event between processes;
    `denied` hears who asked for what it may not; `serving` says whether the services run. All raise COMM-NOT-STARTED."""

    def __init__(
        self,
        table: EventTable,
        talks: Conversations,
        native: Callable[[str], int | None],
        denied: Callable[[str, str, str], None],
        serving: Callable[[], bool],
        clock: Callable[[], Now],
    ) -> None:
        self._serving = serving
        self._table = table
        self._talks = talks
        self._native = native
        self._denied = denied
        self._clock = clock

    def signal(self, call: Call) -> None:
        """Raises NOT-FOUND, COMM-DENIED, UNSUPPORTED (a direct event: nobody is in between)."""
        with self._opened(call, call.request.name, _SIGNAL) as (number, opened):
            if opened.flags & NUMBERS["GW_NATIVE"]:
                fd = self._native(call.request.name)
                if fd is not None:
                    natives.signal(fd)
            else:
                self._talks.deliver(self._table.set(number, opened.handle, self._clock()))

    def reset(self, call: Call) -> None:
        """Raises as `signal`."""
        with self._opened(call, call.request.name, _SIGNAL) as (number, opened):
            if opened.flags & NUMBERS["GW_NATIVE"]:
                fd = self._native(call.request.name)
                if fd is not None:
                    natives.take(fd)
            else:
                self._talks.deliver(self._table.reset(number, opened.handle, self._clock()))

    async def wait(self, call: Call) -> w.EventWaited:
        """Which of the events ended the wait; `name` None after the time. Raises as `signal`; also when the services stop, an
        event goes, or the right to wait for it."""
        asked: w.EventWait = call.request
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()
        names = tuple(dict.fromkeys(asked.names))
        handles: list[int] = []
        eventfds: list[int] = []
        number = self._talks.join(party_of(call), lambda answer: None if done.done() else done.set_result(answer))
        try:
            for place, name in enumerate(names):
                opened = self._open(call, number, name, _WAIT)
                handles.append(opened.handle)
                if opened.flags & NUMBERS["GW_NATIVE"] and (fd := self._native(name)) is not None:
                    eventfds.append(os.dup(fd))
                    won = Answer(number, _WAITING, _OK, value=place)
                    loop.add_reader(eventfds[-1], self._taken, eventfds[-1], name, won, done)
            self._talks.deliver(self._table.wait(number, _WAITING, handles, self._clock(), native=True))
            await asyncio.wait((done,), timeout=asked.timeout_s)  # it leaves the future alone: what came at last counts
        finally:
            for fd in eventfds:
                loop.remove_reader(fd)
                os.close(fd)
            self._talks.leave(number)
        ended = done.result() if done.done() else None
        if ended is not None and ended.code != _OK:
            raise _error(ended.code, names[ended.value])
        return w.EventWaited(name=None if ended is None else names[ended.value], at=self._clock().wall_ms)

    def _taken(self, fd: int, name: str, won: Answer, done: "asyncio.Future[Answer]") -> None:
        """A native event is set: an auto event is ours if nobody was faster, and then the wait takes no other one."""
        if not done.done() and (self._table.is_manual(name) or natives.take(fd)):
            self._talks.leave(won.peer)
            done.set_result(won)

    @contextmanager
    def _opened(self, call: Call, name: str, right: int) -> Iterator[tuple[int, Answer]]:
        number = self._talks.join(party_of(call), lambda _: None)
        try:
            yield number, self._open(call, number, name, right)
        finally:
            self._talks.leave(number)

    def _open(self, call: Call, number: int, name: str, right: int) -> Answer:
        if not self._serving():
            raise GuestwireError("COMM-NOT-STARTED")
        opened = self._table.open(number, 0, name, 0, self._clock())
        if opened.code == _OK and not opened.value & right:
            opened = opened._replace(code=NUMBERS["GW_DENIED"])
        if opened.code == NUMBERS["GW_DENIED"]:
            self._denied(call.asked_as, "wait" if right == _WAIT else "signal", name)
        if opened.code != _OK:
            raise _error(opened.code, name)
        return opened


_WAITING = 1


def _error(code: int, name: str) -> GuestwireError:
    why = _WHY.get(code, "INTERNAL")
    text = f"There is no event {name}: `event list` shows those there are." if why == "NOT-FOUND" else None
    return GuestwireError(why, text, field="name", detail={"event": name})
