"""Metrics that are made coarser when room gets short, and their numbers."""

from itertools import pairwise

import pytest
from paper_disk import PaperDisk
from spool_samples import MIB, Lost, at, batch, batch_of, read_all, see_to, signed, spool

from guestwire.agent.telemetry.coarsening import FROM, Coarsening, coarsening_for
from guestwire.agent.telemetry.spool import Spool
from guestwire.protocol.telemetry import columns


def fill(made: Spool, share: float, *, sent: bool = False, begin: int = 0) -> int:
    """Ten seconds in each batch, until so much of the quota is used; the second that comes next."""
    second = begin
    while made.room("metric") < share * MIB:
        made.append(
            "fast",
            lambda log, seq: signed(batch(log, seq, t0_s=second, points=10, series=40)),  # noqa: B023 - called at once
            at(1000 + second),
            sent=sent,
        )
        second += 10
        if second % 200 == 0:
            see_to(made, 1000 + second, rounds=1)
    see_to(made, 1000 + second)
    return second


def run(made: Spool) -> Coarsening | None:
    work = coarsening_for(made, signed)
    if work is not None:
        work.run(made.disk)
        assert work.failed is None
        work.put_in_place(made.disk)
        made.disk.sync_folder(work.old[0].path.parent)
        work.over()
    return work


@pytest.fixture
def disk() -> PaperDisk:
    return PaperDisk()


def test_nothing_is_touched_while_there_is_room(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, FROM - 0.1)
    assert coarsening_for(made, signed) is None


def test_the_oldest_become_one_that_has_all_their_numbers(disk: PaperDisk) -> None:
    made = spool(disk)
    last = fill(made, 0.95)
    used, before = made.logs[0].classes["metric"].used, made.room("metric")
    assert run(made) is not None
    see_to(made)
    assert made.room("metric") < before
    held = sorted(read_all(made).values(), key=lambda one: one.seq)
    assert held[0].first == 1
    assert held[-1].seq == used
    assert all(one.seq + 1 == two.first for one, two in pairwise(held)), "no number is missing"
    assert Lost(made).ranges == []
    coarse = [batch_of(one.frame) for one in held if one.first != one.seq]
    assert coarse
    for one, record in zip(coarse, held, strict=False):
        assert (one.seq, one.replaces, one.coarse_ms) == (record.seq, (record.first, record.seq), 5000)
    ticks = [
        value for one in held for column in columns(batch_of(one.frame)) if column.series == "ticks_total"
        for value in column.values
    ]  # fmt: skip
    assert (min(ticks), max(ticks)) == (1_700_000_000, 1_700_000_000 + last - 1)


def test_once_its_number_is_acknowledged_a_coarse_batch_is_gone_with_all_that_it_stands_for(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95)
    run(made)
    record = min(read_all(made).values(), key=lambda one: one.seq)
    log = made.logs[0].log
    assert made.acknowledge(log, "metric", [(1, record.seq - 1)]).forgotten == 0, "not its own number"
    assert made.acknowledge(log, "metric", [(record.seq, record.seq)]).forgotten == record.seq
    assert min(read_all(made).values(), key=lambda one: one.seq).first == record.seq + 1


def test_a_restart_finds_the_coarser_ones(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95)
    run(made)
    before = {key: one.frame for key, one in read_all(made).items()}
    disk.kill()
    again = spool(disk)
    assert {key: one.frame for key, one in read_all(again).items()} == before
    assert again.room("metric") == sum(one.room for one in again.logs[0].classes["metric"].segments), (
        "those that it replaced are gone"
    )


def test_what_has_left_the_host_stays_as_it_was(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95, sent=True)
    assert coarsening_for(made, signed) is None
    other = spool(PaperDisk())
    fill(other, 0.95)
    read_all(other)  # as it is read to be sent
    assert coarsening_for(other, signed) is None


def test_it_goes_on_until_there_is_room_and_the_newest_come_last(disk: PaperDisk) -> None:
    made = spool(disk)
    levels: list[int] = []
    second = 0
    for _ in range(12):
        second = fill(made, 0.95, begin=second)
        while (work := run(made)) is not None:
            levels.append(work.level)
        see_to(made)
        assert made.room("metric") < 0.95 * MIB
    assert set(levels) >= {1, 2}, "and then coarser still"
    assert Lost(made).ranges == [], "twelve times the quota, and nothing is lost"
    newest = max(read_all(made).values(), key=lambda one: one.seq)
    assert newest.first == newest.seq


def test_what_cannot_be_made_smaller_is_let_be(disk: PaperDisk) -> None:
    made = spool(disk)
    second = 0
    while made.room("metric") < 0.95 * MIB:
        made.append(
            "slow",
            lambda log, seq: signed(batch(log, seq, t0_s=second, series=300, name=f"g{second}")),  # noqa: B023 - called at once
            at(second),
            sent=False,
        )
        second += 86_400
        see_to(made, second, rounds=1)
    see_to(made)
    works = [work for _ in range(20) if (work := run(made)) is not None]
    assert len(works) < 20
    assert all(work.made is None for work in works)


def test_a_damaged_segment_is_left_to_who_reads_it(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95)
    segment = made.logs[0].classes["metric"].segments[0]
    disk.names_now[segment.path].data[500] ^= 1
    work = run(made)
    assert work is not None
    assert work.made is None
    assert run(made) is not None, "others are made coarser nevertheless"
    numbers = {seq for _, _, seq in read_all(made)}
    assert 1 not in numbers
    assert Lost(made).ranges == [(made.logs[0].log, "metric", 1, 1)]


def test_what_was_dropped_meanwhile_does_not_come_back(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95)
    work = coarsening_for(made, signed)
    assert work is not None
    work.run(disk)
    of = made.logs[0].classes["metric"]
    gone = of.segments[0].last
    of.drop_oldest()
    work.put_in_place(disk)
    work.over()
    see_to(made)
    assert (made.logs[0].log, "metric", 1, gone) in Lost(made).ranges
    assert min(one.first for one in read_all(made).values()) == gone + 1


def test_a_full_disk_only_stops_it(disk: PaperDisk) -> None:
    made = spool(disk)
    fill(made, 0.95)
    before = {key: one.frame for key, one in read_all(made).items()}
    other = spool(PaperDisk())
    fill(other, 0.95)
    assert isinstance(other.disk, PaperDisk)
    other.disk.full = True
    work = coarsening_for(other, signed)
    assert work is not None
    work.run(other.disk)
    assert isinstance(work.failed, OSError)
    work.put_in_place(other.disk)
    work.over()
    other.disk.full = False
    assert len(read_all(other)) == len(before)
