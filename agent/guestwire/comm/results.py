"""What has an effect, in memory: a request that comes again gets the answer it got, as long as this process lives. A request
from before this process began is refused by the executor: nobody can tell whether it ran."""

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.steps import Call, Now, Record, Send

KEPT = 4096
RUNNING = 256
"""Requests under way at once: waits for events are among them."""

Handler = Callable[[Call], Model | Awaitable[Model]]


@dataclass(slots=True)
class _Kept:
    call: Call
    final: Send | None = None
    task: asyncio.Task[None] | None = None


class Results:
    """The `Commands` port of `link.serve`. `async with` it: leaving cancels what runs."""

    def __init__(
        self,
        executor: Executor,
        handlers: Mapping[str, Handler],
        clock: Callable[[], Now],
        defect: Callable[[str, BaseException], None],
    ) -> None:
        self._executor = executor
        self._handlers = handlers
        self._clock = clock
        self._defect = defect
        self._kept: OrderedDict[tuple[str, bytes], _Kept] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()
        self.waiting: Callable[[Call], None] = _nobody
        """Called with a call that runs on: its client is to be told `accepted` (`Server.waiting`)."""

    async def __aenter__(self) -> "Results":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        taken()
        call, at = record.call, self._clock()
        key = (call.asked_as, call.request_id)
        known = self._kept.get(key)
        if known is not None:
            self._again(known, call, at)
            return
        if record.final is not None:
            send = Send(call.client, record.final, call.operation.qos, call.request_id, call.path)
            self._keep(key, _Kept(call, send))
            call.path.answer(send)
            return
        if len(self._running) >= RUNNING:
            call.path.answer(self._executor.refuse(call, GuestwireError("BUSY", after_ms=1000), at))
            return
        kept = _Kept(call)
        self._keep(key, kept)
        kept.task = asyncio.create_task(self._run(kept), name=f"comm-{call.operation.name}")
        self._running.add(kept.task)
        kept.task.add_done_callback(self._running.discard)
        self.waiting(call)

    def _again(self, known: _Kept, call: Call, at: Now) -> None:
        if known.call.body_hash != call.body_hash or known.call.operation is not call.operation:
            call.path.answer(self._executor.refuse(call, GuestwireError("IDEMPOTENCY-MISMATCH"), at))
        elif known.final is None:
            known.call.path = call.path  # who asks again has a new connection
            call.path.answer(self._executor.accepted(call, at))
        else:
            call.path.answer(known.final._replace(client=call.client, path=call.path))

    def _keep(self, key: tuple[str, bytes], kept: _Kept) -> None:
        self._kept[key] = kept
        while len(self._kept) > KEPT:
            oldest = next((k for k, one in self._kept.items() if one.final is not None), None)
            if oldest is None:
                return
            del self._kept[oldest]

    async def _run(self, kept: _Kept) -> None:
        call = kept.call
        try:
            async with asyncio.timeout(call.operation.timeout_s):
                result = self._handlers[call.operation.name](call)
                reply = await result if inspect.isawaitable(result) else result
        except TimeoutError:
            send = self._executor.fail(call, GuestwireError("TIMED-OUT"), self._clock())
        except GuestwireError as err:
            send = self._executor.fail(call, err, self._clock())
        except Exception as err:  # noqa: BLE001 - the entry point of every handler with an effect
            self._defect(call.operation.name, err)
            error = GuestwireError("INTERNAL", cause=(type(err).__name__,))
            send = self._executor.fail(call, error, self._clock())
        else:
            assert isinstance(reply, Model)
            send = self._executor.succeed(call, reply, self._clock())
        kept.final = send
        call.path.answer(send._replace(path=call.path))


def _nobody(_call: Call) -> None:
    """Nobody waits yet."""
