"""Events as the operations show them: the table's rows, and what the words of direct and native events count."""

from collections.abc import Callable

from guestwire.comm.events import EventTable
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call, Now


class EventReads:
    """`counted` brings the table's counters of direct and native events up to date; `is_set` tells a native event's state."""

    def __init__(
        self,
        table: EventTable,
        counted: Callable[[Now], None],
        is_set: Callable[[str], bool],
        clock: Callable[[], Now],
    ) -> None:
        self._table = table
        self._counted = counted
        self._is_set = is_set
        self._clock = clock

    def list_all(self, _call: Call) -> w.EventList:
        at = self._clock()
        self._counted(at)
        return w.EventList(events=tuple(self._with_state(view) for view in self._table.views(at)))

    def show(self, call: Call) -> w.EventView:
        """Raises NOT-FOUND."""
        at = self._clock()
        self._counted(at)
        name = call.request.name
        if ":" in name:
            raise GuestwireError("NOT-FOUND", f"There is no event {name}.", field="name")
        return self._with_state(self._table.view(name, at))

    def _with_state(self, view: w.EventView) -> w.EventView:
        if view.delivery == "native":
            return view.model_copy(update={"set": self._is_set(view.name)})
        return view
