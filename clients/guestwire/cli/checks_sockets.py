"""Doctor: what the kernel does with this process' own connection to a broker, and how many files it may open."""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from guestwire.cli.findings import Finding
from guestwire.link.tcp import QUICK_ACK

FILES_PER_HOST, FILES_BESIDES = 4, 256
"""Open files of a client that has to do with every host at once: its links, drafts and databases."""
_DESCRIPTORS = Path("/proc/self/fd")


def tcp_options(where: str, address: str, port: int) -> list[Finding]:
    """TCP_NODELAY and TCP_QUICKACK of this process' connection there, as the kernel says; nothing where there is none."""
    found = [options for sock in _own_sockets() if (options := _options(sock, address, port)) is not None]
    if not found:
        return []
    without = [name for name in ("TCP_NODELAY", "TCP_QUICKACK") if not all(options[name] for options in found)]
    if without:
        text = f"{where}: {' and '.join(without)} not in effect: small packets wait for each other"
        return [
            Finding(
                "tcp options", "warn", text, "Update Guestwire and this machine's kernel, and report it if it stays."
            )
        ]
    names = "TCP_NODELAY and TCP_QUICKACK" if QUICK_ACK is not None else "TCP_NODELAY"
    return [Finding("tcp options", "ok", f"{where}: {names} in effect")]


def _own_sockets() -> Iterator[socket.socket]:
    """Each of this process' sockets, by a descriptor of its own that ends with the step."""
    try:
        entries = list(_DESCRIPTORS.iterdir())
    except OSError:  # no Linux
        return
    for entry in entries:
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            sock = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:  # it was closed meanwhile
            continue
        with sock:
            yield sock


def _options(sock: socket.socket, address: str, port: int) -> dict[str, bool] | None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        return None
    with contextlib.suppress(OSError):
        if sock.getpeername()[:2] == (address, port):
            quick = True if QUICK_ACK is None else bool(sock.getsockopt(socket.IPPROTO_TCP, QUICK_ACK))
            nodelay = bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            return {"TCP_NODELAY": nodelay, "TCP_QUICKACK": quick}
    return None


def open_files(hosts: int) -> Finding:
    """Whether this process may open as many files as a site of so many hosts needs."""
    what = "open files"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_PER_HOST * hosts + FILES_BESIDES
    text = f"{_count(soft)} (at most {_count(hard)}), for {hosts} hosts {needed}"
    if resource.RLIM_INFINITY != soft < needed:
        enough = hard == resource.RLIM_INFINITY or hard >= needed
        remedy = f"ulimit -n {needed}" if enough else "Raise the limit: LimitNOFILE in the unit, or limits.conf."
        return Finding(what, "warn", text, remedy)
    return Finding(what, "ok", text)


def _count(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
