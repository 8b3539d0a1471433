"""What changes at a controller, as it changes: its WebSocket, /api/v1/stream, from where one was and through cuts.

`Position` decides what is asked for and what an answer means, without a connection; `follow` has the connection. What things are like
is not kept here.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from guestwire.link.backoff import Backoff
from guestwire.model.errors import BY_CODE, GuestwireError

WITH_SNAPSHOT: Final = frozenset({"host", "alarm", "rollout", "group", "job", "approval", "window"})
"""Kinds that are sent whole at first; the others are told of from then on."""
SILENT_S = 45.0
"""So long nothing may come: a controller says something every 15 s."""
OPEN_S = 10.0
AGAIN_CAP_S = 10.0
TRIES = 3
"""How often a stream is tried that never stood: something in between may take HTTP alone."""
MOST_BYTES = 8 * 1024 * 1024
_CLOSED: Final[Mapping[int, str]] = {4401: "UNAUTHENTICATED", 4403: "DENIED", 1008: "CONTROLLER-ANSWER"}
"""Why a controller ends a connection for good."""


class Endpoint(NamedTuple):
    """Where the stream is, and what a request for it has. `tls` None: without, on this machine."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None = None


class Changed(NamedTuple):
    """A thing as it is now; `document` None: it is not there any more, or not what was asked for."""

    kind: str
    key: str
    document: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said. `anew`: what one had counts no more, and something may have been missed. `ready`: all that there was has been said,
    and what comes from here on is new. `cut`: the connection is lost for now, and why."""

    changes: tuple[Changed, ...] = ()
    anew: bool = False
    ready: bool = False
    cut: GuestwireError | None = None


class Position:
    """How far a stream was followed."""

    def __init__(self, kinds: Sequence[str], hosts: Sequence[str] = (), q: str = "") -> None:
        self._wanted = {"kinds": list(kinds), "hosts": list(hosts), "q": q}
        self._tells = bool(WITH_SNAPSHOT & set(kinds))
        self._epoch: str | None = None
        self._revision = 0
        self._whole = False

    def subscribe(self) -> str:
        """What a new connection begins with."""
        said: dict[str, Any] = {"subscribe": self._wanted}
        if self._epoch is not None:
            said["resume"] = {"epoch": self._epoch, "revision": self._revision}
        self._whole = False
        return json.dumps(said)

    def heard(self, text: str) -> Heard | None:
        """What a message means; None: nothing to anybody. Raises CONTROLLER-ANSWER, and what the controller refuses with."""
        try:
            message = json.loads(text)
            return self._meant(message)
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise GuestwireError("CONTROLLER-ANSWER", f"A message of the stream cannot be read: {err!r}") from err

    def _meant(self, message: dict[str, Any]) -> Heard | None:
        match message["type"]:
            case "snapshot":
                anew, self._whole = not self._whole, True
                return Heard(_changes(message["items"]), anew=anew)
            case "delta":
                self._revision = max(self._revision, int(message["revision"]))
                return Heard(_changes(message["changes"]))
            case "resync":
                self._whole = False
                return None
            case "ready":
                first = self._epoch is None
                self._epoch, self._revision = str(message["epoch"]), int(message["revision"])
                # of kinds that are never sent whole nobody can say whether something was missed
                return Heard(anew=not self._tells and not first, ready=True)
            case "problem":
                raise _problem(message)
            case _:
                return None


async def follow(
    endpoint: Endpoint, kinds: Sequence[str], hosts: Sequence[str] = (), q: str = "", *, silent_s: float = SILENT_S
) -> AsyncGenerator[Heard, None]:
    """What is said of those kinds of things, for ever: a connection that is lost is told of (`cut`) and made again, from where it was.
    Raises UNAUTHENTICATED, DENIED, and CONTROLLER-ANSWER where there is no stream to be had: then there is the API to ask."""
    position, backoff, never, clock = (
        Position(kinds, hosts, q),
        Backoff(cap_s=AGAIN_CAP_S),
        0,
        asyncio.get_running_loop().time,
    )
    while True:
        stood_since: float | None = None
        try:
            async with aclosing(_connection(endpoint, position, silent_s)) as connection:
                async for heard in connection:
                    if heard.ready and stood_since is None:
                        stood_since, never = clock(), -1
                    yield heard
        except GuestwireError as err:
            if err.code != "CONTROLLER-UNREACHABLE":
                raise
            never += never >= 0
            if never >= TRIES:
                raise GuestwireError("CONTROLLER-ANSWER", f"The controller gives no stream: {err.message}") from err
            yield Heard(cut=err)
        await asyncio.sleep(backoff.failed(0 if stood_since is None else clock() - stood_since))


async def _connection(endpoint: Endpoint, position: Position, silent_s: float) -> AsyncGenerator[Heard, None]:
    """One connection. Raises CONTROLLER-UNREACHABLE once it is lost, and what `follow` does."""
    try:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
    except ImportError as err:
        raise GuestwireError(
            "CONTROLLER-ANSWER", "A stream takes the package `websockets`, which is not here."
        ) from err
    try:
        async with connect(
            endpoint.url, additional_headers=dict(endpoint.headers), ssl=endpoint.tls, proxy=None, open_timeout=OPEN_S,
            close_timeout=1, max_size=MOST_BYTES, ping_interval=None,
        ) as socket:  # fmt: skip
            await socket.send(position.subscribe())
            while True:
                async with asyncio.timeout(silent_s):
                    text = await socket.recv(decode=True)
                heard = position.heard(str(text))
                if heard is not None:
                    yield heard
    except InvalidStatus as err:
        status = err.response.status_code
        code = {401: "UNAUTHENTICATED", 403: "DENIED"}.get(status, "CONTROLLER-ANSWER" if status < 500 else None)
        raise _lost(code, f"the stream was refused with the status {status}") from err
    except ConnectionClosed as err:
        why = err.rcvd.reason if err.rcvd is not None and err.rcvd.reason else "it was cut"
        raise _lost(_CLOSED.get(0 if err.rcvd is None else err.rcvd.code), f"the stream ended: {why}") from err
    except TimeoutError as err:
        raise _lost(None, "the stream has said nothing for a while") from err
    except (OSError, WebSocketException) as err:
        raise _lost(None, f"the stream cannot be used: {err or type(err).__name__}") from err


def _lost(code: str | None, why: str) -> GuestwireError:
    return GuestwireError(
        code or "CONTROLLER-UNREACHABLE", None if code in ("UNAUTHENTICATED", "DENIED") else f"{why}."
    )


def _changes(items: Sequence[Mapping[str, Any]]) -> tuple[Changed, ...]:
    return tuple(Changed(str(one["kind"]), str(one["key"]), one["document"]) for one in items)


def _problem(message: Mapping[str, Any]) -> GuestwireError:
    code = str(message.get("code"))
    return GuestwireError(
        code if code in BY_CODE else "CONTROLLER-ANSWER", message.get("detail"), field=message.get("field")
    )
