"""The operations of one host as typed methods. Made by `host_api_source` from the operations table: do not edit.

Every method raises GuestwireError: the host's own errors, HOST-UNREACHABLE, NO-ANSWER, UNSIGNED-RESPONSE, the link's.
"""

from typing import Protocol, TypeVar

from guestwire.model.base import Model
from guestwire.model.guest import GuestView
from guestwire.protocol.operation_models import (
    Empty,
    EpochBehind,
    GuestDefine,
    GuestList,
    GuestRef,
    GuestShutdown,
    GuestStart,
    HostShow,
    Job,
    JobGet,
    JobList,
    JobQuery,
    JobRef,
    LogLevel,
    LogLevelSet,
    LogLines,
    LogQuery,
    MessageList,
    MessageQuery,
    Ping,
    Pong,
    Threads,
)
from guestwire.sdk.answers import DEFAULT, Answer, CallOptions

T = TypeVar("T", bound=Model)


class Invoke(Protocol):
    """Calls an operation by its row of the table."""

    async def __call__(self, operation: str, request: Model, reply: type[T], options: CallOptions) -> Answer[T]: ...


class HostApi:
    """One host's operations."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def host_ping(self, request: Ping, options: CallOptions = DEFAULT) -> Answer[Pong]:
        """Answer at once, with the payload and the host's clock."""
        return await self._invoke("host-ping", request, Pong, options)

    async def host_show(self, options: CallOptions = DEFAULT) -> Answer[HostShow]:
        """What the host is, can do and needs."""
        return await self._invoke("host-show", Empty(), HostShow, options)

    async def guest_list(self, options: CallOptions = DEFAULT) -> Answer[GuestList]:
        """Every guest with its identifiers and state."""
        return await self._invoke("guest-list", Empty(), GuestList, options)

    async def guest_show(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """One guest: its definition and state."""
        return await self._invoke("guest-show", request, GuestView, options)

    async def guest_threads(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[Threads]:
        """The threads of the guest's process: role, CPU affinity, scheduler."""
        return await self._invoke("guest-threads", request, Threads, options)

    async def guest_define(self, request: GuestDefine, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Make a guest or replace its definition; a running guest keeps running as it is."""
        return await self._invoke("guest-define", request, GuestView, options)

    async def guest_undefine(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Forget a stopped guest's definition; its disks stay."""
        return await self._invoke("guest-undefine", request, Empty, options)

    async def guest_start(self, request: GuestStart, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Turn the guest on."""
        return await self._invoke("guest-start", request, GuestView, options)

    async def guest_shutdown(self, request: GuestShutdown, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Ask the guest to shut down and wait until it has."""
        return await self._invoke("guest-shutdown", request, GuestView, options)

    async def guest_destroy(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Take the power away at once; the guest cannot save anything."""
        return await self._invoke("guest-destroy", request, GuestView, options)

    async def guest_reset(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Press the guest's reset button."""
        return await self._invoke("guest-reset", request, GuestView, options)

    async def guest_pause(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Stop the guest's vCPUs where they are."""
        return await self._invoke("guest-pause", request, GuestView, options)

    async def guest_resume(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Let a paused guest go on."""
        return await self._invoke("guest-resume", request, GuestView, options)

    async def job_get(self, request: JobRef, options: CallOptions = DEFAULT) -> Answer[JobGet]:
        """An accepted request's state and, once final, its result."""
        return await self._invoke("job-get", request, JobGet, options)

    async def job_list(self, request: JobQuery, options: CallOptions = DEFAULT) -> Answer[JobList]:
        """Accepted requests, newest first."""
        return await self._invoke("job-list", request, JobList, options)

    async def job_cancel(self, request: JobRef, options: CallOptions = DEFAULT) -> Answer[Job]:
        """Cancel a request that waits, or at its next step when it runs."""
        return await self._invoke("job-cancel", request, Job, options)

    async def log_level(self, request: LogLevel, options: CallOptions = DEFAULT) -> Answer[LogLevelSet]:
        """Set how much the agent says, for a time."""
        return await self._invoke("log-level", request, LogLevelSet, options)

    async def message_list(self, request: MessageQuery, options: CallOptions = DEFAULT) -> Answer[MessageList]:
        """What the agent said, by level and sequence number."""
        return await self._invoke("message-list", request, MessageList, options)

    async def log_query(self, request: LogQuery, options: CallOptions = DEFAULT) -> Answer[LogLines]:
        """Lines of the agent's log."""
        return await self._invoke("log-query", request, LogLines, options)

    async def epoch_behind(self, request: EpochBehind, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Tell a host that its epoch is older than one it used: it connects again above it."""
        return await self._invoke("epoch-behind", request, Empty, options)
