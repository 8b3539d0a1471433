"""What has an effect, in memory: a request that comes again gets the answer it got, as long as it could still be a repetition.
A request from before this process began is refused by the executor: nobody can tell whether it ran."""

import asyncio
import inspect
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import Operation
from guestwire.protocol.steps import Call, Now, Record, Send

KEPT = 4096
KEPT_BYTES = 4 << 20
RUNNING = 256
"""Requests under way at once."""
WAITS = frozenset({"event-wait"})
"""Operations that wait for others: they have no effect of their own until they end, so one whose client went can be dropped."""
WAITING = 192
"""Of RUNNING, those that may be waits: what does not wait finds room beside them."""
WAITING_OF_ONE = 64
"""Waits of one issuer."""

Handler = Callable[[Call], Model | Awaitable[Model]]


@dataclass(slots=True)
class _Kept:
    """A request that runs (`call`) or ran (`final`). What it asked is forgotten when it ends: a document is large."""

    operation: Operation
    body_hash: bytes
    call: Call | None
    final: Send | None = None
    task: asyncio.Task[None] | None = None

    @property
    def bytes(self) -> int:
        return 0 if self.final is None else 256 + sum(map(len, self.final.frames))


_Key = tuple[str, bytes]


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
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._running: dict[_Key, _Kept] = {}
        self.waiting: Callable[[Call], None] = _nobody
        """Called with a call that runs on: its client is to be told `accepted` (`Server.waiting`)."""

    async def __aenter__(self) -> "Results":
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [kept.task for kept in self._running.values() if kept.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        taken()
        call, at = record.call, self._clock()
        key = (call.asked_as, call.request_id)
        known = self._running.get(key) or self._kept.get(key)
        if known is not None:
            self._again(known, call, at)
            return
        if record.final is not None:
            send = Send(call.client, record.final, call.operation.qos, call.request_id, call.path)
            self._keep(key, _Kept(call.operation, call.body_hash, None, send._replace(path=None)))
            call.path.answer(send)
            return
        if not self._room(call):
            call.path.answer(self._executor.refuse(call, GuestwireError("BUSY", after_ms=1000), at))
            return
        kept = self._running[key] = _Kept(call.operation, call.body_hash, call)
        kept.task = asyncio.create_task(self._run(key, kept), name=f"comm-{call.operation.name}")
        self.waiting(call)

    def left(self, path: object) -> None:
        """A connection is gone. Waits that only it would hear of end; whoever asks the same again waits anew."""
        for kept in self._running.values():
            if (
                kept.call is not None
                and kept.call.path is path
                and kept.operation.name in WAITS
                and kept.task is not None
            ):
                kept.task.cancel()

    def _room(self, call: Call) -> bool:
        if len(self._running) >= RUNNING:
            return False
        if call.operation.name not in WAITS:
            return True
        waits = Counter(issuer for (issuer, _), kept in self._running.items() if kept.operation.name in WAITS)
        return waits.total() < WAITING and waits[call.asked_as] < WAITING_OF_ONE

    def _again(self, known: _Kept, call: Call, at: Now) -> None:
        if known.body_hash != call.body_hash or known.operation is not call.operation:
            call.path.answer(self._executor.refuse(call, GuestwireError("IDEMPOTENCY-MISMATCH"), at))
        elif known.final is not None:
            call.path.answer(known.final._replace(client=call.client, path=call.path))
        elif known.call is not None:
            known.call.path = call.path  # who asks again has a new connection
            call.path.answer(self._executor.accepted(call, at))

    def _keep(self, key: _Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept_bytes += kept.bytes
        while len(self._kept) > KEPT or (self._kept_bytes > KEPT_BYTES and len(self._kept) > 1):
            self._kept_bytes -= self._kept.popitem(last=False)[1].bytes

    async def _run(self, key: _Key, kept: _Kept) -> None:
        call = kept.call
        assert call is not None
        try:
            send = await self._done(call)
        finally:
            del self._running[key]
            kept.call = kept.task = None
        kept.final = send._replace(path=None)
        self._keep(key, kept)
        call.path.answer(send._replace(path=call.path))

    async def _done(self, call: Call) -> Send:
        try:
            async with asyncio.timeout(call.operation.timeout_s):
                result = self._handlers[call.operation.name](call)
                reply = await result if inspect.isawaitable(result) else result
        except TimeoutError:
            return self._executor.fail(call, GuestwireError("TIMED-OUT"), self._clock())
        except GuestwireError as err:
            return self._executor.fail(call, err, self._clock())
        except Exception as err:  # noqa: BLE001 - the entry point of every handler with an effect
            self._defect(call.operation.name, err)
            error = GuestwireError("INTERNAL", cause=(type(err).__name__,))
            return self._executor.fail(call, error, self._clock())
        return self._executor.succeed(call, reply, self._clock())


def _nobody(_call: Call) -> None:
    """Nobody waits yet."""
