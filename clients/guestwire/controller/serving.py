"""Serves the API over HTTP or HTTPS, in the loop that everything else of the controller runs in."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from guestwire.model.errors import GuestwireError

STOP_S = 5
"""How long requests that are under way may still take once the controller ends."""
MAX_HEADER_BYTES = 32 * 1024
MAX_CONNECTIONS = 2000
IDLE_S = 75
"""How long a connection stays without a request: longer than any client or proxy keeps one for its next (httpx 5 s, nginx 60 s). Who
closes first must be the one who asks, for a request that meets the end of its connection has no answer."""


class _Server(uvicorn.Server):
    """Signals are the controller's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    application: Any,
    listen: tuple[str, int],
    *,
    tls: tuple[str, str] | None = None,
    behind_proxy: bool = False,
) -> AsyncIterator[str]:
    """Serve while the block lasts; gives the URL. `tls`: the files of certificate and key.

    Raises CONFIG-INVALID for an address that others reach where there is no TLS, or for one that cannot be had, and
    KEY-FILE-INVALID for files that do not go together.
    """
    host, port = listen
    check_reach(host, tls=tls is not None)
    bound = _bound(host, port)
    config = uvicorn.Config(
        application, http="h11", ws="websockets-sansio", lifespan="off", log_config=None, access_log=False,
        server_header=False, h11_max_incomplete_event_size=MAX_HEADER_BYTES, timeout_graceful_shutdown=STOP_S,
        timeout_keep_alive=IDLE_S, limit_concurrency=MAX_CONNECTIONS, proxy_headers=behind_proxy, ws_max_size=1 << 16,
        ws_max_queue=32,
        ws_per_message_deflate=False,  # nearly half of what the stream costs
        ssl_certfile=tls[0] if tls else None, ssl_keyfile=tls[1] if tls else None,
    )  # fmt: skip
    try:
        config.load()
    except (OSError, ssl.SSLError) as err:
        bound.close()
        raise GuestwireError("KEY-FILE-INVALID", f"serve.cert and serve.key: {err}") from err
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]), name="http")
    try:
        async with asyncio.timeout(STOP_S):
            while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn says it by nothing else
                await asyncio.sleep(0)
        name = f"[{host}]" if ":" in host else host
        yield f"{'https' if tls else 'http'}://{name}:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(STOP_S * 2):
            await asyncio.gather(running, return_exceptions=True)


def check_reach(host: str, *, tls: bool) -> None:
    """Raises CONFIG-INVALID for an address that others reach where there is no TLS."""
    if not tls and not _loopback(host):
        text = f"{host} can be reached from elsewhere: give serve.cert and serve.key, or listen at 127.0.0.1."
        raise GuestwireError("CONFIG-INVALID", text, field="serve.listen")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named, for else asyncio takes it for one that has no TCP_NODELAY: forty milliseconds for each answer
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as err:
        bound.close()
        raise GuestwireError("CONFIG-INVALID", f"{host}:{port} cannot be had: {err}", field="serve.listen") from err
    bound.setblocking(False)
    return bound


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
