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
