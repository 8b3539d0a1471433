"""What runs beside the site's service: it is begun again whatever becomes of it."""

import asyncio
from pathlib import Path

import pytest

from guestwire.cli.site_keeping import kept
from guestwire.model.errors import GuestwireError
from guestwire.site.service_log import ServiceLog
from guestwire.site.service_notes import ServiceNotes


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GuestwireError("BROKER-UNREACHABLE", "nobody there"), "hosts: BROKER-UNREACHABLE: nobody there"),
        (ZeroDivisionError("a defect"), "hosts: INTERNAL: ZeroDivisionError: a defect"),
        (ExceptionGroup("two", [KeyError("x")]), "hosts: INTERNAL: ExceptionGroup: two (1 sub-exception)"),
        (None, None),
    ],
)
async def test_it_goes_on(tmp_path: Path, error: Exception | None, said: str | None) -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()
    lines: list[str] = []

    async def run() -> None:
        runs.put_nowait(1)
        if error is not None:
            raise error

    notes = ServiceNotes(ServiceLog(tmp_path / "log"), lambda: 0, lines.append)
    task = asyncio.create_task(kept("hosts", run, notes, again_s=0.001))
    async with asyncio.timeout(10):
        for _ in range(3):
            await runs.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lines == ([said] if said else [])
