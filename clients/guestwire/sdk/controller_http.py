"""Requests to a controller over HTTP: who asks, how long, what is sent again, and what an error is. It knows no subject.

A request is sent again where no answer came. What changes something is carried out once for all that: it has an `Idempotency-Key`.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from guestwire.link import tls_refusals
from guestwire.link.backoff import Backoff
from guestwire.model.errors import GuestwireError
from guestwire.sdk import problems
from guestwire.sdk.contexts import Context
from guestwire.sdk.controller_stream import Endpoint, Heard, follow

PREFIX = "/api/v1"
PACKED = "application/msgpack"
CONNECT_S = 5.0
USUAL_S = 30.0
AGAIN = 4
"""How often a request is sent in all."""
AGAIN_CAP_S = 2.0
PASSING = frozenset({"THROTTLED", "IN-PROGRESS", "DATABASE-UNAVAILABLE"})
"""Refusals of the controller itself that are about the moment: nothing was done."""
PAGE = 500
MOST_BYTES = 64 * 1024 * 1024

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. `etag`: what a change of the thing goes with."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def document(self) -> Any:
        """The JSON in it; None: there is none. Raises CONTROLLER-ANSWER."""
        if not self.content:
            return None
        try:
            return json.loads(self.content)
        except ValueError as err:
            raise GuestwireError("CONTROLLER-ANSWER", f"The answer is no JSON: {err}") from err


class ControllerHttp:
    """One controller, as one user. Raises GuestwireError: the controller's errors, CONTROLLER-UNREACHABLE, CONTROLLER-ANSWER."""

    def __init__(self, client: httpx.AsyncClient, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._client = client
        self._tls = tls
        self.url = url
        self.answers = True
        """Whether the last request was answered."""

    async def ask(
        self, method: Method, path: str, *, params: Params | None = None, body: Any = None, packed: bytes | None = None,
        headers: Mapping[str, str] | None = None, etag: str | None = None, reads: bool = False, timeout_s: float = USUAL_S,
    ) -> Said:  # fmt: skip
        """The answer to a request, within `timeout_s`. `path` is below /api/v1. `body` goes as JSON, `packed` as msgpack. `etag`: what is
        changed, as it was read. `reads`: a POST that changes nothing."""
        sent = dict(headers or {})
        if packed is not None:
            sent["Content-Type"] = PACKED
        elif body is not None:
            sent["Content-Type"] = "application/json"
            packed = json.dumps(body, ensure_ascii=False).encode()
        if etag is not None:
            sent["If-Match"] = etag
        if method != "GET" and not reads:
            sent.setdefault("Idempotency-Key", secrets.token_hex(16))
        request = self._client.build_request(method, PREFIX + path, params=_given(params), content=packed, headers=sent)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._repeated(request)
        except TimeoutError:
            self.answers = False
            text = f"The controller at {self.url} did not answer within {timeout_s:g} s."
            raise GuestwireError("CONTROLLER-UNREACHABLE", text) from None

    async def pages(self, path: str, params: Params | None = None, most: int | None = None) -> AsyncIterator[Any]:
        """The items of a list, page by page, as JSON has them; `most`: not more than that."""
        given, left = dict(params or {}), most
        while left is None or left > 0:
            given["limit"] = PAGE if left is None else min(PAGE, left)
            page = (await self.ask("GET", path, params=given)).document
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise GuestwireError("CONTROLLER-ANSWER", f"What {path} answers is no list.")
            for item in page["items"]:
                yield item
            left = None if left is None else left - len(page["items"])
            if page.get("next") is None:
                return
            given["cursor"] = page["next"]

    async def pieces(self, path: str, params: Params | None = None) -> AsyncIterator[bytes]:
        """A file, piece by piece. Where it breaks off CONTROLLER-UNREACHABLE is raised: what came until then is not all."""
        try:
            async with self._client.stream("GET", PREFIX + path, params=_given(params)) as answer:
                if answer.status_code >= 400:
                    content = await answer.aread()
                    raise problems.error_of(answer.status_code, answer.headers.get("content-type", ""), content)
                async for piece in answer.aiter_bytes():
                    yield piece
        except httpx.HTTPError as err:
            raise _unreachable(self.url, err) from err

    def changes(self, kinds: Sequence[str], hosts: Sequence[str] = (), q: str = "") -> AsyncGenerator[Heard, None]:
        """What changes, as it changes, until nobody listens any more; see `controller_stream.follow`."""
        sent = {name: self._client.headers[name] for name in ("Authorization",) if name in self._client.headers}
        where = f"ws{self.url.removeprefix('http')}{PREFIX}/stream"
        return follow(Endpoint(where, sent, self._tls), kinds, hosts, q)

    async def _repeated(self, request: httpx.Request) -> Said:
        backoff = Backoff(cap_s=AGAIN_CAP_S)
        for left in range(AGAIN - 1, -1, -1):
            wait_s = backoff.failed(0)
            try:
                return await self._once(request)
            except GuestwireError as err:
                if not left or not (err.code == "CONTROLLER-UNREACHABLE" or err.code in PASSING):
                    raise
                wait_s = max(wait_s, (err.after_ms or 0) / 1000)
            await asyncio.sleep(wait_s)
        raise AssertionError("the last one was raised or returned")

    async def _once(self, request: httpx.Request) -> Said:
        try:
            answer = await self._client.send(request)
        except httpx.HTTPError as err:
            self.answers = False
            raise _unreachable(self.url, err) from err
        self.answers = True
        if len(answer.content) > MOST_BYTES:
            raise GuestwireError("CONTROLLER-ANSWER", "The answer is larger than any that a controller gives.")
        if answer.status_code >= 400:
            raise problems.error_of(answer.status_code, answer.headers.get("content-type", ""), answer.content)
        if answer.status_code >= 300:
            text = f"The controller at {self.url} points elsewhere ({answer.status_code}): give that address itself."
            raise GuestwireError("CONTROLLER-ANSWER", text)
        return Said(answer.status_code, answer.headers, answer.content)


@asynccontextmanager
async def controller_http(
    url: str, *, token: str | None = None, ca: str | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[ControllerHttp]:
    """Requests to the controller at that URL while the block lasts; nothing is sent before the first. Only `ca` vouches for it, where
    one is given. Neither proxies nor passwords of the environment count. Raises CONFIG-INVALID for `ca`."""
    sent = {"Accept": "application/json", **(headers or {})}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    verify: ssl.SSLContext | bool = False
    if url.startswith("https:"):
        try:
            verify = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as err:
            raise GuestwireError("CONFIG-INVALID", f"{ca} cannot be used: {err}", field="ca") from err
    timeout = httpx.Timeout(None, connect=CONNECT_S)  # `ask` bounds the whole
    async with httpx.AsyncClient(
        base_url=url.rstrip("/"), headers=sent, verify=verify, timeout=timeout, trust_env=False, follow_redirects=False
    ) as client:
        yield ControllerHttp(client, url.rstrip("/"), verify if isinstance(verify, ssl.SSLContext) else None)


@asynccontextmanager
async def open_http(context: Context) -> AsyncIterator[ControllerHttp]:
    """Requests to the controller of a context. Raises KEY-FILE-INVALID for its token, CONFIG-INVALID."""
    from guestwire.sdk.credentials import read_token

    assert context.controller is not None
    async with controller_http(context.controller, token=read_token(context), ca=context.ca) as http:
        yield http


def _given(params: Params | None) -> httpx.QueryParams:
    """Parameters as a query has them: those that are None are left out, one with several values comes several times."""
    found: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        values = value if isinstance(value, list | tuple | frozenset | set) else (value,)
        found += [(name, _text(one)) for one in values if one is not None]
    return httpx.QueryParams(tuple(found))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unreachable(url: str, err: Exception) -> GuestwireError:
    cause: BaseException | None = err
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            said = tls_refusals.refused(cause, f"the controller at {url}")
            return GuestwireError(
                said.code, f"{said.message} Its CA goes into `ca` of the context.", detail=said.detail
            )
        cause = cause.__cause__ or cause.__context__
    why = str(err) or type(err).__name__
    return GuestwireError("CONTROLLER-UNREACHABLE", f"The controller at {url} cannot be used: {why}.")
