"""Steps, one after the other, each in the journal before and after it; and back again when one fails.

What is under way is in the records, nothing in memory: an engine that finds a change there goes on where the journal says.
Whoever calls `forward` calls `back` when it fails: the undo of all that was begun, in reverse.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from guestwire.agent.config_records_schema import ChangeRow, StepRow
from guestwire.agent.services.configuration.ports import Records
from guestwire.agent.services.configuration.step_kinds import KINDS, Tools
from guestwire.agent.services.configuration.steps import Step
from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import pack, unpack

PATIENCE_S = 60.0
"""How long the undo of a step waits for a hypervisor, or for guestwire-comm, that is away or goes away meanwhile."""

_LOST = ("DRIVER-LOST", "INDETERMINATE", "COMM-NOT-STARTED", "COMM-LOST")
_LOST_AGAIN_S = 0.2
_AGAIN_S = (0.2, 1.0, 5.0, 30.0)

T = TypeVar("T")
Tell = Callable[[int, int, str], None]
"""Told (steps done, steps in all, the step that begins); raises CANCELED when somebody cancelled the job."""


@dataclass(slots=True, eq=False)
class Failure(Exception):
    """A change that failed and is to be undone. `cause`: why; `step`: where, "" when all steps were done."""

    cause: GuestwireError
    step: str

    def error(self, left: Sequence[str]) -> GuestwireError:
        """As the client is told once it was undone, but for what is `left`, in words."""
        code = "ROLLBACK-INCOMPLETE" if left else "ROLLED-BACK"
        detail: dict[str, Any] = {"step": self.step, "code": self.cause.code, "reason": self.cause.message}
        if self.cause.detail:
            detail["detail"] = dict(self.cause.detail)
        if left:
            detail["left"] = list(left)
        text = f"{self.step}: {self.cause.message}" if self.step else self.cause.message
        return GuestwireError(code, text, detail=detail, cause=(self.cause.code,))


class Engine:
    """Runs the one change that a host has under way."""

    def __init__(self, records: Records, tools: Tools) -> None:
        self._records = records
        self._tools = tools

    async def begin(self, change: ChangeRow, steps: Sequence[Step]) -> None:
        """Write the change and its steps down. Raises HOST-BUSY."""
        await self._records.begin(change, [(step.kind, pack(dict(step.args) | {"text": step.text})) for step in steps])

    async def forward(self, tell: Tell) -> None:
        """Do what is not done. Raises Failure, and what reading the records raises: then call `back`."""
        _, steps = await self._open()
        for step in steps:
            if step.state == "done":
                continue
            args = unpack(step.args)
            where = str(args["text"])
            try:
                tell(step.n, len(steps), where)
                await self._do(step, args)
            except GuestwireError as err:
                raise Failure(err, where) from err

    async def _do(self, step: StepRow, args: dict[str, Any]) -> None:
        kind = KINDS[step.kind]
        if step.state == "started" and step.undo is not None:
            await (kind.again or kind.do)(self._tools, args, unpack(step.undo))
        else:
            undo = await kind.capture(self._tools, args)
            await self._records.step_started(step.n, pack(undo))
            try:
                await kind.do(self._tools, args, undo)
            except GuestwireError as err:
                if err.code == "EXISTS":  # made by somebody else since we looked: the undo leaves it alone
                    await self._records.step_started(step.n, pack(await kind.capture(self._tools, args)))
                raise
        await self._records.step_done(step.n)

    async def back(self) -> tuple[str, ...]:
        """Undo all that was begun, in reverse, and drop the change; what could not be undone, in words."""
        if not await _kept(lambda: self._records.set_phase("undoing")):
            return ()  # undone already
        _, steps = await _kept(self._open)
        left = []
        for step in reversed(steps):
            if step.state not in ("started", "done") or step.undo is None:
                continue
            if (failed := await self._undo(step, unpack(step.undo))) is None:
                await _kept(partial(self._records.step_undone, step.n))
            else:  # a crash from here on tries it once more
                left.append(failed)
        await _kept(self._records.drop)
        return tuple(left)

    async def _undo(self, step: StepRow, undo: dict[str, Any]) -> str | None:
        """Undo a step; why it could not be, in words. A hypervisor that goes away meanwhile is waited for."""
        args = unpack(step.args)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PATIENCE_S
        while True:
            try:
                await self._tools.power.connected(max(0.0, give_up - loop.time()))
                await KINDS[step.kind].undo(self._tools, args, undo)
            except GuestwireError as err:
                if err.code not in _LOST or loop.time() >= give_up:
                    return f"{args['text']}: {err.code} {err.message}"
                await asyncio.sleep(_LOST_AGAIN_S)
            except Exception as err:  # noqa: BLE001 - one defect must not leave the other steps as they are
                return f"{args['text']}: INTERNAL {type(err).__name__}: {err}"
            else:
                return None

    async def _open(self) -> tuple[ChangeRow, tuple[StepRow, ...]]:
        found = await self._records.change()
        assert found is not None
        return found


async def _kept(write: Callable[[], Awaitable[T]]) -> T:
    """Write while undoing, however long the disk is full: giving up half-way would leave the host half-way."""
    tries = 0
    while True:
        try:
            return await write()
        except GuestwireError as err:
            if err.code != "JOURNAL-FULL":
                raise
            await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1
