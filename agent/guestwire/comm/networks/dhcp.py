"""The DHCP servers: one dnsmasq per network that is served, in a network namespace of its own where the network is isolated
(a veth into the bridge is all it has), else on the bridge.

They are found again by their pid files: guests renew their leases while guestwire-comm is restarted. A server's namespace and
veth last as long as its process, so ending it leaves nothing.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from guestwire.comm.networks.dnsmasq_config import INSIDE, dnsmasq_config, lease_file, pid_file
from guestwire.comm.networks.links import attach_service_port, delete_service_port, make_service_veth
from guestwire.comm.networks.network_threads import NetworkThread, in_new_namespace
from guestwire.comm.networks.plan import NetPlan, service_port

_READY_S = 5.0
_END_S = 3.0
_LOOK_S = 0.01


class DhcpError(Exception):
    """A server does not run; the text says which and why."""


@dataclass(frozen=True)
class _Server:
    """A dnsmasq. `pidfd` is readable when it has ended."""

    pid: int
    pidfd: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class DhcpServers:
    """The servers of the networks. `died` is called, in the loop, when one has ended that was not told to."""

    def __init__(
        self, folder: Path, mark: str, dnsmasq: str, blocking: NetworkThread, died: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._alias = f"{mark}:dhcp"
        self._dnsmasq = dnsmasq
        self._blocking = blocking
        self._died = died
        self._servers: dict[str, _Server] = {}

    def close(self) -> None:
        """Let go of the servers; they go on."""
        for server in self._servers.values():
            self._let_go(server)
        self._servers.clear()

    async def ensure(self, plans: Sequence[NetPlan]) -> None:
        """Exactly the servers of those plans, as configured there. Those that are right go on. Raises DhcpError, when every
        other server has been seen to."""
        wanted = {plan.id: plan for plan in plans if plan.served}
        self._folder.mkdir(parents=True, exist_ok=True)
        there = {path.stem for path in self._folder.glob("*.conf")} | self._servers.keys()
        for number in sorted(there - wanted.keys()):
            await self._end(number)
        failed = []
        for plan in wanted.values():
            try:
                await self._ensure(plan)
            except DhcpError as error:
                failed.append(str(error))
        if failed:
            raise DhcpError("; ".join(failed))

    async def _ensure(self, plan: NetPlan) -> None:
        text = dnsmasq_config(plan, self._folder)
        path = self._config(plan.id)
        server = self._servers.get(plan.id) or self._found(plan.id)
        alive = server is not None and not server.ended.is_set()
        if alive and path.is_file() and path.read_bytes() == text.encode() and await self._attached(plan):
            return
        await self._end(plan.id)
        path.write_text(text)
        try:
            pid = await self._blocking(partial(self._spawn, plan, path))
        except (OSError, NetlinkError) as error:
            await self._end(plan.id)
            raise DhcpError(f"the DHCP server of {plan.name} could not be started: {error}") from error
        server = self._follow(plan.id, pid)
        if server is None or not await self._attached(plan) or not await self._ready(plan.id, server):
            await self._end(plan.id)
            raise DhcpError(
                f"the DHCP server of {plan.name} ended or did not come up: {path.with_suffix('.log')} says why"
            )

    def _spawn(self, plan: NetPlan, path: Path) -> int:
        def spawn() -> int:
            # a file of its own: it outlives this process, and whoever reads what that prints waits for its end
            log, how = str(path.with_suffix(".log")), os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            files = [
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, how, 0o640),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            arguments = [self._dnsmasq, f"--conf-file={path}"]
            return os.posix_spawnp(self._dnsmasq, arguments, os.environ, file_actions=files, setsid=True)

        def inside(own: int) -> int:
            assert plan.address is not None
            make_service_veth(INSIDE, plan.service_port, own, plan.service_mac, plan.address)
            return spawn()

        return in_new_namespace(inside) if plan.own_namespace else spawn()

    async def _attached(self, plan: NetPlan) -> bool:
        """Have its veth, where it has one, as a port of the bridge; False: it is gone."""
        if plan.own_namespace:
            try:
                await self._blocking(partial(attach_service_port, plan.service_port, plan.bridge, self._alias))
            except (LookupError, NetlinkError):
                return False
        return True

    async def _ready(self, number: str, server: _Server) -> bool:
        """Whether it runs: dnsmasq writes its pid file when its sockets are open."""
        path = Path(pid_file(number, self._folder))
        for _ in range(int(_READY_S / _LOOK_S)):
            if server.ended.is_set():
                return False
            if _written(path):
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    async def _end(self, number: str) -> None:
        """End the server, wait until it is gone, and remove what it had."""
        server = self._servers.get(number) or self._found(number)
        self._servers.pop(number, None)
        if server is not None:
            for how in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(server.pidfd, how)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_S):
                        await server.ended.wait()
                    break
            self._let_go(server)
        # its namespace goes when the kernel gets to it; its port goes now
        await self._blocking(partial(delete_service_port, service_port(number), self._alias))
        self._forget(number)

    def _forget(self, number: str) -> None:
        config = self._config(number)
        of_it = (config, config.with_suffix(".log"), pid_file(number, self._folder), lease_file(number, self._folder))
        for path in of_it:
            Path(path).unlink(missing_ok=True)

    def _found(self, number: str) -> _Server | None:
        """The server that an earlier process started. A pid that is another program's by now is none."""
        try:
            pid = int(Path(pid_file(number, self._folder)).read_text())
            arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        ours = os.fsencode(f"--conf-file={self._config(number)}") in arguments
        return self._follow(number, pid) if ours else None

    def _follow(self, number: str, pid: int) -> _Server | None:
        try:
            server = _Server(pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return None
        self._servers[number] = server
        asyncio.get_running_loop().add_reader(server.pidfd, self._ended, number, server)
        return server

    def _ended(self, number: str, server: _Server) -> None:
        asyncio.get_running_loop().remove_reader(server.pidfd)
        with suppress(ChildProcessError):  # it was started by a process before this one
            os.waitpid(server.pid, os.WNOHANG)
        server.ended.set()
        if self._servers.get(number) is server:
            self._died()

    def _let_go(self, server: _Server) -> None:
        asyncio.get_running_loop().remove_reader(server.pidfd)
        os.close(server.pidfd)

    def _config(self, number: str) -> Path:
        return self._folder / f"{number}.conf"


def _written(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
