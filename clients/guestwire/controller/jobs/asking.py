"""Operations that only read: asked of a host at once, and answered; they leave nothing behind."""

import asyncio
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.roles import AGENTS

AT_ONCE: Final = 512
"""Readings under way; one more waits a moment, and is BUSY then."""
PATIENCE_S: Final = 2.0


class Reading(NamedTuple):
    """A host's answer. `verified`: its signature, or the way to it, vouches for it."""

    reply: Model
    verified: bool


class Asking:
    """Asks hosts for people."""

    def __init__(
        self, access: Access, calls: HostCalls, *, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S
    ) -> None:
        self._access = access
        self._calls = calls
        self._turns = asyncio.Semaphore(at_once)
        self._patience_s = patience_s

    def operation(self, person: Person, ref: HostRef, name: str) -> Operation:
        """The operation of that name, if the person may have it done there. Raises NOT-FOUND, DENIED."""
        operation = BY_NAME.get(name)
        if operation is None:
            raise GuestwireError("NOT-FOUND", f"There is no operation {name[:64]}.", field="operation")
        self._access.require(person, name, ref)
        if name in AGENTS:
            raise GuestwireError("DENIED", f"{name} is what the controller does by itself.", field="operation")
        return operation

    async def read(
        self, person: Person, ref: HostRef, operation: Operation, request: Model, timeout_s: float | None = None
    ) -> Reading:
        """The answer. Raises what the host says, HOST-UNREACHABLE, HOST-NOT-APPROVED, DENIED, BUSY."""
        self._access.require(person, operation.name, ref)
        assert operation.effect == "none"
        whole_s = operation.timeout_s if timeout_s is None else min(timeout_s, operation.timeout_s)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._turns.acquire()
        except TimeoutError:
            raise GuestwireError("BUSY", "The controller asks hosts for as much as it may.", after_ms=1_000) from None
        try:
            done = await self._calls.call(ref, operation, request, timeout_s=whole_s)
        finally:
            self._turns.release()
        return Reading(done.reply, done.verified)
