"""Processes whose wall clock is somewhere else, by libfaketime."""

import asyncio
import glob
import sys
from datetime import datetime

from fleet import PATIENCE_S, Agent

from guestwire.broker_test.child import start_child
from guestwire.broker_test.fixtures import require

FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def elsewhen(began: datetime | None) -> list[str]:
    """What goes before a command whose wall clock begins at `began`; its monotonic clock is the machine's."""
    if began is None:
        return ["/usr/bin/env"]
    return [
        "/usr/bin/env", f"LD_PRELOAD={library()}", f"FAKETIME=@{began:%Y-%m-%d %H:%M:%S}", "TZ=UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1",
    ]  # fmt: skip


class ElsewhenAgent(Agent):
    """An agent whose wall clock began at `began`; its monotonic clock is the machine's. None: its wall clock is too."""

    began: datetime | None = None

    async def launch(self) -> None:
        run = [sys.executable, "-m", "guestwire.agent.main", "run", "--config", str(self.config)]
        self._process = await start_child([*elsewhen(self.began), *run])
        self._reading = asyncio.create_task(self._read(self._process))

    async def connect(self) -> None:
        """Start it, and wait until it has its broker."""
        since = self.log.total
        await self.start()
        await self.log.wait_for("broker connected", PATIENCE_S, since=since)

    async def again(self) -> None:
        """End it as a crash would, and start it; its wall clock begins anew."""
        await self.kill()
        await self.connect()


def library() -> str:
    found = glob.glob(FAKETIME)  # noqa: PTH207 - one fixed pattern
    require("faketime", bool(found), "no libfaketime on this machine (Debian: faketime)")
    return found[0]
