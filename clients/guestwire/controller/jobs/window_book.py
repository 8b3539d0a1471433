"""The maintenance windows in memory, for whoever must know now whether one is open. It is a cache of what the database says.

How people change them is `window_service`' matter.
"""

from guestwire.controller.jobs import windows
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.store import windows as store
from guestwire.controller.store.database import Database
from guestwire.controller.store.windows import Window
from guestwire.model.errors import GuestwireError

PAGE = 500


class WindowBook:
    """The windows; the Windows port of jobs. Give `load` before anything is asked."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._known: dict[str, tuple[int, int, Opening]] = {}

    async def load(self, database: Database) -> None:
        """Read all of them anew."""
        found: dict[str, Window] = {}
        after = ""
        async with database.read() as tx:
            while page := await store.page(tx, after, PAGE):
                found.update((window.name, window) for window in page)
                after = page[-1].name
        self._windows = found
        self._known.clear()

    def put(self, window: Window) -> None:
        """It is committed so."""
        self._windows[window.name] = window
        self._known.pop(window.name, None)

    def remove(self, name: str) -> None:
        """It is gone."""
        self._windows.pop(name, None)
        self._known.pop(name, None)

    def require(self, name: str) -> None:
        """Raises NOT-FOUND where there is no window of that name."""
        if name not in self._windows:
            raise GuestwireError("NOT-FOUND", f"There is no maintenance window {name[:64]}.", field="window")

    def opening(self, name: str, now_ms: int) -> Opening:
        """See `ports.Windows`. Worked out once for as long as it holds."""
        known = self._known.get(name)
        if known is not None and known[0] <= now_ms < known[1]:
            return known[2]
        window = self._windows.get(name)
        if window is None:
            return Opening(None)
        found = windows.opening(window.spec, now_ms)
        until = found.until if found.until is not None else found.opens_at
        self._known[name] = (now_ms, until if until is not None else now_ms + windows.LOOK_DAYS * 43_200_000, found)
        return found
