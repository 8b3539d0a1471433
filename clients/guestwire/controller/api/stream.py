"""The stream: /api/v1/stream, one WebSocket for everything that changes.

A viewer says what they want and is sent it whole (`snapshot`, by kind, in pieces, then `ready`), and from then on what changes
(`delta`, ten times a second at most). A viewer that was away for a short while resumes; who is too far behind is told (`resync`) and sent
everything anew; who takes nothing any more is let go (1013). `stream_view` decides what somebody sees.

What it sends:  {"type": "snapshot", "epoch", "revision", "kind", "items": [{"kind", "key", "document"}]}
                {"type": "ready", "epoch", "revision"}
                {"type": "delta", "revision", "changes": [{"kind", "key", "document": {...} | null}]}
                {"type": "resync", "reason"}        everything follows anew
                {"type": "heartbeat", "revision", "at"}
                {"type": "problem", ...}            RFC 9457
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from guestwire.controller.api import stream_messages
from guestwire.controller.api.carried import Carried, carried, header
from guestwire.controller.api.gate import Identities
from guestwire.controller.api.stream_changes import Batch, History
from guestwire.controller.api.stream_messages import FromViewer
from guestwire.controller.api.stream_view import Query, View, words
from guestwire.controller.api.stream_viewer import (
    AGAIN_LATER,
    DENIED,
    MISBEHAVED,
    SILENT,
    UNKNOWN,
    Again,
    Closed,
    Snapshot,
    StreamLimits,
    Viewer,
    next_text,
)
from guestwire.controller.feed import Feed, Subscriber
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now


class Stream(OwnTask):
    """All viewers, and the one task that takes changes from the feed for them, as long as its block lasts."""

    def __init__(
        self, feed: Feed, access: Access, identities: Identities, snapshots: Mapping[str, Snapshot],
        clock: Callable[[], Now], *, query: Query = words, limits: StreamLimits | None = None,
    ) -> None:  # fmt: skip
        self.access = access
        self.identities = identities
        self.snapshots = snapshots
        self.clock = clock
        self.query = query
        self.limits = limits or StreamLimits()
        self.history = History()
        self.epoch = secrets.token_hex(16)
        self.reading = asyncio.Semaphore(self.limits.snapshots)
        self._feed = feed
        self._viewers: set[Viewer] = set()
        self._watching = asyncio.Event()
        self._following = ExitStack()
        self._subscriber: Subscriber | None = None
        super().__init__("stream")

    def admit(self, viewer: Viewer) -> bool:
        """Take a viewer in; False: there are too many."""
        each = sum(1 for one in self._viewers if one.person.id == viewer.person.id)
        if len(self._viewers) >= self.limits.viewers or each >= self.limits.viewers_each:
            return False
        if (
            self._subscriber is None
        ):  # now, and not when the task has its turn: what the viewer reads next is followed from here
            self._subscriber = self._following.enter_context(self._feed.subscribe())
            self.history.forget()
            self._watching.set()
        self._viewers.add(viewer)
        return True

    def leave(self, viewer: Viewer) -> None:
        """A viewer is gone."""
        self._viewers.discard(viewer)

    def same_view(self, made: View) -> View:
        """The view of somebody who sees the same, where there is one: its texts are shared."""
        for viewer in self._viewers:
            there = viewer.view
            if there is not None and (there.wanted, there.kinds, there.visibility) == (
                made.wanted, made.kinds, made.visibility,
            ):  # fmt: skip
                return there
        return made

    async def _run(self) -> None:
        """Follows the feed while there are viewers, and for a while after that: what nobody sees need not be made."""
        with self._following:
            while True:
                await self._watching.wait()
                assert self._subscriber is not None
                alone = 0.0
                while self._viewers or alone < self.limits.linger_s:
                    began = self.clock().mono
                    await self._turn(self._subscriber)
                    alone = 0.0 if self._viewers else alone + self.clock().mono - began
                self._following.close()
                self._subscriber = None
                self._watching.clear()

    async def _turn(self, subscriber: Subscriber) -> None:
        try:
            async with asyncio.timeout(self.limits.linger_s):
                changes = await subscriber.take()
        except TimeoutError:
            return
        if subscriber.lost:
            subscriber.begin()
            self.history.forget()
            for viewer in self._viewers:
                viewer.backlog.lose()
        elif changes:
            self._hand_out(self.history.add(changes))
        await asyncio.sleep(self.limits.tick_s)

    def _hand_out(self, batch: Batch) -> None:
        for viewer in self._viewers:
            viewer.backlog.put(batch)


def router(stream: Stream) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/stream")
    async def view_stream(socket: WebSocket) -> None:
        known = carried(socket.scope)
        first: FromViewer | None = None
        await socket.accept()  # whoever it is: a page is told why it is closed, and not why it was not opened
        try:
            again = await _by_headers(stream.identities, socket, known)
            if again is None:
                again, first = await _by_message(stream, socket, known)
            viewer = Viewer(stream, socket, known, again, first)
            if viewer.person.must_change and viewer.person.token is None:
                raise Closed(DENIED, "PASSWORD-EXPIRED")
            if not stream.admit(viewer):
                raise Closed(AGAIN_LATER, "too many viewers")
            try:
                await viewer.serve()
            finally:
                stream.leave(viewer)
        except WebSocketDisconnect:
            return
        except Closed as closed:
            known.code = closed.reason if closed.code in (UNKNOWN, DENIED) else ""
            await _close(stream, socket, closed.code, closed.reason)
        except GuestwireError as err:
            known.code = err.code
            code = {"UNAUTHENTICATED": UNKNOWN, "CSRF-REFUSED": DENIED}.get(err.code, AGAIN_LATER)
            await _close(stream, socket, code, err.code)

    return routes


async def _by_headers(identities: Identities, socket: WebSocket, known: Carried) -> Again | None:
    """Who connects, by what the request for the connection has; None: it says nothing. A cookie counts only with an origin, which
    every browser sends. Raises UNAUTHENTICATED, CSRF-REFUSED."""
    scope = socket.scope
    names = (b"authorization", b"cookie")
    headers = {name: value for name in names if (value := header(scope, name)) is not None}
    origin = header(scope, b"origin")

    async def again() -> Person | None:
        try:
            return await identities.identify(headers, known, note=False)
        except GuestwireError as err:
            if err.code == "UNAUTHENTICATED":
                return None
            raise

    known.person = await identities.identify(headers, known)
    if known.person is None:
        return None
    if known.session is not None:
        if origin is None:
            raise GuestwireError("CSRF-REFUSED")
        identities.names.check_origin(origin, header(scope, b"host"), header(scope, b"sec-fetch-site"))
    return again


async def _by_message(stream: Stream, socket: WebSocket, known: Carried) -> tuple[Again, FromViewer]:
    """Who connects, by a token in the first message, and that message. Raises Closed."""
    try:
        async with asyncio.timeout(stream.limits.first_s):
            message = stream_messages.read(await next_text(socket))
    except TimeoutError:
        raise Closed(SILENT, "no token") from None
    except GuestwireError as err:
        raise Closed(MISBEHAVED, err.code) from None
    token, tokens = message.token, stream.identities.tokens

    async def again() -> Person | None:
        return None if token is None else await tokens.person(token, known.asked, note=False)

    known.person = None if token is None else await tokens.person(token, known.asked)
    if known.person is None:
        raise Closed(UNKNOWN, "UNAUTHENTICATED")
    return again, message


async def _close(stream: Stream, socket: WebSocket, code: int, reason: str) -> None:
    """Say why, if the other end still takes it."""
    if socket.client_state is WebSocketState.DISCONNECTED or socket.application_state is WebSocketState.DISCONNECTED:
        return
    try:
        async with asyncio.timeout(stream.limits.send_s):
            await socket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return
