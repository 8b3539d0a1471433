"""Our programs, begun in a moment: forked from a process that has imported them, as `Process`es like any other.

    process = await start_forked("comm", "run", "--config", file)

What starts a program by its command line as a user does is tested where that is the matter; these are the other hundreds of
starts, each of which would read half a thousand modules first. Each program, pytest process and network has one such parent: without
threads, loop or open files, so that what is forked from it is what a new interpreter is after its imports.

PROGRAM is one of PROGRAMS, or the path of a script of tests with `main(arguments)`.

    python forked.py PROGRAM     the parent: orders on the socket that is its standard input
"""

import asyncio
import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from asyncio.base_subprocess import BaseSubprocessTransport
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PROGRAMS = {
    "agent": (
        "guestwire.agent.main", "guestwire.agent.drivers.simulated.host", "guestwire.comm.client",
        "guestwire.agent.enrolling", "guestwire.agent.renewing", "guestwire.link.tcp_server",
    ),
    "comm": ("guestwire.comm.main", "guestwire.comm.compose"),
    "controller": ("guestwire.controller.main", "guestwire.controller.composing.controller"),
}  # fmt: skip
"""The module with `main`, and what it imports later on."""
LOOP = "uvloop"
MESSAGE_BYTES = 1 << 18
START_S = 30.0
_PR_SET_PDEATHSIG = 1
_HIGH = 1000


async def start_forked(
    program: str, *arguments: str, environment: Mapping[str, str] | None = None, stdin: int = DEVNULL,
    stdout: int = PIPE, stderr: int = PIPE, kept: Mapping[str, int] | None = None,
) -> Process:  # fmt: skip
    """A program with these arguments, in a session of its own; it cannot outlive us. `kept`: files that it is given as
    systemd hands them over, by name (sd_listen_fds(3))."""
    loop = asyncio.get_running_loop()
    protocol = SubprocessStreamProtocol(limit=1 << 16, loop=loop)
    files = dict(kept) if kept is not None else None
    words = ["-m", PROGRAMS[program][0]] if program in PROGRAMS else ["-B", program]
    argv = [sys.executable, *words, *arguments]
    sys.audit("subprocess.Popen", argv[0], argv, None, None)
    connected = loop.create_future()
    transport = _Transport(
        loop, protocol, argv, False, stdin, stdout, stderr, 0, connected,
        parent=_parent(program, _namespaces()), environment=dict(environment if environment is not None else os.environ), kept=files,
    )  # fmt: skip
    await connected
    return Process(transport, protocol, loop)


class _Transport(BaseSubprocessTransport):
    """As asyncio's own, but for who forks."""

    _end = -1
    """A file that tells of the child's end."""

    def _start(
        self, args: Sequence[str], shell: bool, stdin: int, stdout: int, stderr: int, bufsize: int, *, parent: "_Parent",
        environment: dict[str, str], kept: dict[str, int] | None,
    ) -> None:  # fmt: skip
        assert not shell
        ours: list[Any] = []
        theirs: list[int] = []
        for number, asked in enumerate((stdin, stdout, stderr)):
            mine, its = None, asked
            if asked == PIPE:
                reads, writes = os.pipe()
                its, other = (reads, writes) if number == 0 else (writes, reads)
                mine = os.fdopen(other, "wb" if number == 0 else "rb", buffering=0)
            elif asked == DEVNULL:
                its = os.open(os.devnull, os.O_RDWR)
            elif asked == STDOUT:
                its = os.dup(theirs[1])
            ours.append(mine)
            theirs.append(its)
        pid = parent.start(list(args), environment, theirs, kept)
        for its in theirs:
            os.close(its)
        self._proc = _Child(parent, pid, *ours)
        self._end = os.pidfd_open(pid)
        self._loop.add_reader(self._end, self._ended)

    def _ended(self) -> None:
        self._forget()
        self._process_exited(self._proc.wait())

    def _forget(self) -> None:
        if self._end >= 0:
            self._loop.remove_reader(self._end)
            os.close(self._end)
            self._end = -1

    def close(self) -> None:
        if self._proc is not None and not self._loop.is_closed():
            self._forget()
        super().close()


class _Child:
    """What asyncio asks of a Popen."""

    def __init__(self, parent: "_Parent", pid: int, stdin: Any, stdout: Any, stderr: Any) -> None:
        self._parent = parent
        self.pid = pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = self._parent.status(self.pid, wait=True)
        assert self.returncode is not None
        return self.returncode

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._parent.status(self.pid, wait=False)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Parent:
    """The process that has imported a program, as seen from here. It ends with us."""

    def __init__(self, program: str) -> None:
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_S)
        with its:
            for end in (self._socket, its):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES)
            self._process = subprocess.Popen(
                [sys.executable, __file__, program], stdin=its, stdout=subprocess.DEVNULL, start_new_session=True
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._socket.close()
        self._process.wait(START_S)

    def start(self, argv: list[str], environment: dict[str, str], files: list[int], kept: dict[str, int] | None) -> int:
        order = {
            "argv": argv,
            "environment": environment,
            "cwd": str(Path.cwd()),
            "kept": None if kept is None else list(kept),
        }
        socket.send_fds(self._socket, [json.dumps(order).encode()], [*files, *(kept or {}).values()])
        return int(self._socket.recv(64))

    def status(self, pid: int, *, wait: bool) -> int | None:
        self._socket.send(json.dumps({"status": pid, "wait": wait}).encode())
        said: int | None = json.loads(self._socket.recv(64))
        return said


def _namespaces() -> tuple[str, ...]:
    """Where this thread is: a test may have gone into a network of its own, and what it starts is in there too."""
    return tuple(str(Path("/proc/thread-self/ns", kind).readlink()) for kind in ("net", "mnt"))


@cache
def _parent(program: str, _where: tuple[str, ...]) -> _Parent:
    return _Parent(program)


# -- the parent


def main(program: str) -> int:
    """Serve orders until the socket closes. In a child it returns what the program does."""
    orders = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    for name in (*PROGRAMS.get(program, ()), LOOP):
        importlib.import_module(name)
    entry = sys.modules[PROGRAMS[program][0]].main if program in PROGRAMS else runpy.run_path(program)["main"]
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    while True:
        data, files, _, _ = socket.recv_fds(orders, MESSAGE_BYTES, 64)
        if not data:
            return 0
        order = json.loads(data)
        if "status" in order:
            orders.send(json.dumps(_status(order["status"], ended, wait=order["wait"])).encode())
            continue
        child = os.fork()
        if child == 0:
            _become(order, files, orders)
            return int(entry(order["argv"][3:]) or 0)
        for file in files:
            os.close(file)


def _status(pid: int, ended: dict[int, int], *, wait: bool) -> int | None:
    """How a child ended; None: it runs. Who asks knows that it has ended, or does not wait."""
    if pid not in ended:
        found, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        if not found:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _become(order: dict[str, Any], files: list[int], orders: socket.socket) -> None:
    """All that is not of the parent: files, environment, directory, and that it ends with who asked. Then it says its number."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    os.setsid()
    said = fcntl.fcntl(orders.detach(), fcntl.F_DUPFD, _HIGH)
    high = [fcntl.fcntl(file, fcntl.F_DUPFD, _HIGH) for file in files]
    for number, file in enumerate(high):
        os.dup2(file, number)
    os.closerange(len(high), _HIGH)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["kept"] is not None:
        os.environ.update(
            LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(order["kept"])), LISTEN_FDNAMES=":".join(order["kept"])
        )
    time.tzset()
    os.chdir(order["cwd"])
    sys.argv = order["argv"][2:]
    os.write(said, str(os.getpid()).encode())
    os.closerange(_HIGH, 1 << 20)


if __name__ == "__main__":
    sys.path.pop(0)  # this directory: a program that is started as usual does not see it
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    sys.exit(main(sys.argv[1]))
