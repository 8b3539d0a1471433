"""kill -9 at every step of a configuration change: the records are wholly as before that commit, or wholly as after it."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest
from config_samples import Content, Expected, content, script
from journal_samples import NOW
from tests.support.forked import start_forked

from guestwire.agent.config_records_schema import CONFIG_STEPS
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter

CHILD = Path(__file__).parent / "config_crash_child.py"


def _after(calls: int) -> Content:
    expected = Expected()
    for method, args, options in islice(script(rounds=60), calls):
        expected.do(method, *args, **options)
    return expected.content()


async def _crash_and_look(path: Path, step: str, occurrence: int) -> None:
    child = await start_forked(str(CHILD), str(path), step, str(occurrence))
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    assert child.returncode == -9, err.decode()
    returned = len(out)
    async with JournalWriter() as writer, await Journal.open(path, writer, now_ms=NOW + 1) as journal:
        assert journal.moved_aside is None
        found = await content(journal.config)
        # the call under way when the process ended has not returned; only after its commit is it there
        assert found == _after(returned + step.startswith("after-"))
        assert journal.config.under_way == found.change
        assert journal.config.newest == (found.revisions[0][0] if found.revisions else None)


@pytest.mark.parametrize("occurrence", [1, 6])
@pytest.mark.parametrize("step", CONFIG_STEPS)
async def test_a_change_is_wholly_before_or_after(step: str, occurrence: int, tmp_path: Path) -> None:
    await _crash_and_look(tmp_path / "journal.db", step, occurrence)


@pytest.mark.soak
@pytest.mark.parametrize("step", CONFIG_STEPS)
async def test_fifty_crashes_at_every_step(step: str, tmp_path: Path) -> None:
    for occurrence in range(1, 51):
        await _crash_and_look(tmp_path / f"{occurrence}.db", step, occurrence)
