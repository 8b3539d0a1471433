"""What takes effect when a guest is next started: changes of running guests that nobody wanted to restart.

A revision says what waited when it was made. What waits no more, because its guest was off since, is in a note beside it.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from guestwire.agent.services.configuration.active import Active, Kept, unpack_kept
from guestwire.agent.services.configuration.ports import Power, Records
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import PlanItem

NOTE = "config-started"
"""The plan of the document that says what waits, and the guests that were off since, a line each."""

Items = tuple[PlanItem, ...]


class Waits:
    """Call `load` first. `moved` is called when there is something to `keep`."""

    def __init__(
        self,
        records: Records,
        active: Active,
        power: Power,
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
    ) -> None:
        self._records = records
        self._active = active
        self._power = power
        self._note = note
        self._set_note = set_note
        self._items: Items = ()
        self._before: Items = ()
        """Of the revision that a change under way may go back to."""
        self.moved: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Know again what waited when the agent stopped."""
        kept, change = await self._active.kept(), self._records.under_way
        self._items = self._before = self._left_of(kept)
        if change is not None:
            self._items = self._left_of(unpack_kept(change.target))

    @property
    def now(self) -> Items:
        """Of the guests that run."""
        known, running = self._power.known(), self._power.running()
        on = {_place(guest.name) for uuid, guest in known.items() if uuid in running}
        return tuple(item for item in self._items if item.object in on)

    def after(self, items: Sequence[PlanItem]) -> Items:
        """What waits once a plan with these items is true."""
        return _still_waiting(self.now, items)

    def off(self, name: str) -> None:
        """A guest is off: what waited for that waits no more."""
        self._items = tuple(item for item in self._items if item.object != _place(name))
        self._before = tuple(item for item in self._before if item.object != _place(name))
        self.moved()

    def begun(self, items: Sequence[PlanItem]) -> None:
        """A change with these items begins, which may be undone."""
        self._before, self._items = self._items, self.after(items)
        self.moved()

    def undone(self) -> None:
        """The change came to nothing."""
        self._items = self._before

    async def keep(self) -> None:
        """Note what waits no more: the document that said so stays as it is."""
        change = self._records.under_way
        if change is not None and change.phase in ("forward", "undoing"):
            return  # what its document says is not true yet
        said = unpack_kept(change.target) if change is not None else await self._active.kept()
        over = {item.object for item in said.waits} - {item.object for item in self._items}
        noted = "\n".join((said.plan_id, *sorted(over))).encode() if over else b""
        if noted != (self._note(NOTE) or b""):
            with suppress(GuestwireError):  # the disk is full: after a restart it is shown once more
                await self._set_note(NOTE, noted)

    def _left_of(self, kept: Kept) -> Items:
        plan_id, *over = (self._note(NOTE) or b"").decode().split("\n")
        return tuple(item for item in kept.waits if plan_id != kept.plan_id or item.object not in over)


def _place(name: str) -> str:
    return f"guests.{name}"


def _still_waiting(before: Sequence[PlanItem], items: Sequence[PlanItem]) -> Items:
    """What takes effect when a guest is next started, after a plan with these items: what waited already and is not changed
    again, and what waits now. What a guest runs with stays what it was: a value that is put back waits no more."""
    waits = {(item.object, item.field): item for item in before}
    for item in items:
        if not item.waits:
            continue
        place = (item.object, item.field)
        old = waits.pop(place, None)
        if old is None or item.op != "update":
            waits[place] = item
        elif old.before != item.after:
            waits[place] = item.model_copy(update={"before": old.before})
    return tuple(waits.values())
