"""Operations that guestwire-comm serves: what came to the agent is sent on to it, for whoever asked."""

from collections.abc import Callable
from functools import partial

from guestwire.agent.services.communication import Communication
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Call

CANCELABLE = frozenset({"event-wait"})
"""Operations that only wait: they can be cancelled while they do."""


class CommForwarding:
    """`comm` None: this host has no communication services, and every operation is COMM-UNAVAILABLE. `changed` is called
    after the services were started or stopped."""

    def __init__(self, comm: Communication | None, changed: Callable[[], None] = lambda: None) -> None:
        self._comm = comm
        self._changed = changed

    async def read(self, call: Call) -> Model:
        return await self._known().forward(call)

    async def run(self, running: Running) -> Model:
        """An operation with an effect. What may not run twice, and was not answered, is INDETERMINATE."""
        call = running.call
        forward = partial(self._known().forward, call)
        if call.operation.name in CANCELABLE:
            return await forward()
        try:
            return await running.effect(forward)
        except GuestwireError as err:
            if err.code == "COMM-LOST" and call.operation.effect == "once":
                text = "guestwire-comm went before it answered: nobody can tell whether it was done."
                raise GuestwireError("INDETERMINATE", text, cause=(err.code,)) from err
            raise
        finally:
            if call.operation.lane == "host":
                self._changed()

    def _known(self) -> Communication:
        if self._comm is None:
            text = "This host has no communication services (setting comm.dir)."
            raise GuestwireError("COMM-UNAVAILABLE", text)
        return self._comm
