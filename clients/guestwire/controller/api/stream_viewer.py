"""One viewer of the stream: what they want, what they have not been sent, and the two ways of the connection.

Who they are, the caller found out; which changes there are, `Stream` says.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from guestwire.controller.api import problems, stream_messages
from guestwire.controller.api.carried import Carried
from guestwire.controller.api.stream_backlog import Backlog
from guestwire.controller.api.stream_changes import History, Said, delta, said
from guestwire.controller.api.stream_messages import FromViewer, Resume
from guestwire.controller.api.stream_view import Query, View, Wanted, view
from guestwire.controller.feed import Change
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import TokenBucket
from guestwire.protocol.steps import Now

Snapshot = Callable[[Person], Awaitable[Sequence[Change]]]
"""Everything of one kind that a person may see, as changes: the same keys and documents as the feed has."""
Again = Callable[[], Awaitable[Person | None]]
"""Who a viewer is by now; None: nobody any more."""

UNKNOWN, DENIED, AGAIN_LATER, MISBEHAVED, SILENT = 4401, 4403, 1013, 1008, 4408
"""Why a connection is closed: nobody is known (any more), not allowed, too much, wrong messages, said nothing."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of the stream, in seconds and numbers."""

    tick_s: float = 0.1
    linger_s: float = 60.0
    """How long changes are still followed after the last viewer has gone: it may only have lost its connection."""
    heartbeat_s: float = 15.0
    check_s: float = 30.0
    """How often it is looked whether a viewer may still see what they see."""
    send_s: float = 20.0
    first_s: float = 10.0
    viewers: int = 500
    viewers_each: int = 20
    behind: int = 5000
    """Different things that one viewer may have before it."""
    items: int = 200
    """Things in one message of a snapshot."""
    snapshots: int = 4
    """Snapshots that are read at once."""
    resyncs: int = 3
    """How often a viewer may fall behind in a minute before it is let go. To see something else by now is not to fall behind."""


class Source(Protocol):
    """What a viewer is shown."""

    access: Access
    snapshots: Mapping[str, Snapshot]
    query: Query
    limits: StreamLimits
    history: History
    epoch: str
    reading: asyncio.Semaphore
    clock: Callable[[], Now]

    def same_view(self, made: View) -> View:
        """The view of somebody who sees the same, where there is one: its texts are shared."""
        ...


class Closed(Exception):
    """A connection is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Viewer:
    """One connection. One task reads what the viewer says, another one sends."""

    def __init__(
        self, stream: Source, socket: WebSocket, known: Carried, again: Again, first: FromViewer | None
    ) -> None:
        self._stream = stream
        self._socket = socket
        self._known = known
        self._again = again
        self._asked = TokenBucket(0.5, 10)
        self._sending = asyncio.Lock()
        self._resyncs = TokenBucket(1 / 60, stream.limits.resyncs)
        self._sees_otherwise = False
        self._wants: FromViewer | None = None if first is None or first.subscribe is None else first
        self.backlog = Backlog(stream.limits.behind)
        self.view: View | None = None
        assert known.person is not None
        self.person = known.person

    async def serve(self) -> None:
        """Until one end has enough. Raises Closed, WebSocketDisconnect."""
        tasks = [asyncio.create_task(work(), name="viewer") for work in (self._read, self._send, self._watch)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- what the viewer says

    async def _read(self) -> None:
        while True:
            try:
                message = stream_messages.read(await next_text(self._socket))
                if after := self._asked.take(self._stream.clock().mono):
                    raise GuestwireError("THROTTLED", "Too many messages: wait.", after_ms=after)
                if message.subscribe is None:
                    raise GuestwireError("INVALID-BODY", "Say what to subscribe to.", field="subscribe")
                stream_messages.wanted(message.subscribe)
            except GuestwireError as err:
                await self._refuse(err)
                continue
            self._wants = message  # what was wanted before is not wanted any more
            self.backlog.some.set()

    async def _refuse(self, error: GuestwireError) -> None:
        problem = problems.problem(error, self._known.asked.request_id).model_dump(mode="json", exclude_none=True)
        await self._say({"problem": problem.pop("type"), **problem, "type": "problem"})

    # -- what it is sent

    async def _send(self) -> None:
        while True:
            if self._wants is None:
                await self.backlog.some.wait()
            if self._wants is not None:
                wants, self._wants = self._wants, None
                await self._subscribed(wants)
            elif self.backlog.lost and self.view is not None:
                await self._anew()
            elif self.view is None:
                self.backlog.begin(self._stream.history.revision)
            elif (text := self.backlog.take(self.view)) is not None:
                await self._out(text)

    async def _subscribed(self, message: FromViewer) -> None:
        assert message.subscribe is not None
        try:
            wanted = stream_messages.wanted(message.subscribe)
            self._look(wanted)
        except GuestwireError as err:
            await self._refuse(err)
            self.backlog.some.set()  # something may wait for the view that stays
            return
        if message.resume is None or not await self._resumed(message.resume):
            await self._whole()

    def _look(self, wanted: Wanted) -> None:
        made = view(self._stream.access, self.person, wanted, self._stream.query)
        self.view = self._stream.same_view(made)

    async def _resumed(self, resume: Resume) -> bool:
        missed = self._stream.history.since(resume.revision) if resume.epoch == self._stream.epoch else None
        if missed is None or self.view is None:
            return False
        revision = self._stream.history.revision
        self.backlog.begin(revision)
        texts = self.view.texts(missed)
        if texts:
            await self._out(delta(revision, texts))
        await self._say({"type": "ready", "epoch": self._stream.epoch, "revision": revision})
        return True

    async def _anew(self) -> None:
        reason, self._sees_otherwise = "access" if self._sees_otherwise else "behind", False
        if reason == "behind" and self._resyncs.take(self._stream.clock().mono):
            raise Closed(AGAIN_LATER, "too slow")
        await self._say({"type": "resync", "reason": reason})
        await self._whole()

    async def _whole(self) -> None:
        """Everything, from a moment that no change after it misses: a change that is in both is sent twice, and the later
        one counts."""
        assert self.view is not None
        revision = self._stream.history.revision
        self.backlog.begin(revision)
        for kind in sorted(self.view.kinds & self._stream.snapshots.keys()):
            async with self._stream.reading:  # and not while it is sent: that takes as long as the viewer likes
                items = [said(change) for change in await self._stream.snapshots[kind](self.person)]
            await self._snapshot(kind, revision, self._shown(items))
        await self._say({"type": "ready", "epoch": self._stream.epoch, "revision": revision})

    def _shown(self, items: Iterable[Said]) -> list[str]:
        assert self.view is not None
        found = ((item, self.view.text(item)) for item in items)
        return [text for item, text in found if text is not None and text is not item.gone]

    async def _snapshot(self, kind: str, revision: int, texts: list[str]) -> None:
        size = self._stream.limits.items
        for start in range(0, max(1, len(texts)), size):
            items = ",".join(texts[start : start + size])
            await self._out(
                f'{{"type":"snapshot","epoch":"{self._stream.epoch}","revision":{revision},"kind":"{kind}","items":[{items}]}}'
            )

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._out(json.dumps(message, separators=(",", ":")))

    async def _out(self, text: str) -> None:
        """Raises Closed for a viewer that takes nothing."""
        try:
            async with asyncio.timeout(self._stream.limits.send_s), self._sending:
                await self._socket.send_text(text)
        except TimeoutError:
            raise Closed(AGAIN_LATER, "too slow") from None

    # -- whether it may still

    async def _watch(self) -> None:
        """Heartbeats, and now and then the question whether the viewer is still who they were, and may what they might."""
        checked = self._stream.clock().mono
        while True:
            await asyncio.sleep(min(self._stream.limits.heartbeat_s, self._stream.limits.check_s))
            now = self._stream.clock()
            await self._say({"type": "heartbeat", "revision": self.backlog.told, "at": now.wall_ms})
            if now.mono - checked >= self._stream.limits.check_s:
                checked = now.mono
                await self._check()

    async def _check(self) -> None:
        person = await self._again()
        if person is None:
            raise Closed(UNKNOWN, "UNAUTHENTICATED")
        self.person = person
        if self.view is not None:
            made = view(self._stream.access, person, self.view.wanted, self._stream.query)
            if (made.kinds, made.visibility) != (self.view.kinds, self.view.visibility):
                self.view = self._stream.same_view(made)
                self._sees_otherwise = True
                self.backlog.lose()


async def next_text(socket: WebSocket) -> str:
    """The next message. Raises Closed for one of bytes."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1005)
    text: str | None = message.get("text")
    if text is None:
        raise Closed(MISBEHAVED, "a message is text")
    return text
