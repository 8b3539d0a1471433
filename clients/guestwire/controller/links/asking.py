"""What a host answers to a question, as its own word."""

from typing import TypeVar

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME

M = TypeVar("M", bound=Model)


async def ask(
    calls: HostCalls, ref: HostRef, operation: str, request: Model, reply: type[M], least_s: float = 0.0
) -> M:
    """Ask an operation that only reads; the host has its time, and `least_s` at least. Raises what `HostCalls.call` does, and
    UNSIGNED-RESPONSE for what nobody vouches for."""
    row = BY_NAME[operation]
    done = await calls.call(ref, row, request, timeout_s=max(least_s, row.timeout_s))
    if not done.verified or not isinstance(done.reply, reply):
        raise GuestwireError("UNSIGNED-RESPONSE", f"{ref} did not sign its answer to {operation}.")
    return done.reply
