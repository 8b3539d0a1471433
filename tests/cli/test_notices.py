"""`guestwire notices`: a look, and following, as a process of its own that Ctrl-C ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from fake_host import FakeFleet

from guestwire.cli.notice_lines import NoticeLines, notice_text
from guestwire.cli.settings import Settings
from guestwire.link.invoke import Heard
from guestwire.protocol import topics
from guestwire.protocol.notices import CommNotice, GuestNotice
from guestwire.protocol.statements import state
from guestwire.protocol.trust import Trust


@dataclass
class Quiet:
    """A client as far as lines need one."""

    trust: Trust
    site: str
    vouched: bool = False


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


def test_a_notice_is_shown_once_however_often_it_is_delivered_and_an_old_one_with_its_day(
    fleet: FakeFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    host, key, site = "h1", fleet.hosts["h1"].key, fleet.hosts["h1"].site
    lines = NoticeLines(
        cast("Any", Quiet(fleet.hosts["h1"].trust, site)), Settings(), frozenset(), frozenset({"guest"})
    )
    topic = topics.make("notice", site, host, "guest")

    def said(seq: int, log: bytes = bytes(16), at: int = 86_400_000) -> None:
        body = GuestNotice(log=log, seq=seq, at=at, event="state", guest_id=None, name=f"number-{seq}", uuid="")
        lines.hear(Heard(topic, state("notice", site, f"host:{host}", body, key, at), retained=False))

    for seq in (1, 2, 1, 2, 3):
        said(seq)
    said(1, b"n" * 16)
    shown = capsys.readouterr().out.splitlines()
    assert [line.split("number-")[1][0] for line in shown] == ["1", "2", "3", "1"]
    assert all(line.startswith("1970-01-0") for line in shown)
