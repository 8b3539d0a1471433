"""The communication services of a fake host: what tests put into it, answered by the operations of the table.

`areas`, `events`, ... are what is listed; `data` is what each area holds. `looked` hears each look, with the name of what is
looked at, before it is answered: there a test makes things happen. Waits and long looks are over at once.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from guestwire.link.clock import now
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call

Handler = Callable[[Call], Model]
ViewT = TypeVar("ViewT", bound=Any)


class FakeComm:
    """What a host answers about communication. `requests` are those that came, in order."""

    def __init__(self) -> None:
        self.status = w.CommStatus(
            state="running", instance=0xABC, started_at=1_700_000_000_000, document_hash="d" * 64
        )
        self.areas: list[w.AreaView] = []
        self.data: dict[str, bytearray] = {}
        self.events: list[w.EventView] = []
        self.queues: list[w.QueueView] = []
        self.locks: list[w.LockView] = []
        self.networks: list[w.NetView] = []
        self.requests: list[Any] = []
        self.looked: Callable[[str], None] = lambda _name: None

    def reads(self) -> dict[str, Handler]:
        """Operations without an effect."""
        return {
            "comm-status": lambda _: self.status,
            "area-list": lambda _: w.AreaList(areas=tuple(self.areas)),
            "area-show": lambda call: _one(self.areas, call),
            "area-dump": self._dump,
            "event-list": self._events,
            "event-show": lambda call: _one(self.events, call),
            "queue-list": lambda _: w.QueueList(queues=tuple(self.queues)),
            "queue-show": lambda call: _one(self.queues, call),
            "lock-list": lambda _: w.LockList(locks=tuple(self.locks)),
            "net-list": lambda _: w.NetList(networks=tuple(self.networks)),
            "net-show": lambda call: _one(self.networks, call),
        }

    def effects(self) -> dict[str, Handler]:
        """Operations with one."""
        return {
            "comm-start": lambda call: self._turn(call, "running"),
            "comm-stop": lambda call: self._turn(call, "stopped"),
            "comm-restart": lambda call: self._turn(call, "running"),
            "event-signal": lambda call: self._signal(call, signal=True),
            "event-reset": lambda call: self._signal(call, signal=False),
            "event-wait": self._wait,
            "lock-break": self._break,
        }

    def change(self, name: str, **fields: Any) -> w.EventView:
        """An event becomes another."""
        place = next(place for place, event in enumerate(self.events) if event.name == name)
        self.events[place] = self.events[place].model_copy(update=fields)
        return self.events[place]

    def _turn(self, call: Call, state: w.CommState) -> Model:
        self.requests.append(call.request)
        if self.status.peers and not getattr(call.request, "force", True):
            raise GuestwireError("COMM-GUESTS-ATTACHED")
        self.status = self.status.model_copy(update={"state": state})
        return self.status

    def _dump(self, call: Call) -> Model:
        asked: w.AreaDump = call.request
        self.requests.append(asked)
        self.looked(asked.name)
        if asked.name not in self.data:
            raise GuestwireError("NOT-FOUND", f"There is no memory area {asked.name}.")
        held = bytes(self.data[asked.name])
        return w.AreaBytes(
            name=asked.name, offset=asked.offset, data=held[asked.offset : asked.offset + asked.length],
            digest=hashlib.sha256(held).digest(), at=now().wall_ms,
        )  # fmt: skip

    def _events(self, _call: Call) -> Model:
        self.looked("")
        return w.EventList(events=tuple(self.events))

    def _signal(self, call: Call, *, signal: bool) -> Model:
        event: w.EventView = _one(self.events, call)
        if "REMOTE" not in event.signal:
            raise GuestwireError("COMM-DENIED", f"REMOTE may not signal {event.name}.")
        return self.change(event.name, set=signal, signals=event.signals + signal, last_by="REMOTE")

    def _wait(self, call: Call) -> Model:
        asked: w.EventWait = call.request
        self.requests.append(asked)
        self.looked(asked.names[0])
        found = next((event for event in self.events if event.name in asked.names and event.set), None)
        if found is not None and found.reset == "auto":
            self.change(found.name, set=False)
        return w.EventWaited(name=None if found is None else found.name, at=now().wall_ms)

    def _break(self, call: Call) -> Model:
        self.requests.append(call.request)
        lock: w.LockView = _one(self.locks, call)
        if lock.owner and not call.request.force:
            raise GuestwireError("LOCK-HELD", f"{lock.owner} holds {lock.name}, and lives.")
        freed = lock.model_copy(update={"owner": ""})
        self.locks[self.locks.index(lock)] = freed
        return freed


def _one(views: Sequence[ViewT], call: Call) -> ViewT:
    for view in views:
        if view.name == call.request.name:
            return view
    raise GuestwireError("NOT-FOUND", f"There is no {call.operation.name.partition('-')[0]} {call.request.name}.")
