"""The ways of a client to the hosts of a site: what each can do, and the way over a link of its own (MQTT, TCP, a socket)."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from guestwire.link.clock import now
from guestwire.link.invoke import Caller, Watching
from guestwire.link.transport import Subscription
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.pending import Accepted, Done, Progressed
from guestwire.protocol.trust import Trust
from guestwire.sdk import hosts
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.host_api import Invoke

ACCEPT_WITHIN_S = 10.0
"""How long a host may take to accept, where the caller does not say."""
GRACE_S = 5.0
"""After that window: time to learn by job-get whether the host accepted and only its word was lost."""

T = TypeVar("T", bound=Model)


class Way(Protocol):
    """How a client reaches the hosts of a site."""

    @property
    def site(self) -> str: ...

    @property
    def vouched(self) -> bool:
        """Whether the way itself vouches for what hosts say: a Unix socket does."""
        ...

    @property
    def only_host(self) -> str | None:
        """The one host at the other end; None: any host of the site can be called."""
        ...

    @property
    def connected(self) -> bool:
        """Whether it stands at this moment; it comes back by itself."""
        ...

    def invoke(self, host: str) -> Invoke:
        """Calls the operations of a host. Nothing is sent before one is called."""
        ...

    async def hosts(self, trust: Trust | None, wait_s: float) -> tuple[hosts.HostSeen, ...]:
        """Every host of the site and whether it is there, after at most `wait_s`."""
        ...

    def watch(self, *subscriptions: Subscription) -> AbstractAsyncContextManager[Watching]:
        """What hosts publish by themselves."""
        ...


class LinkWay:
    """Over a link to the broker, or to one host."""

    def __init__(self, caller: Caller, *, only_host: str | None = None, vouched: bool = False) -> None:
        self._caller = caller
        self.only_host = only_host
        self.vouched = vouched

    @property
    def site(self) -> str:
        return self._caller.site

    @property
    def connected(self) -> bool:
        return self._caller.session.transport is not None

    def invoke(self, host: str) -> Invoke:
        return _HostInvoke(self._caller, host, vouched=self.vouched)

    async def hosts(self, trust: Trust | None, wait_s: float) -> tuple[hosts.HostSeen, ...]:
        if self.only_host is not None:
            return (hosts.HostSeen(self.only_host, "online", None, 0.0, listed=True, verified=self.vouched),)
        return await hosts.look(self._caller, trust, wait_s)

    def watch(self, *subscriptions: Subscription) -> AbstractAsyncContextManager[Watching]:
        return self._caller.watch(*subscriptions)


class _HostInvoke:
    """Calls operations of one host."""

    def __init__(self, caller: Caller, host: str, *, vouched: bool) -> None:
        self._caller = caller
        self._host = host
        self._vouched = vouched

    async def __call__(self, operation: str, request: Model, reply: type[T], options: CallOptions) -> Answer[T]:
        row = BY_NAME[operation]
        whole_s, accept_s = _times(row, options)
        clock = asyncio.get_running_loop().time
        ends = clock() + whole_s
        hearing = _Hearing(options)
        request_id = options.request_id or ids.request_id(now().wall_ms)
        first_s = whole_s if row.effect == "none" else min(whole_s, accept_s + GRACE_S)

        async def call(timeout_s: float) -> Done:
            return await self._caller.call(
                self._host, row, request,
                timeout_s=timeout_s, request_id=request_id, accept_within_s=accept_s, on_event=hearing,
                mandate=options.mandate if row.effect != "none" else None, unsigned=options.unsigned,
            )  # fmt: skip

        try:
            done = await call(first_s)
        except GuestwireError as err:
            left_s = ends - clock()
            if err.code != "NO-ANSWER" or left_s <= 0:
                raise
            # accepted in time and still at work: asking again under the same id joins the job, it starts nothing
            done = await call(left_s)
        if not isinstance(done.reply, reply):
            raise GuestwireError("MALFORMED", f"{operation} answered with {type(done.reply).__name__}.")
        return Answer(self._host, done.reply, done.verified or self._vouched, request_id)


class _Hearing:
    """Passes on what comes before the result; that a job was accepted, once."""

    def __init__(self, options: CallOptions) -> None:
        self._options = options
        self._accepted = False

    def __call__(self, event: Accepted | Progressed) -> None:
        if isinstance(event, Accepted):
            if not self._accepted and self._options.on_accepted is not None:
                self._options.on_accepted(event.pending.request_id)
            self._accepted = True
        elif self._options.on_progress is not None:
            self._options.on_progress(event.progress)


def _times(row: Operation, options: CallOptions) -> tuple[float, float]:
    """Seconds for the whole call, and for the host to accept it."""
    whole = options.timeout_s
    if whole is None:
        whole = row.timeout_s if row.effect == "none" else row.timeout_s + ACCEPT_WITHIN_S + GRACE_S
    accept = options.accept_within_s if options.accept_within_s is not None else ACCEPT_WITHIN_S
    return whole, min(whole, accept)
