"""Jobs as clients see them, from a real journal."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from guestwire.agent.jobs import Jobs
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Entry, New
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.packing import pack


class Asked:
    """A call as far as a handler looks at it."""

    def __init__(self, request: Model) -> None:
        self.request = request


class Cancels:
    def __init__(self) -> None:
        self.seqs: list[int] = []

    def cancel(self, seq: int) -> bool:
        self.seqs.append(seq)
        return True


def ask(request: Model) -> Any:
    return cast("Any", Asked(request))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with JournalWriter() as writer, await Journal.open(tmp_path / "journal.db", writer, now_ms=1) as opened:
        yield opened


async def insert(journal: Journal, n: int) -> int:
    entry = Entry(
        issuer="operator:a", request_id=bytes([n] * 16), operation="guest-start", effect="idempotent",
        lanes=("guest:u",), body_hash=bytes(32), body=b"", reply_to="c", via="mqtt", accepted_ms=n, expires_ms=n + 10,
        start_by_ms=n + 5,
    )  # fmt: skip
    inserted = await journal.insert(entry)
    assert isinstance(inserted, New)
    return inserted.seq


async def test_a_finished_job_has_its_final_byte_for_byte(journal: Journal) -> None:
    seq = await insert(journal, 1)
    await journal.finish(seq, "FAILED", "WRONG-STATE", pack((b"one", b"two")), now_ms=99)
    job = await Jobs(journal, Cancels).get(ask(m.JobRef(request_id=bytes([1] * 16))))
    assert (job.state, job.code, job.final, job.finished_at) == ("failed", "WRONG-STATE", (b"one", b"two"), 99)
    assert job.message is not None


async def test_a_request_the_host_never_had_is_not_found(journal: Journal) -> None:
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await Jobs(journal, Cancels).get(ask(m.JobRef(request_id=bytes(16))))
    await insert(journal, 1)
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await Jobs(journal, Cancels).get(ask(m.JobRef(request_id=bytes([1] * 16), issuer="operator:b")))


async def test_jobs_are_listed_newest_first_in_pages_and_by_state(journal: Journal) -> None:
    seqs = [await insert(journal, n) for n in range(1, 6)]
    await journal.finish(seqs[0], "SUCCEEDED", None, pack(()), now_ms=9)
    jobs = Jobs(journal, Cancels)
    first = await jobs.list_all(ask(m.JobQuery(limit=3)))
    rest = await jobs.list_all(ask(m.JobQuery(limit=3, before=first.next_before)))
    assert [j.request_id[0] for j in (*first.jobs, *rest.jobs)] == [5, 4, 3, 2, 1]
    assert rest.next_before is None
    done = await jobs.list_all(ask(m.JobQuery(states=("succeeded",))))
    assert [j.state for j in done.jobs] == ["succeeded"]


async def test_a_change_that_was_undone_is_rolled_back_in_every_view(journal: Journal) -> None:
    seq = await insert(journal, 1)
    await journal.finish(seq, "ROLLED-BACK", "ROLLED-BACK", pack((b"undone",)), now_ms=9)
    jobs = Jobs(journal, Cancels)
    job = await jobs.get(ask(m.JobRef(request_id=bytes([1] * 16))))
    assert (job.state, job.code, job.final) == ("rolled-back", "ROLLED-BACK", (b"undone",))
    listed = await jobs.list_all(ask(m.JobQuery(states=("rolled-back", "waiting-reboot"))))
    assert [found.state for found in listed.jobs] == ["rolled-back"]


async def test_cancel_asks_the_pipeline_for_what_is_under_way_only(journal: Journal) -> None:
    cancels = Cancels()
    jobs = Jobs(journal, lambda: cancels)
    live, over = await insert(journal, 1), await insert(journal, 2)
    await journal.finish(over, "SUCCEEDED", None, pack(()), now_ms=9)
    for n in (1, 2):
        job = await jobs.cancel(Running(ask(m.JobRef(request_id=bytes([n] * 16)))))
    assert cancels.seqs == [live]
    assert job.state == "succeeded"


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (m.JobQuery, {"before": 1 << 63}),
        (m.JobQuery, {"before": -1}),
        (m.MessageQuery, {"after_seq": 1 << 63}),
        (m.LogQuery, {"since": 1 << 63}),
        (m.LogQuery, {"until": -(1 << 63)}),
        (m.EpochBehind, {"known": 1 << 63}),
    ],
)
def test_numbers_that_no_host_gave_out_are_refused_at_the_border(model: type[Model], fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        model(**fields)
    model(**dict.fromkeys(fields, 1 << 48))
