"""Idempotency keys: a change with `Idempotency-Key` is carried out once, however often it is sent.

It holds for every POST, PUT, PATCH and DELETE of the API; a router has nothing to do for it. The answer is kept for a day for the same
token or session, method, path, revision and body, and sent again with `Idempotent-Replayed: true`. The same key with anything else is
IDEMPOTENCY-MISMATCH, while the first is at work IN-PROGRESS. Where the controller ended in the middle, the audit log tells
whether the work was committed, for its row is: then it is not done again (ANSWER-LOST), else it is.
"""

import hmac
import re
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestwire.controller.api.carried import UNSAFE, Carried, carried, header
from guestwire.controller.store import audit_rows, idempotency
from guestwire.controller.store.database import Database
from guestwire.controller.store.idempotency import Kept
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT_MS: Final = 24 * 3_600_000
AT_WORK_MS: Final = 120_000
"""After that nobody is at work any more: twice what a request may take."""
ASK_AGAIN_MS: Final = 1000
LONGEST_ANSWER: Final = 1 << 20
_KEY: Final = re.compile(r"[\x21-\x7e]{1,64}")
_KEPT_HEADERS: Final = (b"content-type", b"location", b"etag")
_PASSING: Final = frozenset({401, 403, 408, 425, 429})
"""Answers that are about the moment: the same request may end otherwise the next time."""


class Idempotency:
    """Comes after `gate` and `Bodies`: who asks and what is known."""

    def __init__(self, app: ASGIApp, database: Database, clock: Callable[[], Now]) -> None:
        self._app = app
        self._database = database
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "http" and scope["method"] in UNSAFE
        key = header(scope, HEADER.lower().encode()) if changes else None
        known = carried(scope)
        if key is None or known.person is None:
            await self._app(scope, receive, send)
            return
        if _KEY.fullmatch(key) is None:
            raise GuestwireError(
                "INVALID-BODY", "The key is 1 to 64 printable characters without blanks.", field=HEADER
            )
        path = scope["path"] + ("?" + scope["query_string"].decode("ascii") if scope["query_string"] else "")
        kept = Kept(
            known.person.id, key, scope["method"], path[:512], _digest(scope, known, path),
            known.asked.request_id, "running", self._clock().wall_ms,
        )  # fmt: skip
        earlier = await self._begin(kept)
        if earlier is not None:
            known.reads = True  # what it did has its row since then
            await _replayed(earlier)(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer)
        finally:
            await self._end(kept, known, answer)

    async def _begin(self, kept: Kept) -> Kept | None:
        """None: carry it out. Else the earlier request, which was answered."""
        async with self._database.write() as tx:
            earlier = await idempotency.begin(tx, kept)
            if earlier is None:
                return None
            if not earlier.same(kept):
                text = "That key was used for another request: take a new one."
                raise GuestwireError("IDEMPOTENCY-MISMATCH", text, field=HEADER)
            if earlier.state == "running":
                if kept.begun_at - earlier.begun_at < AT_WORK_MS:
                    raise GuestwireError("IN-PROGRESS", after_ms=ASK_AGAIN_MS)
                if await audit_rows.noted(tx, earlier.request_id) is None:
                    await idempotency.take_over(tx, earlier, kept.request_id, kept.begun_at)
                    return None
                await idempotency.lost(tx, earlier)
            if earlier.state != "answered":
                done = await audit_rows.noted(tx, earlier.request_id)
                about = {} if done is None else {"action": done.action, "target": done.target, "at": done.at}
                raise GuestwireError("ANSWER-LOST", detail=about)
            return earlier

    async def _end(self, kept: Kept, known: Carried, answer: "_Answer") -> None:
        async with self._database.write() as tx:
            if answer.whole and answer.status < 500 and answer.status not in _PASSING:
                if known.secret or len(answer.body) > LONGEST_ANSWER:
                    await idempotency.lost(tx, kept)
                else:
                    await idempotency.answered(tx, kept, answer.status, answer.headers, bytes(answer.body))
            elif await audit_rows.noted(tx, kept.request_id) is not None:
                await idempotency.lost(tx, kept)
            else:
                await idempotency.forget(tx, kept)


def _digest(scope: Scope, known: Carried, path: str) -> bytes:
    """What makes it the same request: what is asked, of which revision, and with which token or session. What a token with a scope of its own
    asks is not what its owner asks. And a body may have a password in it: who has but the database can try none on this."""
    credential = header(scope, b"authorization") or known.session or ""
    of = "\0".join(header(scope, name) or "" for name in (b"if-match", b"if-none-match"))
    return hmac.digest(credential.encode(), f"{path}\0{of}\0".encode() + known.body, "sha256")


async def prune(database: Database, now_ms: int) -> int:
    """Forget keys that are older than a day; how many they were."""
    async with database.write() as tx:
        return await idempotency.prune(tx, now_ms - KEPT_MS)


class _Answer:
    """What was answered, on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name.lower() in _KEPT_HEADERS
            ]
        elif message["type"] == "http.response.body":
            if len(self.body) <= LONGEST_ANSWER:
                self.body += message.get("body", b"")
            self.whole = not message.get("more_body", False)
        await self._send(message)


def _replayed(kept: Kept) -> Response:
    response = Response(kept.body, kept.status or 200)
    for name, value in kept.headers:
        response.headers[name] = value
    response.headers[REPLAYED] = "true"
    return response
