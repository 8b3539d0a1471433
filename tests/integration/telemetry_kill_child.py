"""Agents that kill themselves at an access of their spool to the disk, of `test_telemetry_kills`.

The argument, as JSON:
        config       the agent's configuration file
        batches      how many batches it makes
        access       the access at which it ends itself by SIGKILL: a method of Disk; null: it lives until SIGTERM
        occurrence   when that access is made for the Nth time; a write is half done then

An agent says {"up": PID}, and {"made": {log: last number}, "accesses": {...}} when it has made its batches.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.link.clock import now
from guestwire.protocol.telemetry import ColumnRow, offsets, values

SERIES = 300
ACCESSES = ("create", "write", "truncate", "sync", "sync_folder", "close", "remove")


class DeadlyDisk(Disk):
    """Counts what is done to it, and ends the process at one of these."""

    def __init__(self, access: str | None, occurrence: int) -> None:
        self.counts: Counter[str] = Counter()
        self._access = access
        self._occurrence = occurrence

    def _reached(self, access: str) -> bool:
        self.counts[access] += 1
        return access == self._access and self.counts[access] == self._occurrence

    def _at(self, access: str) -> None:
        if self._reached(access):
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self, path: Path) -> int:
        made = super().create(path)
        self._at("create")
        return made

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self._reached("write"):
            os.pwrite(fd, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._at("truncate")

    def sync(self, fd: int) -> None:
        self._at("sync")
        super().sync(fd)

    def sync_folder(self, folder: Path) -> None:
        self._at("sync_folder")
        super().sync_folder(folder)

    def close(self, fd: int) -> None:
        super().close(fd)
        self._at("close")

    def remove(self, path: Path) -> None:
        self._at("remove")
        super().remove(path)


def draft(at_ms: int) -> BatchDraft:
    t0, dt = offsets([at_ms])
    rows: list[ColumnRow] = [
        (f'guestwire_guest_state{{guest="g{n}",state="running"}}', "gauge", 0, "q", values("q", [n])) for n in range(SERIES)
    ]  # fmt: skip
    return BatchDraft("fast", t0, dt, tuple(rows))


async def make(host: RunningHost, batches: int) -> None:
    """One batch after the other, at a pace that leaves time for acknowledgements."""
    made = 0
    while made < batches:
        host.shipper.put("fast", draft(now().wall_ms))
        made += 1
        await asyncio.sleep(0.005)


def say(**values: Any) -> None:
    os.write(1, (json.dumps(values) + "\n").encode())


def main(arguments: list[str]) -> None:
    uvloop.run(serve(json.loads(arguments[0])))


async def serve(order: dict[str, Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load(Path(order["config"]))
    settings.host.state_dir.mkdir(parents=True, exist_ok=True)
    speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
    disk = DeadlyDisk(order["access"], order["occurrence"])
    async with compose.driver(settings) as hypervisor, JournalWriter() as writer:
        parts = compose.host_parts(settings, hypervisor, writer, speaking)
        parts = replace(parts, telemetry=replace(parts.telemetry, disk=disk))
        async with host_agent(parts) as host:
            assert host.link is not None
            await host.link.session.connected(30)
            say(up=os.getpid())
            await make(host, order["batches"])
            say(made={log.log.hex(): log.classes["metric"].used for log in host.spool.logs}, accesses=disk.counts)
            await stop.wait()
