"""A host's end of the links: feeds an Executor, runs reads, hands what has an effect to the command pipeline.

A handler that does not wait is called straight from the link's callback, without a task; one that waits gets a task in
the server's own group. Answers go back by the path the request came on.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from guestwire.link.clock import now
from guestwire.model.base import Model
from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.steps import Call, Dropped, Inbound, Now, Record, Run, Send

_EVERYDAY = frozenset({Kind.BUSY, Kind.RESOURCE, Kind.PRECONDITION})
"""Refusals that sound clients meet as well: counted, without a row for each."""

Handler = Callable[[Call], Model | Awaitable[Model]]


class Path(Protocol):
    """Where answers go: a session with a broker, or one socket connection. Must not raise: what cannot be sent now is
    sent again when it is asked for again. Where the way confirms a QoS 1 answer, that can be awaited."""

    def answer(self, send: Send) -> Awaitable[int] | None: ...


class Commands(Protocol):
    """What has an effect: journal, lanes, outbox. `take` must not block and calls `taken` once the request is in the
    journal or refused (then the link may acknowledge it)."""

    def take(self, record: Record, taken: Callable[[], None]) -> None: ...


class Audit(Protocol):
    """Hears of every message that was refused and of every read that was answered. None of it may wait."""

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        """`audit`: somebody did what a sound client does not; else it is an everyday refusal, to be counted."""
        ...

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        """A call without an effect has its answer; the code of its error, or None."""
        ...

    def defect(self, operation: str, error: BaseException) -> None:
        """A handler raised what it should not."""
        ...


def audited(code: str) -> bool:
    """Whether a refusal with that code is one that a sound client does not meet."""
    return BY_CODE[code].kind not in _EVERYDAY


class Server:
    """Serves one executor. `async with` it: leaving cancels the reads under way."""

    def __init__(self, executor: Executor, handlers: Mapping[str, Handler], commands: Commands, audit: Audit) -> None:
        self._executor = executor
        self._handlers = handlers
        self._commands = commands
        self._audit = audit
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def receive(self, inbound: Inbound, taken: Callable[[], None]) -> None:
        """A frame from a link. `taken` is called once the link may acknowledge it: at once, or after the journal's
        commit when it has an effect."""
        at = now()
        step = self._executor.receive(inbound, at)
        if type(step) is Record:
            self._commands.take(step, taken)
            return
        taken()
        if type(step) is Run:
            self._read(step.call, at)
        elif type(step) is Send:
            if step.code is not None:
                self._audit.refused(step.code, inbound, audit=audited(step.code))
            step.path.answer(step)
        elif type(step) is Dropped:
            self._audit.refused(step.code, inbound, audit=step.audit)

    def waiting(self, call: Call) -> None:
        """A call runs on: its client is told `accepted` in time."""
        self._executor.waiting(call, now())
        self._arm()

    def _answer(self, call: Call, send: Send, code: str | None, at: Now) -> None:
        self._audit.answered(call, code, at)
        send.path.answer(send)

    def _succeeded(self, call: Call, reply: Model, at: Now) -> None:
        self._answer(call, self._executor.succeed(call, reply, at), None, at)

    def _failed(self, call: Call, err: GuestwireError) -> None:
        at = now()
        self._answer(call, self._executor.fail(call, err, at), err.code, at)

    def _read(self, call: Call, at: Now) -> None:
        try:
            result = self._handlers[call.operation.name](call)
        except GuestwireError as err:
            self._failed(call, err)
            return
        except Exception as err:  # noqa: BLE001 - the entry point of every handler that does not wait
            self._defect(call, err)
            return
        if isinstance(result, Model):
            self._succeeded(call, result, at)  # the handler did not wait: it is still that time
            return
        task = asyncio.create_task(self._wait_for(call, _coroutine(result)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.waiting(call)

    async def _wait_for(self, call: Call, result: Coroutine[Any, Any, Model]) -> None:
        try:
            async with asyncio.timeout(call.operation.timeout_s):
                reply = await result
        except TimeoutError:
            self._failed(call, GuestwireError("TIMED-OUT"))
        except GuestwireError as err:
            self._failed(call, err)
        except Exception as err:  # noqa: BLE001 - the entry point of every handler that waits
            self._defect(call, err)
        else:
            self._succeeded(call, reply, now())

    def _defect(self, call: Call, err: BaseException) -> None:
        self._audit.defect(call.operation.name, err)
        self._failed(call, GuestwireError("INTERNAL", cause=(type(err).__name__,)))

    def _arm(self) -> None:
        due = self._executor.next_due()
        if due is not None and self._timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - now().mono), self._tick)

    def _tick(self) -> None:
        self._timer = None
        for send in self._executor.due(now()):
            send.path.answer(send)
        self._arm()


async def _awaited(result: Awaitable[Model]) -> Model:
    return await result


def _coroutine(result: Awaitable[Model]) -> Coroutine[Any, Any, Model]:
    return result if inspect.iscoroutine(result) else _awaited(result)
