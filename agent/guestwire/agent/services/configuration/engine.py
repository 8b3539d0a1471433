"""Steps, one after the other, each in the journal before and after it; and back again when one fails.

What is under way is in the records, nothing in memory: an engine that finds a change there goes on where the journal says.
Cancelling (between steps) and every failure end in the undo of all that was begun, in reverse.
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
"""How long an undo waits for a hypervisor that is away."""

_AGAIN_S = (0.2, 1.0, 5.0, 30.0)

T = TypeVar("T")
Tell = Callable[[int, int, str], None]
"""Told (steps done, steps in all, the step that begins); raises CANCELED when somebody cancelled the job."""


@dataclass(frozen=True, slots=True)
class Failure(Exception):
    """A change that failed and was undone. `cause`: why; `step`: where; `left`: what could not be undone, in words."""

    cause: GuestwireError
    step: str
    left: tuple[str, ...]

    def error(self) -> GuestwireError:
        """As the client is told."""
        code = "ROLLBACK-INCOMPLETE" if self.left else "ROLLED-BACK"
        detail: dict[str, Any] = {"step": self.step, "code": self.cause.code, "reason": self.cause.message}
        if self.cause.detail:
            detail["detail"] = dict(self.cause.detail)
        if self.left:
            detail["left"] = list(self.left)
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
        """Do what is not done. Raises Failure after everything was undone and the change dropped."""
        _, steps = await self._open()
        try:
            for step in steps:
                if step.state == "done":
                    continue
                args = unpack(step.args)
                where = str(args["text"])
                try:
                    tell(step.n, len(steps), where)
                    await self._do(step, args)
                except GuestwireError as err:
                    raise Failure(err, where, ()) from err
        except Failure as failure:
            left = await self.back()
            raise Failure(failure.cause, failure.step, left) from failure

    async def _do(self, step: StepRow, args: dict[str, Any]) -> None:
        kind = KINDS[step.kind]
        if step.state == "started" and step.undo is not None:
            undo = unpack(step.undo)
        else:
            undo = await kind.capture(self._tools, args)
            await self._records.step_started(step.n, pack(undo))
        await kind.do(self._tools, args, undo)
        await self._records.step_done(step.n)

    async def back(self) -> tuple[str, ...]:
        """Undo all that was begun, in reverse, and drop the change; what could not be undone, in words."""
        if not await _kept(lambda: self._records.set_phase("undoing")):
            return ()  # undone already
        _, steps = await self._open()
        left = []
        for step in reversed(steps):
            if step.state not in ("started", "done") or step.undo is None:
                continue
            args = unpack(step.args)
            try:
                await self._tools.power.connected(PATIENCE_S)
                await KINDS[step.kind].undo(self._tools, args, unpack(step.undo))
            except GuestwireError as err:
                left.append(f"{args['text']}: {err.code} {err.message}")
            await _kept(partial(self._records.step_undone, step.n))
        await _kept(self._records.drop)
        return tuple(left)

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
