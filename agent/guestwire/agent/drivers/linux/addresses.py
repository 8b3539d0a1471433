"""The addresses of the network interfaces, as rtnetlink tells them: one dump on a socket, no program and no library.

The agent that never shows them loads nothing for it; `guestwire.comm.networks` is who changes them.
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence, port."""
_ADDRESS = struct.Struct("=BBBBI")
"""Family, prefix length, flags, scope, interface index."""
_ATTRIBUTE = struct.Struct("=HH")
_NEW, _GET, _ERROR, _DONE = 20, 22, 2, 3
_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_FAMILIES: Mapping[int, type[IPv4Address | IPv6Address]] = {
    socket.AF_INET: IPv4Address,
    socket.AF_INET6: IPv6Address,
}
"""Others have addresses of their own kind there as well (MCTP, Phonet)."""
_LONGEST = 1 << 16
_WAIT_S = 2.0

Addresses = Mapping[str, tuple[str, ...]]
"""By the name of the interface: addresses with prefix length, in the kernel's order (IPv4 first)."""


def read_addresses() -> Addresses:
    """Those of this network namespace; none where the kernel does not tell."""
    found: dict[str, list[str]] = {}
    with suppress(OSError):  # no netlink here
        for index, address in _dumped():
            with suppress(OSError):  # the interface went away meanwhile
                found.setdefault(socket.if_indextoname(index), []).append(address)
    return {name: tuple(addresses) for name, addresses in found.items()}


def _dumped() -> Iterator[tuple[int, str]]:
    body = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_WAIT_S)
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET, _REQUEST_DUMP, 1, 0) + body)
        done = False
        while not done:
            found, done = parsed(kernel.recv(_LONGEST))
            yield from found


def parsed(data: bytes) -> tuple[list[tuple[int, str]], bool]:
    """Interface indexes and addresses of what the kernel answered, and whether that was the last of it."""
    found: list[tuple[int, str]] = []
    place = 0
    while place + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, place)
        if kind in (_DONE, _ERROR) or length < _HEADER.size:
            return found, True
        if kind == _NEW:
            family, prefix, _, _, index = _ADDRESS.unpack_from(data, place + _HEADER.size)
            told = dict(_attributes(data[place + _HEADER.size + _ADDRESS.size : place + length]))
            # IPv4: `local` is its own, `address` the other end's of a tunnel; IPv6 has `local` for a tunnel alone
            own = told.get(_IFA_LOCAL, told.get(_IFA_ADDRESS))
            if own is not None and family in _FAMILIES:
                found.append((index, f"{_FAMILIES[family](own)}/{prefix}"))
        place += _aligned(length)
    return found, False


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, place)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[place + _ATTRIBUTE.size : place + length]
        place += _aligned(length)


def _aligned(length: int) -> int:
    return length + 3 & ~3
