"""kill -9 at every step of the journal: what was acknowledged is there afterwards, and never half a row."""

import asyncio
import json
from pathlib import Path

import pytest
from audit_samples import whole
from journal_samples import NOW, request_id
from tests.support.forked import start_forked

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import STEPS
from guestwire.agent.journal_writer import JournalWriter
from guestwire.protocol import ids

JOURNAL_STEPS = [step for step in STEPS if not step.startswith("effect-")]
CHILD = Path(__file__).parent / "journal_crash_child.py"


async def _crash(path: Path, step: str, occurrence: int) -> dict[str, set[int]]:
    """Run the child until it kills itself; what it had heard from the journal by then."""
    child = await start_forked(str(CHILD), str(path), step, str(occurrence))
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    assert child.returncode == -9, err.decode()
    heard: dict[str, set[int]] = {"sent": set(), "inserted": set(), "started": set(), "finished": set()}
    for line in out.splitlines():
        what, number = json.loads(line)
        heard[what].add(number)
    return heard


@pytest.mark.parametrize("occurrence", [1, 7, 20])
@pytest.mark.parametrize("step", JOURNAL_STEPS)
async def test_what_was_acknowledged_is_there(step: str, occurrence: int, tmp_path: Path) -> None:
    await _crash_and_look(tmp_path / "journal.db", step, occurrence)


@pytest.mark.soak
@pytest.mark.parametrize("step", JOURNAL_STEPS)
async def test_fifty_crashes_at_every_step(step: str, tmp_path: Path) -> None:
    for occurrence in range(1, 51):
        await _crash_and_look(tmp_path / f"{occurrence}.db", step, occurrence)


async def _crash_and_look(path: Path, step: str, occurrence: int) -> None:
    heard = await _crash(path, step, occurrence)
    async with JournalWriter() as writer, await Journal.open(path, writer, now_ms=NOW + 1) as journal:
        assert journal.moved_aside is None
        assert journal.created_ms == NOW
        known = {}
        for number in heard["sent"]:
            if (job := await journal.get("op:alice", request_id(number))) is not None:
                known[number] = job
        assert heard["inserted"] <= known.keys()
        assert len(await journal.jobs(limit=256)) == len(known)
        audited = [(row["what"], row["request"]) for row in await whole(journal)]
        accepted = {("accepted", ids.text(job.request_id)) for job in known.values()}
        ended = {("ended", ids.text(job.request_id)) for job in known.values() if job.state == "SUCCEEDED"}
        assert sorted(audited) == sorted(accepted | ended)  # and so each of them once
        live = {row.entry.request_id: row for row in await journal.unfinished()}
        waiting = {row.request_id: row for row in await journal.outbox()}
        for number, job in known.items():
            if number in heard["finished"]:
                assert job.state == "SUCCEEDED"
            if job.state == "SUCCEEDED":
                assert job.final == b"final %d" % number
                assert job.request_id not in live
                assert job.finished_ms is not None
            else:
                assert job.final is None
                assert job.request_id not in waiting
                assert live[job.request_id].entry.body == b"body %d" % number
                assert number not in heard["started"] or job.state == "RUNNING"
