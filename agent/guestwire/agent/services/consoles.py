"""The consoles of running guests: each is read by one task, which keeps the last of what the guest writes and hands it to who listens.

A console has one reader, so that whoever else wants to read one does it here. What is kept is in memory: it begins anew with
each run of the guest and with each start of the agent. Nobody's console is taken away: while somebody else has it open it is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager, suppress

from guestwire.agent.services.changes import Changes
from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.ports import OFF, ON, Guests
from guestwire.agent.services.scrollback import Piece, Scrollback
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import ConsoleOutput, ConsoleQuery, ConsoleState

AGAIN_S = 5.0
"""Until a console is tried again that could not be had."""
ENDED_S = 0.2
"""Until one is that ended: the guest stops just now, or somebody took it."""
_OVER = frozenset({"WRONG-STATE", "NOT-FOUND"})
"""Why there is no console, and will be none before the guest runs again."""


class _Console:
    """What is known of one guest's. `life` counts its runs as they were seen to end; `opened_in`: which one was read last. `mark`: where
    somebody who begins to listen begins."""

    def __init__(self) -> None:
        self.kept: Scrollback | None = None
        self.state: ConsoleState = "off"
        self.on = False
        self.life = 0
        self.opened_in = -1
        self.mark = 0
        self.task: asyncio.Task[None] | None = None
        self.wanted = asyncio.Event()
        self.error: GuestwireError | None = None
        self.changes = Changes()

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def of_this_run(self) -> bool:
        """Whether what is read now is not what the guest wrote before it stopped."""
        return self.open and self.opened_in == self.life


class Consoles:
    """Keeps the last `keep` bytes of each guest that is ours; 0: nothing, and a console is read only while somebody listens. `async with`
    it before use."""

    def __init__(
        self, driver: Guests, clock_ms: Callable[[], int], vital: Vital, keep: int, *, again_s: float = AGAIN_S
    ) -> None:
        self._driver = driver
        self._clock_ms = clock_ms
        self._vital = vital
        self._keep = keep
        self._again_s = again_s
        self._consoles: dict[str, _Console] = {}
        self._left: set[asyncio.Task[None]] = set()
        """Readers that were called off, and let go of their consoles still."""

    async def __aenter__(self) -> "Consoles":
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [one.task for one in self._consoles.values() if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._left, return_exceptions=True)

    # -- what guests do

    def follow(self, rows: Iterable[Row]) -> None:
        """Read what is there to be read, and nothing else."""
        known = {row.uuid: row for row in rows}
        for uuid in [uuid for uuid in self._consoles if uuid not in known]:
            self.follow_one(uuid, None)
        for uuid, row in known.items():
            self.follow_one(uuid, row)

    def follow_one(self, uuid: str, row: Row | None) -> None:
        """The same for one guest; None: it is gone."""
        if row is None or not _ours(row):
            self._leave(uuid)
        elif self._keep:
            one = self._of(uuid)
            if row.observed.state in OFF:
                one.life += one.on
                one.on = False
            elif row.observed.state in ON:
                one.on = True
                self._read_on(uuid, one)

    def rebooted(self, uuid: str) -> None:
        """What was written before is of no meaning to those who begin to listen."""
        if (one := self._consoles.get(uuid)) is not None and one.kept is not None:
            one.mark = one.kept.end

    # -- who reads

    def read(self, row: Row, query: ConsoleQuery) -> ConsoleOutput:
        """What a guest wrote."""
        one = self._consoles.get(row.uuid)
        if one is None or one.kept is None:
            state: ConsoleState = "off" if self._keep and _ours(row) else "closed"
            state = state if one is None else one.state
            return self._output(Piece(b"", 0, False), None, state)
        after = -1 if query.run not in (None, one.kept.run) else query.after
        found = one.kept.read(0 if after == -1 else after, query.limit_bytes)
        return self._output(found, one.kept.run, one.state)

    def _output(self, found: Piece, run: int | None, state: ConsoleState) -> ConsoleOutput:
        end = found.start + len(found.data)
        return ConsoleOutput(
            data=found.data, start=found.start, end=end, lost=found.lost, run=run, state=state, as_of=self._clock_ms()
        )

    @asynccontextmanager
    async def console(self, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """What the guest writes, as the driver's `console` gives it, beginning with what was read since it was opened, or rebooted. Raises
        what that raises."""
        if not self._keep:
            async with self._driver.console(uuid) as output:
                yield output
            return
        one = self._of(uuid)
        if not one.of_this_run:
            one.error = None
            self._read_on(uuid, one)
            await self._caught_up(one)
        if not one.open or one.kept is None:
            raise one.error or GuestwireError("WRONG-STATE", "the guest does not run", detail={"state": "stopped"})
        yield _listen(one, one.kept)

    # -- pieces

    def _of(self, uuid: str) -> _Console:
        return self._consoles.setdefault(uuid, _Console())

    def _leave(self, uuid: str) -> None:
        if (one := self._consoles.pop(uuid, None)) is None:
            return
        if one.task is not None and not one.task.done():
            one.task.cancel()
            self._left.add(one.task)
            one.task.add_done_callback(self._left.discard)
        self._closed(one, "closed", GuestwireError("NOT-FOUND"))

    def _read_on(self, uuid: str, one: _Console) -> None:
        one.wanted.set()
        if one.task is None or one.task.done():
            name = f"console-{uuid}"
            earlier = {task for task in self._left if task.get_name() == name}
            one.task = asyncio.create_task(self._read_console(uuid, one, earlier), name=name)
            self._vital.watch(one.task, may_return=True)

    async def _caught_up(self, one: _Console) -> None:
        """Until this run is read, or cannot be. What is open long after its guest stopped is of the run that follows: it was opened
        before anybody heard that there is one."""
        patience = asyncio.get_running_loop().time() + self._again_s
        while not one.of_this_run and one.error is None:
            try:
                async with asyncio.timeout_at(patience if one.open else None):
                    await one.changes.next()
            except TimeoutError:
                one.opened_in = one.life

    async def _read_console(self, uuid: str, one: _Console, earlier: Collection[asyncio.Task[None]]) -> None:
        """Until the guest does not run. Begins when the `earlier` readers have let go."""
        if earlier:
            await asyncio.wait(earlier)
        while True:
            one.wanted.clear()
            wait_s = ENDED_S
            try:
                async with self._driver.console(uuid) as output:
                    kept = self._opened(one)
                    async for data in output:
                        kept.add(data)
                        one.changes.happened()
                    self._closed(one, "closed", None)  # now: to let go of it takes a while
            except GuestwireError as err:
                again = one.wanted.is_set()  # it may have begun to run since this was asked
                self._closed(one, _why(err), None if again else err)
                if err.code in _OVER and not again:
                    return
                wait_s = self._again_s
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await one.wanted.wait()

    def _opened(self, one: _Console) -> Scrollback:
        if one.kept is None or one.opened_in != one.life:
            one.kept = Scrollback(self._keep, self._clock_ms())
            one.opened_in = one.life
        else:
            one.kept.gap()
        one.mark = one.kept.end
        one.state, one.error = "open", None
        one.changes.happened()
        return one.kept

    def _closed(self, one: _Console, state: ConsoleState, error: GuestwireError | None) -> None:
        one.state, one.error = state, error
        one.changes.happened()


async def _listen(one: _Console, kept: Scrollback) -> AsyncIterator[bytes]:
    """Until this reading of the console ends."""
    at = one.mark
    while True:
        found = kept.read(at, kept.end)
        at = found.start + len(found.data)
        if found.data:
            yield found.data
        elif not one.open or one.kept is not kept:
            return
        else:
            await one.changes.next()


def _ours(row: Row) -> bool:
    """A guest without an identifier is another tool's, and so is its console."""
    return row.guest.id is not None and not row.observed.of_other


def _why(error: GuestwireError) -> ConsoleState:
    if error.code in _OVER:
        return "off"
    return "busy" if error.detail.get("console") == "busy" else "closed"
