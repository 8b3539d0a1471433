"""TCP as a request-response protocol needs it: connect within a deadline, and no waiting for each other's ACKs.

Nagle's algorithm at one end and delayed ACKs at the other cost 40 ms per exchange. TCP_NODELAY turns off the first at
our end; where the broker leaves it on, acknowledging at once does as well (Linux only, and not sticky: the kernel goes
back to delaying by itself).
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence

_Address = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


async def open_socket(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket with TCP_NODELAY. Tries all addresses of `host`; raises the last OSError.

    The caller bounds the time.
    """
    loop = asyncio.get_running_loop()
    last = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await _addresses(host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as err:
            sock.close()
            last = err
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise last


async def _addresses(host: str, port: int) -> Sequence[_Address]:
    try:
        # an address needs no resolver, and so no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def quick_ack(sock: socket.socket) -> None:
    """Acknowledge at once what was just read; after every read that nothing is written in answer to.

    Does nothing where it cannot.
    """
    if QUICK_ACK is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)


_IP_FREEBIND, _IPV6_FREEBIND = 15, 78
"""Linux's, which Python has no names for: an address may be listened at before the network has it."""
KEEP_ALIVE_IDLE_S, KEEP_ALIVE_EVERY_S, KEEP_ALIVE_TRIES = 30, 10, 3


async def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of `host`, all of this machine's where it is empty. What they accept has
    TCP_NODELAY, and keep-alive: a peer that vanished is noticed within a minute. Raises OSError."""
    made: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in await _own_addresses(host, port):
            sock = socket.socket(family, kind, protocol)
            made.append(sock)
            _set_up(sock)
            sock.bind(address)
            sock.listen(64)
            sock.setblocking(False)
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return made


async def _own_addresses(host: str, port: int) -> Sequence[_Address]:
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)


def _set_up(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    keep_alive(sock)


def keep_alive(sock: socket.socket) -> None:
    """Notice within a minute that the peer is not there any more."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEP_ALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEP_ALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEP_ALIVE_TRIES),
    ):
        if (number := getattr(socket, option, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)
