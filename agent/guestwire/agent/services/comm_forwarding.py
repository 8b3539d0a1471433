"""Operations that guestwire-comm serves: what came to the agent is sent on to it, for whoever asked.

A wait for events is asked in slices. A signal that comes between two of them stays: an auto event is set while nobody waits.
So a wait that is cancelled, or that nobody wants any more, takes no signal with it: its last slice is heard to its end.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial

from guestwire.agent.services.communication import Communication
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import CommStatus, EventWait, EventWaited
from guestwire.protocol.steps import Call

SLICE_S = 1.0
"""How long a cancelled wait may take to end."""
UNIT = "its process does not run, and no operation starts that: start its unit (systemctl start guestwire-comm)"


class CommForwarding:
    """`comm` None: this host has no communication services, and every operation is COMM-UNAVAILABLE. `changed` is called
    after the services were started or stopped."""

    def __init__(
        self, comm: Communication | None, changed: Callable[[], None] = lambda: None, *, slice_s: float = SLICE_S
    ) -> None:
        self._comm = comm
        self._changed = changed
        self._slice_s = slice_s

    async def read(self, call: Call) -> Model:
        try:
            return await self._known().forward(call)
        except GuestwireError as err:
            if err.code == "COMM-NOT-STARTED" and call.operation.name == "comm-status":
                return CommStatus(state="stopped", missing={"guestwire-comm": UNIT})
            raise

    async def run(self, running: Running) -> Model:
        """An operation with an effect. What may not run twice, and was not answered, is INDETERMINATE."""
        call = running.call
        forward = partial(self._known().forward, call)
        if isinstance(call.request, EventWait):
            return await self._wait(running, call.request)
        try:
            return await running.effect(forward)
        except GuestwireError as err:
            if err.code == "COMM-LOST" and call.operation.effect == "once":
                text = "guestwire-comm went before it answered: nobody can tell whether it was done."
                raise GuestwireError("INDETERMINATE", text, cause=(err.code,)) from err
            if err.code == "COMM-NOT-STARTED" and call.operation.lane == "host":  # a process that is there can be asked
                raise GuestwireError("COMM-NOT-STARTED", f"guestwire-comm: {UNIT}.") from err
            raise
        finally:
            if call.operation.lane == "host":
                self._changed()

    async def _wait(self, running: Running, asked: EventWait) -> EventWaited:
        """Which event ended the wait, or that the time is over. Cancelled: as soon as nothing can be lost by it."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + asked.timeout_s
        while True:
            left = ends - loop.time()
            part = asked.model_copy(update={"timeout_s": max(0.001, min(self._slice_s, left))})
            waited = await _to_its_end(self._known().forward_part(running.call, part, part.timeout_s))
            if waited.name is not None or left <= self._slice_s:
                return waited
            running.checkpoint()

    def _known(self) -> Communication:
        if self._comm is None:
            text = "This host has no communication services (setting comm.dir)."
            raise GuestwireError("COMM-UNAVAILABLE", text)
        return self._comm


async def _to_its_end(work: Coroutine[object, object, Model]) -> EventWaited:
    """The slice's answer. Cancelled meanwhile: the answer all the same where it has an event, which nobody else gets."""
    slice_ = asyncio.ensure_future(work)
    try:
        waited = await asyncio.shield(slice_)
    except asyncio.CancelledError:
        with suppress(GuestwireError):
            waited = await slice_
            if isinstance(waited, EventWaited) and waited.name is not None:
                return waited
        raise
    assert isinstance(waited, EventWaited)
    return waited
