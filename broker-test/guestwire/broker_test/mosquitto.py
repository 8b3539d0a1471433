"""Run a real mosquitto: its configuration as text, its start by its own log, its end by pid."""

import asyncio
import os
import pwd
import re
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from guestwire.broker_test.child import end_child, kill_child, start_child
from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.log_lines import LogLines
from guestwire.broker_test.options import LOOPBACK, BrokerOptions, Listener
from guestwire.broker_test.running import Address, Kind, RunningBroker, first_port, first_tls_port, url_of

_READY = " running"
_PORT_TAKEN = "Address already in use"
_PORT_TRIES = 5


def find_mosquitto() -> str | None:
    """The absolute path of the mosquitto binary, looked for in PATH and where distributions hide it, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def mosquitto_config(options: BrokerOptions, ports: tuple[int, ...], run_as: str | None) -> str:
    """The text of mosquitto.conf for these options; `ports` are the real ports, one per listener. Pure.

    `run_as` is the user mosquitto stays when started as root (else it becomes `mosquitto` and cannot read our files).
    """
    shared = len({(x.acl, x.passwords, x.allows_anonymous) for x in options.listeners}) == 1
    lines = [
        f"per_listener_settings {_boolean(not shared)}",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_timestamp true",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
        *(f"log_type {x}" for x in (("all",) if options.verbose else ("error", "warning", "notice", "information"))),
        "sys_interval 0",
        f"max_inflight_messages {options.max_inflight}",
        # 2.0.11 ignores max_queued_bytes while max_queued_messages is 0 ("unlimited"): both are set.
        f"max_queued_messages {options.max_queued_messages}",
        f"max_queued_bytes {options.max_queued_bytes}",
        f"max_packet_size {options.max_packet_bytes}",
    ]
    if run_as:
        lines.append(f"user {run_as}")
    if options.persistence:
        lines += [
            "persistence true",
            f"persistence_location {options.persistence}/",
            "autosave_interval 60",
        ]
    else:
        lines.append("persistence false")
    if shared:
        lines += _security(options.listeners[0])
    for listener, port in zip(options.listeners, ports, strict=True):
        lines += ["", f"listener {port} {LOOPBACK}", f"max_connections {options.max_clients}", *_tls(listener)]
        if not shared:
            lines += _security(listener)
    return "\n".join(lines) + "\n"


def _security(listener: Listener) -> list[str]:
    lines = [f"allow_anonymous {_boolean(listener.allows_anonymous)}"]
    if listener.passwords:
        lines.append(f"password_file {listener.passwords}")
    if listener.acl:
        lines.append(f"acl_file {listener.acl}")
    return lines


def _tls(listener: Listener) -> list[str]:
    if (tls := listener.tls) is None:
        return []
    lines = [f"certfile {tls.cert}", f"keyfile {tls.key}"]
    if tls.ca:
        lines.append(f"cafile {tls.ca}")
    if tls.crl:
        lines.append(f"crlfile {tls.crl}")
    if tls.require_client_certificate:
        lines += ["require_certificate true", "use_identity_as_username true"]
    return lines


def _boolean(value: bool) -> str:
    return "true" if value else "false"


class Mosquitto:
    """A mosquitto that is ready (see RunningBroker). Made by `mosquitto()`."""

    def __init__(self, binary: str, options: BrokerOptions, folder: Path) -> None:
        self._binary = binary
        self._options = options
        self._config = folder / "mosquitto.conf"
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._addresses: tuple[Address, ...] = ()
        self._version = "unknown"
        self.log = LogLines()

    kind: Kind = "mosquitto"
    host = LOOPBACK

    @property
    def version(self) -> str:
        """As it says itself in its log, e.g. `2.0.11`."""
        return self._version

    @property
    def addresses(self) -> tuple[Address, ...]:
        """One per listener, in order."""
        return self._addresses

    @property
    def port(self) -> int:
        """The first plain port, else the first port."""
        return first_port(self._addresses)

    @property
    def tls_port(self) -> int | None:
        """The first port with TLS."""
        return first_tls_port(self._addresses)

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:PORT` (mqtts if all listeners have TLS)."""
        return url_of(self._addresses)

    @property
    def pid(self) -> int:
        """Of mosquitto itself. Raises BrokerError when it is not running."""
        if self._process is None:
            raise BrokerError("BROKER-START-FAILED", "mosquitto is not running")
        return self._process.pid

    async def start(self) -> None:
        """Start on the listeners' ports; a free port that another process snatches is replaced, a few times."""
        for _ in range(_PORT_TRIES):
            ports = tuple(x.port or free_port() for x in self._options.listeners)
            since = self.log.total
            try:
                await self._start_on(ports)
            except BrokerError:
                taken = any(_PORT_TAKEN in line for line in list(self.log)[since - self.log.total :])
                if not taken or all(x.port for x in self._options.listeners):
                    raise
            else:
                return
        raise BrokerError("BROKER-START-FAILED", f"no free port in {_PORT_TRIES} tries")

    async def _start_on(self, ports: tuple[int, ...]) -> None:
        config = self._options.config
        if config is None:
            config = self._config
            run_as = pwd.getpwuid(0).pw_name if os.geteuid() == 0 else None
            config.write_text(mosquitto_config(self._options, ports, run_as), encoding="utf-8")
        since = self.log.total
        process = self._process = await start_child([self._binary, "-c", str(config)])
        reader = self._reader = asyncio.create_task(self._read_log(process))
        ready = asyncio.create_task(self.log.wait_for(_READY, self._options.start_timeout_s, since=since))
        try:
            await asyncio.wait({ready, reader}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() or ready.exception() is not None:
                why = "was not ready in time" if ready.done() else "ended at its start"
                await self.kill()
                raise BrokerError("BROKER-START-FAILED", f"mosquitto {why}:\n{self.log.tail()}")
        finally:
            ready.cancel()
        if found := re.search(r"mosquitto version (\S+)", ready.result()):
            self._version = found[1]
        self._addresses = tuple(
            Address(LOOPBACK, port, tls=x.tls is not None)
            for x, port in zip(self._options.listeners, ports, strict=True)
        )

    async def _read_log(self, process: Process) -> None:
        """Keep every line until the pipe closes: nobody may stop reading, or mosquitto blocks on its log."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.log.append(line.decode(errors="replace").rstrip())

    async def wait_ended(self) -> int:
        """Wait until the process has ended, by whatever cause; gives its exit status (negative: the signal)."""
        if self._process is None:
            return 0
        return await self._process.wait()

    def reload(self) -> None:
        """Let mosquitto read its access list and password file again (SIGHUP). Its log says `Reloading config.`"""
        os.kill(self.pid, signal.SIGHUP)

    async def reloaded(self) -> None:
        """Reload; done when every packet that a client sends from now on is judged by the new files."""
        since = self.log.total
        self.reload()
        await self.log.wait_for("Reloading config", self._options.start_timeout_s, since=since)

    async def stop(self) -> None:
        """See RunningBroker.stop."""
        if self._process is not None:
            await end_child(self._process, self._options.stop_timeout_s)
            await self._end_reader()

    async def kill(self) -> None:
        """See RunningBroker.kill."""
        if self._process is not None:
            kill_child(self._process)
            await self._process.wait()
            await self._end_reader()

    async def _end_reader(self) -> None:
        if self._reader is not None:
            await self._reader
        self._process = self._reader = None

    async def restart(self) -> None:
        """See RunningBroker.restart."""
        await self.stop()
        await self._start_on(tuple(a.port for a in self._addresses))


@asynccontextmanager
async def mosquitto(options: BrokerOptions | None = None) -> AsyncIterator[Mosquitto]:
    """A mosquitto that is ready on 127.0.0.1, stopped at the end of the block.

    Raises BrokerError: BROKER-BINARY-MISSING without a mosquitto binary, BROKER-START-FAILED with its last log lines.
    """
    checked = (options or BrokerOptions()).checked()
    binary = find_mosquitto()
    if binary is None:
        raise BrokerError("BROKER-BINARY-MISSING", "no mosquitto binary in PATH nor in /usr/sbin: install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="guestwire-broker-"))
    broker = Mosquitto(binary, checked, folder)
    try:
        await broker.start()
        _is_running_broker: RunningBroker = broker
        yield broker
    finally:
        await broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port that nothing listens on at this moment on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
