"""`guestwire notices`: a look, and following, as a process of its own that Ctrl-C ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from fake_host import FakeFleet

from guestwire.cli.notice_lines import notice_text
from guestwire.protocol.notices import CommNotice


def test_a_look(run, start: Callable[..., FakeFleet]) -> None:  # type: ignore[no-untyped-def]
    start("h1")
    lines = [json.loads(line) for line in run("notices", "-o", "json", "-q").stdout.splitlines()]
    assert [(line["host"], line["state"]) for line in lines] == [("h1", "online"), ("h2", "offline")]


async def _follow(
    config: Path, *arguments: str, until: Callable[[dict[str, object]], bool], act: Callable[[], None]
) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.cli.main", "notices", "-f", "-o", "json", *arguments,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "GUESTWIRE_CONFIG": str(config)},
    )  # fmt: skip
    assert process.stdout is not None
    acted = False
    async with asyncio.timeout(20):
        async for line in process.stdout:
            document = json.loads(line)
            if not acted:  # the first line tells that it listens
                await asyncio.to_thread(act)
                acted = True
            if until(document):
                process.send_signal(signal.SIGINT)
                break
        return await process.wait()


async def test_following(fleet: FakeFleet, config: Path) -> None:
    host = fleet.hosts["h1"]

    async def change() -> None:
        before = host.guests["db"]
        host.notice(before, before.model_copy(update={"status": before.status.model_copy(update={"state": "running"})}))

    def changed(document: dict[str, object]) -> bool:
        return document["class"] == "guest" and document["name"] == "db" and document["verified"] is True

    code = await _follow(config, until=changed, act=lambda: fleet.run(change))
    assert code == 130


async def test_following_over_a_socket(fleet: FakeFleet, config: Path) -> None:
    host = fleet.hosts["h2"]

    def changed(document: dict[str, object]) -> bool:
        return document["class"] == "guest" and document["host"] == "h2"

    async def change() -> None:
        host.notice(host.guests["web"], host.guests["web"])

    code = await _follow(config, "--socket", str(fleet.socket("h2")), until=changed, act=lambda: fleet.run(change))
    assert code == 130


DENIED = CommNotice(
    log=bytes(16), seq=1, at=1_700_000_000_000, event="denied", guest="linux1", name="go", code="COMM-DENIED", count=3,
    data=b"\x01\xff",
)  # fmt: skip
SAID = CommNotice(
    log=bytes(16),
    seq=2,
    at=1_700_000_000_000,
    event="log",
    guest="linux1",
    level="error",
    text="no camera",
    truncated=True,
)


async def test_following_communication(fleet: FakeFleet, config: Path) -> None:
    async def deny() -> None:
        fleet.hosts["h1"].announce("comm", DENIED)

    def denied(document: dict[str, object]) -> bool:
        return document["class"] == "comm" and (document["guest"], document["data"]) == ("linux1", "01ff")

    assert await _follow(config, until=denied, act=lambda: fleet.run(deny)) == 130


def test_lines_of_communication() -> None:
    assert notice_text(DENIED) == "linux1 denied go COMM-DENIED 2 bytes 3 times"
    assert notice_text(SAID) == "linux1 log error no camera (truncated)"
