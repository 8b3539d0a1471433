"""How much and how often: rates by address and by person, and bodies that are read whole, within bounds, before anything else sees
them."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestwire.controller.api import json_text
from guestwire.controller.api.carried import Carried, carried, header
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets

MIB: Final = 1 << 20
PACKED_TOO: Final = re.compile(r"/api/v1/hosts/[^/]+/[^/]+/operations/[^/]+")
"""Where a body may be msgpack: the very bytes that a host gets. Its operation's model judges it."""
_IN_A_THREAD: Final = 256 * 1024
"""Bodies from that size on are looked through beside the loop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the API: bytes, seconds, requests per second and at once. `larger`: paths below which bodies may be larger."""

    body: int = 2 * MIB
    larger: Mapping[str, int] = field(
        default_factory=lambda: {"/api/v1/projects": 8 * MIB, "/api/v1/drafts": 8 * MIB, "/api/v1/hosts": 8 * MIB}
    )
    stranger_body: int = 16 * 1024
    """Of somebody whom nobody knows yet."""
    body_s: float = 30.0
    request_s: float = 60.0
    stream_s: float = 900.0
    """For an answer that is sent bit by bit, once it has begun."""
    address_rate: float = 200.0
    address_burst: float = 1000.0
    file_rate: float = 2000.0
    """Files of the dashboard: a browser that comes for the first time takes all of them at once, and behind one address there may be many."""
    file_burst: float = 10_000.0
    person_rate: float = 50.0
    person_burst: float = 200.0

    def body_of(self, path: str) -> int:
        """How large a body may be."""
        return max((size for prefix, size in self.larger.items() if path.startswith(prefix)), default=self.body)


class Rates:
    """How often somebody may ask. `mono`: monotonic seconds."""

    def __init__(self, limits: Limits, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._by_address = Buckets(limits.address_rate, limits.address_burst, 8192)
        self._files = Buckets(limits.file_rate, limits.file_burst, 8192)
        self._by_person = Buckets(limits.person_rate, limits.person_burst, 8192)

    def address(self, address: str) -> None:
        """One request more from there. Raises THROTTLED."""
        _taken(self._by_address[address].take(self._mono()))

    def file(self, address: str) -> None:
        """One file of the dashboard more from there. Raises THROTTLED."""
        _taken(self._files[address].take(self._mono()))

    def person(self, person: Person) -> None:
        """One request more of theirs; each token has a rate of its own. Raises THROTTLED."""
        _taken(self._by_person[person.id, "" if person.token is None else person.token.id].take(self._mono()))


def _taken(after_ms: int) -> None:
    if after_ms:
        raise GuestwireError("THROTTLED", "Too many requests: wait.", after_ms=after_ms)


class Bodies:
    """Reads a body whole, sees that it is sound JSON, and hands it on in one piece. Comes after `gate`: it reads no large body of a
    stranger."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        known = carried(scope)
        most = self._limits.stranger_body if known.person is None else self._limits.body_of(scope["path"])
        known.body = await self._read(scope, receive, most)
        if known.body and _is_json(scope):
            await _check(known.body)
        await self._app(scope, _again(known, receive), send)

    async def _read(self, scope: Scope, receive: Receive, most: int) -> bytes:
        said = header(scope, b"content-length") or ""
        if said.isdecimal() and (len(said) > len(str(most)) or int(said) > most):
            raise _too_large(most)
        data = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GuestwireError("MALFORMED", "The body did not come whole.")
                    data += message.get("body", b"")
                    if len(data) > most:
                        raise _too_large(most)
                    if not message.get("more_body", False):
                        return bytes(data)
        except TimeoutError:
            raise GuestwireError("MALFORMED", "The body did not come whole in time.") from None


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _is_json(scope: Scope) -> bool:
    """Whether it is JSON; else it is msgpack, where that may come. Raises MEDIA-TYPE for anything but those, plain: a form of
    another site's page can send neither."""
    kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    coding = header(scope, b"content-encoding")
    packed = kind == "application/msgpack" and PACKED_TOO.fullmatch(scope["path"]) is not None
    if not (packed or kind == "application/json") or coding not in (None, "identity"):
        raise GuestwireError("MEDIA-TYPE")
    return not packed


async def _check(body: bytes) -> None:
    if len(body) < _IN_A_THREAD:
        json_text.check(body)
    else:
        await asyncio.to_thread(json_text.check, body)


def _again(known: Carried, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what else happens."""
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": known.body, "more_body": False}

    return give


def _too_large(most: int) -> GuestwireError:
    return GuestwireError("BODY-TOO-LARGE", f"The body is larger than {most} bytes.", detail={"most": most})
