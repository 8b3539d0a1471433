"""Queues and locks as the operations show them, and the lock that a person breaks."""

from collections.abc import Callable

from guestwire.comm.contents import lock_view, queue_view
from guestwire.comm.conversations import Conversations
from guestwire.comm.holdings import Holdings
from guestwire.comm.placement import PlacedLock
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call


class ContentCalls:
    """Operations queue-list, queue-show, lock-list and lock-break. `break_lock(name, force)` lets a lock go."""

    def __init__(self, holdings: Holdings, talks: Conversations, break_lock: Callable[[str, bool], None]) -> None:
        self._holdings = holdings
        self._talks = talks
        self._break = break_lock

    def queues(self, _call: Call) -> w.QueueList:
        regions, held = self._holdings.areas(), self._holdings.held
        return w.QueueList(
            queues=tuple(
                queue_view(queue, held.placements, regions.get(queue.area))
                for queue in sorted(held.document.queues, key=lambda queue: queue.name)
            )
        )

    def queue(self, call: Call) -> w.QueueView:
        """Raises NOT-FOUND."""
        held, name = self._holdings.held, call.request.name
        found = next((queue for queue in held.document.queues if queue.name == name), None)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"There is no queue {name}.", field="name")
        return queue_view(found, held.placements, self._holdings.areas().get(found.area))

    def locks(self, _call: Call) -> w.LockList:
        locks = sorted(self._holdings.held.placements.locks, key=lambda lock: lock.name)
        return w.LockList(locks=tuple(view for lock in locks if (view := self._lock(lock)) is not None))

    def break_lock(self, call: Call) -> w.LockView:
        """Raises NOT-FOUND, UNSUPPORTED, LOCK-HELD."""
        asked: w.LockBreak = call.request
        self._break(asked.name, asked.force)
        found = next((lock for lock in self._holdings.held.placements.locks if lock.name == asked.name), None)
        view = None if found is None else self._lock(found)
        if view is None:
            raise GuestwireError("NOT-FOUND", f"There is no lock {asked.name}.", field="name")
        return view

    def _lock(self, lock: PlacedLock) -> w.LockView | None:
        region = self._holdings.areas().get(lock.area)
        if region is None:
            return None
        return lock_view(lock, region, {talk.number: talk.way.party for talk in self._talks.all})
