"""The part of `guestwire site serve` that gives the trust document to hosts, over hosts of a fake fleet."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from fake_host import FakeFleet

from guestwire.cli.site_hosts import HostKeeping, context_for
from guestwire.cli.site_options import now_ms
from guestwire.site.enrolment import add
from guestwire.site.files import PRIVATE, replace
from guestwire.site.layout import Layout
from guestwire.site.service_log import ServiceLog
from guestwire.site.service_notes import ServiceNotes


async def test_hosts_follow_and_the_context_is_opened_anew_when_its_files_are_others(
    start: Callable[..., FakeFleet], layout: Layout, config: Path
) -> None:
    fleet = start("h1", "h2")
    lines: asyncio.Queue[str] = asyncio.Queue()
    (layout.base / "issuing").mkdir(exist_ok=True)
    notes = ServiceNotes(ServiceLog(layout.service_log), now_ms, lines.put_nowait)
    running = asyncio.create_task(HostKeeping(layout, context_for("plant", "plant", config), notes).run())
    async with asyncio.timeout(30):
        assert await lines.get() == "hosts: trust document 1: every host has it (2)"
        await asyncio.to_thread(add, layout.base, ["operator:mia"], now_ms())
        while await lines.get() != "hosts: trust document 2: every host has it (2)":
            pass
        assert [host.executor.trust.rev for host in fleet.hosts.values()] == [2, 2]
        rows = [json.loads(line) for line in layout.service_log.read_text().splitlines()]
        assert (rows[-1]["what"], rows[-1]["revision"], rows[-1]["have"], rows[-1]["missing"]) == (
            "hosts", "2", ["h1", "h2"], {},
        )  # fmt: skip
        key = layout.key("operator:admin")
        replace(key, key.read_bytes(), PRIVATE)
        await running
