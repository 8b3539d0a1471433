"""The way to hosts through a controller: what only reads is answered at once, what has an effect is a job there.

The controller holds what it takes to talk to hosts; here is a token, and perhaps a key of the user's own, with which approvals are
signed as they come up.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from math import ceil
from typing import TypeVar

from pydantic import ValidationError

from guestwire.link.clock import now
from guestwire.link.invoke import Watching
from guestwire.link.transport import Subscription
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.bodies import from_bytes, to_bytes
from guestwire.protocol.json_bodies import from_json
from guestwire.protocol.operation_models import Progress
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.packing import PackingError
from guestwire.protocol.presence import OFFLINE_S, PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Trust
from guestwire.sdk import approving
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.contexts import Context
from guestwire.sdk.controller import Controller
from guestwire.sdk.controller_following import gave_up, job_error, signed, unsigned
from guestwire.sdk.controller_http import Said, open_http
from guestwire.sdk.controller_models import ControllerJob, FleetHost, answered
from guestwire.sdk.host_api import Invoke
from guestwire.sdk.hosts import HostSeen

AT_ONCE_S = 2.0
"""So long a job is waited for in the request that makes it; one that takes longer is followed."""
TAKING_S = 15.0
"""What a job may take beyond the operation's own time: to be sent, and to be heard of."""
SIGNED_WITHIN_S = 3600
"""How long what disrupts waits for somebody else's signature."""
NETWORK_S = 15.0
TAKEN_BACK_S = 2.0

T = TypeVar("T", bound=Model)


class ControllerWay:
    """Every host of one site, through a controller."""

    vouched = False
    only_host: str | None = None

    def __init__(self, controller: Controller, key: SigningKey | None = None) -> None:
        self.controller = controller
        self._key = key

    @property
    def site(self) -> str:
        return self.controller.site

    @property
    def connected(self) -> bool:
        return self.controller.http.answers

    def invoke(self, host: str) -> Invoke:
        return _Invoke(self.controller, host, self._key)

    async def hosts(self, trust: Trust | None, wait_s: float) -> tuple[HostSeen, ...]:
        at = now().wall_ms
        found = await self.controller.hosts.list(q=f"site={self.site}")
        return tuple(_seen(one, at) for one in found if one.site == self.site)

    def watch(self, *subscriptions: Subscription) -> AbstractAsyncContextManager[Watching]:
        """Raises CONTROLLER-BETWEEN: a controller passes on what hosts say (`Controller.notices`), not their messages."""
        raise GuestwireError("CONTROLLER-BETWEEN")


@asynccontextmanager
async def controller_way(context: Context) -> AsyncIterator[ControllerWay]:
    """The way of a context. Raises KEY-FILE-INVALID, CONFIG-INVALID; nothing is sent yet."""
    from pathlib import Path

    from guestwire.sdk.credentials import read_private_key

    key = read_private_key(Path(context.key)) if context.key else None
    async with open_http(context) as http:
        yield ControllerWay(Controller(http, context.site), key)


class _Invoke:
    """Calls operations of one host."""

    def __init__(self, controller: Controller, host: str, key: SigningKey | None) -> None:
        self._controller = controller
        self._host = host
        self._key = key
        self._path = f"/hosts/{controller.site}/{host}/operations"

    async def __call__(self, operation: str, request: Model, reply: type[T], options: CallOptions) -> Answer[T]:
        row = BY_NAME[operation]
        whole_s = options.timeout_s if options.timeout_s is not None else row.timeout_s + (
            0 if row.effect == "none" else TAKING_S
        )  # fmt: skip
        body = to_bytes(request)
        if row.effect == "none":
            said = await self._controller.http.ask(
                "POST", f"{self._path}/{row.name}", params={"timeout_s": min(whole_s, 3600)}, packed=body, reads=True,
                timeout_s=whole_s + NETWORK_S,
            )  # fmt: skip
            return self._answer(said, reply, ids.request_id(now().wall_ms))
        return await self._ordered(row, body, request, reply, options, whole_s)

    async def _ordered(
        self, row: Operation, body: bytes, request: Model, reply: type[T], options: CallOptions, whole_s: float
    ) -> Answer[T]:
        clock = asyncio.get_running_loop().time
        ends = clock() + whole_s
        at_once_s = min(AT_ONCE_S, whole_s) if options.on_progress is None else min(0.5, whole_s)
        mandate = None if options.mandate is None else base64.b64encode(options.mandate).decode()
        said = await self._controller.http.ask(
            "POST", f"{self._path}/{row.name}", packed=body,
            params={"wait_s": at_once_s, "deadline_s": self._deadline_s(row, options, whole_s)},
            headers={} if mandate is None else {"Guestwire-Mandate": mandate}, timeout_s=at_once_s + NETWORK_S,
        )  # fmt: skip
        if said.status == 200:
            return self._answer(said, reply, _id(said.headers.get("guestwire-job")))
        job, hearing = answered(ControllerJob, said.document), _Hearing(options)
        hearing(job)
        if job.state == "waiting-approval":
            plan_id = getattr(request, "plan_id", None)
            wanted = approving.Wanted(self._controller.site, self._host, row.name, body, plan_id)
            job = await signed(self._controller, job, wanted, self._key)
        try:
            job = await self._controller.jobs.wait(job, max(0.0, ends - clock()), hearing)
        except asyncio.CancelledError:
            if options.request_id is not None:  # who gives a request its id means to take it back by that
                await self._taken_back(job)
            raise
        if job.state == "waiting-approval":
            raise unsigned(job)
        if not job.finished:
            await gave_up(self._controller, job)
        return await self._ended(job, row, reply)

    def _deadline_s(self, row: Operation, options: CallOptions, whole_s: float) -> int:
        """Until when the host may be asked. What may have to wait for somebody's signature gets the time for that."""
        others = row.risk >= 2 and self._key is None and options.mandate is None
        return max(ceil(whole_s), SIGNED_WITHIN_S if others else 1)

    async def _taken_back(self, job: ControllerJob) -> None:
        with suppress(GuestwireError, TimeoutError):
            async with asyncio.timeout(TAKEN_BACK_S):
                await self._controller.jobs.do(job.id, "cancel")

    async def _ended(self, job: ControllerJob, row: Operation, reply: type[T]) -> Answer[T]:
        if job.reply is None and job.error is None:
            job = await self._controller.jobs.show(job.id)
        if job.state == "succeeded" and job.reply is not None:
            value = from_json(row.reply, job.reply, tolerant=True)
            if not isinstance(value, reply):
                raise GuestwireError("MALFORMED", f"{row.name} answered with {type(value).__name__}.")
            return Answer(self._host, value, job.verified, _id(job.id))
        raise job_error(job)

    def _answer(self, said: Said, reply: type[T], request_id: bytes) -> Answer[T]:
        try:
            value = from_bytes(reply, said.content)
        except (PackingError, ValidationError) as err:
            raise GuestwireError("CONTROLLER-ANSWER", f"The reply of {self._host} cannot be read: {err}") from err
        return Answer(self._host, value, said.headers.get("guestwire-verified") == "true", request_id)


class _Hearing:
    """Passes on what a job says while it is at work; that its host has it, once."""

    def __init__(self, options: CallOptions) -> None:
        self._options = options
        self._accepted = False

    def __call__(self, job: ControllerJob) -> None:
        if job.reached and not self._accepted and self._options.on_accepted is not None:
            self._options.on_accepted(_id(job.id))
        self._accepted = self._accepted or job.reached
        if self._options.on_progress is None or job.finished:
            return
        said = job.progress
        if said is None:
            self._options.on_progress(Progress(message=job.state.replace("-", " ")))
        else:
            self._options.on_progress(Progress(percent=said.percent, step=said.step, message=said.message))


def _id(text: str | None) -> bytes:
    return ids.from_text(text or "") or bytes(16)


def _seen(one: FleetHost, at_ms: int) -> HostSeen:
    """A host as the controller knows it; what it heard itself is not passed on word for word."""
    # what a newer controller says beyond these words is nothing that this one knows
    state = one.state if one.state in ("online", "suspect", "flapping", "offline") else "unknown"
    said = None
    if one.heard_at and state != "unknown":
        said = PresenceBody(
            epoch=one.epoch, n=0, boot_id="", online=state != "offline", why="told by the controller",
            since=one.state_at, agent_version=one.agent_version,
        )  # fmt: skip
    silent_s = max(0, at_ms - one.heard_at) / 1000 if one.heard_at else None
    if silent_s is not None and state == "online":
        silent_s = min(silent_s, OFFLINE_S)  # the controller notes only now and then that a host was heard
    return HostSeen(one.host, state, said, silent_s, one.listed, verified=one.listed)  # type: ignore[arg-type]
