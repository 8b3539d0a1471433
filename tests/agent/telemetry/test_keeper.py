"""What sees to the disk, in its thread: at the right time, in order, and whatever the disk does."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paper_disk import PaperDisk
from spool_samples import FOLDER, MIB, QUOTA, Lost, batch, read_all, signed, spool, text

from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.keeper import ANOTHER_LOG_S, SpoolKeeper
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.protocol.steps import Now


class Said:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def error(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    info = warning = error


class SlowDisk(PaperDisk):
    """Its syncs wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.began = threading.Event()
        self.threads: set[int] = set()

    def sync(self, fd: int) -> None:
        self.began.set()
        assert self.go.wait(20)
        self.threads.add(threading.get_ident())
        super().sync(fd)


def keeper(disk: Disk, folder: Path = FOLDER, *, said: Said | None = None, clock: Callable[[], Now] = now, **quota: int) -> SpoolKeeper:  # fmt: skip
    def died(name: str, error: BaseException) -> None:
        raise error

    log: Any = said or Said()
    return SpoolKeeper(folder, "boot-1", signed, clock, log, Vital(died), quota=QUOTA | quota, disk=disk)  # type: ignore[operator]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)


async def test_a_notice_is_on_the_disk_soon_and_no_loop_waited_for_it() -> None:
    disk = SlowDisk()
    async with keeper(disk) as made:
        disk.threads.clear()
        made.spool.append("audit", text(), now())
        await until(lambda: bool(disk.threads))
        assert threading.get_ident() not in disk.threads
    disk.cut_power(lambda _: 0)
    assert len(read_all(spool(disk, boot="boot-2"))) == 1


async def test_while_a_disk_hangs_everything_goes_on() -> None:
    disk = SlowDisk()
    async with keeper(disk) as made:
        disk.began.clear()
        disk.go.clear()
        made.spool.append("audit", text(), now())
        await until(disk.began.is_set)
        for _ in range(100):
            made.spool.append("alarm", text(), now())
        made.spool.acknowledge(made.spool.logs[0].log, "alarm", [(1, 50)])
        assert len(read_all(made.spool)) == 51
        disk.go.set()


async def test_an_end_in_the_middle_of_an_errand_leaves_everything_in_order() -> None:
    disk = SlowDisk()
    async with keeper(disk) as made:
        disk.began.clear()
        disk.go.clear()
        made.spool.append("guest", text(bytes(60_000)), now())
        made.spool.append("guest", text(bytes(60_000)), now())
        await until(disk.began.is_set)
        asyncio.get_running_loop().call_later(0.05, disk.go.set)
    assert disk.fds == {}, "every file is closed, once"
    assert not made.spool.append("guest", text(), now()).kept
    disk.cut_power(lambda _: 0)
    again = spool(disk, boot="boot-2")
    assert len(read_all(again)) == 2
    assert Lost(again).ranges == [], "it was closed in order"


async def test_files_that_nobody_needs_are_removed(tmp_path: Path) -> None:
    async with keeper(Disk(), tmp_path) as made:
        for _ in range(40):
            made.spool.append("guest", text(bytes(20_000)), now())
        log = made.spool.logs[0]
        await until(lambda: made.spool.logs[0].classes["notice"].marks_wanted is False)
        assert len(list(log.path.glob("notice-*"))) > 2
        made.spool.acknowledge(log.log, "notice", [(1, 40)])
        await until(lambda: len(list(log.path.glob("notice-*"))) == 1)


async def test_metrics_are_made_coarser_by_themselves() -> None:
    disk = PaperDisk()
    async with keeper(disk) as made:
        second = 0
        for _ in range(24):
            for _ in range(10):
                made.spool.append(
                    "fast",
                    lambda log, seq: signed(batch(log, seq, t0_s=second, points=10, series=40)),  # noqa: B023
                    now(),
                    sent=False,
                )
                second += 10
            await until(lambda: not made.spool.logs[0].classes["metric"].marks_wanted)
            await until(lambda: made.spool.room("metric") < 0.9 * MIB)
        assert {one.level for one in made.spool.logs[0].classes["metric"].segments} > {0}
        assert Lost(made.spool).ranges == []
    assert disk.fds == {}


async def test_another_log_is_begun_when_the_disk_is_older_and_an_empty_one_goes(tmp_path: Path) -> None:
    async with keeper(Disk(), tmp_path) as made:
        first = made.spool.logs[0]
        made.spool.append("audit", text(), now())
        made.spool.begin_anew()
        await until(lambda: len(made.spool.logs) == 2 and not made.spool.wants_log)
        assert made.spool.append("audit", text(), now()).seq == 1
        made.spool.acknowledge(first.log, "audit", [(1, 1)])
        await until(lambda: len(made.spool.logs) == 1 and not first.path.exists())
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_full_disk_is_said_once_and_gone_when_there_is_room() -> None:
    disk, said = PaperDisk(), Said()
    async with keeper(disk, said=said) as made:
        made.spool.append("audit", text(), now())
        disk.full = True
        for _ in range(20):
            made.spool.append("audit", text(bytes(20_000)), now())
        await until(lambda: bool(said.lines))
        disk.full = False
        made.spool.news()
        await until(lambda: not made.spool.all_of("audit")[0].waiting)
        assert len(read_all(made.spool)) + len(Lost(made.spool).ranges) > 10
    assert [event for event, _ in said.lines] == ["the spool of telemetry and notices is not taken by the disk"]


async def test_a_spool_that_cannot_be_opened_stops_nothing_and_comes_later() -> None:
    disk, said = PaperDisk(), Said()
    disk.full = True
    mono = [1000.0]
    async with keeper(disk, said=said, clock=lambda: Now(now().wall_ms, mono[0])) as made:
        assert len(said.lines) == 1
        assert not made.spool.append("audit", text(), now()).kept
        disk.full = False
        mono[0] += 100
        await until(lambda: not made.spool.wants_log)
        assert made.spool.append("audit", text(), now()).kept


@pytest.mark.parametrize("size", [10, 200_000], ids=["into an open file", "into a new one"])
async def test_a_spool_that_is_removed_while_it_is_used_is_begun_anew_and_what_was_in_it_is_told(
    tmp_path: Path, size: int
) -> None:
    async with keeper(Disk(), tmp_path / "telemetry") as made:
        first = made.spool.logs[0]
        made.spool.append("guest", text(bytes(10)), now())
        await until(lambda: made.spool.settled)
        shutil.rmtree(tmp_path / "telemetry")
        for _ in range(3):
            made.spool.append("guest", text(bytes(size // 4)), now())
        await until(lambda: made.spool.logs[-1] is not first and not made.spool.wants_log)
        assert made.spool.append("guest", text(), now()).kept
        await until(lambda: made.spool.settled)
        assert [seq for log, _, seq in read_all(made.spool) if log == made.spool.logs[-1].log] == [1]
        told = Lost(made.spool)
        for number in range(1, 5):
            assert (first.log, "notice", number) in told
        made.spool.acknowledge(first.log, "notice", [(1, 4)])
        await until(lambda: len(made.spool.logs) == 1)
    again = spool(Disk(), tmp_path / "telemetry")
    assert len(read_all(again)) == 1
    again.stop()
    again.close(now())


async def test_a_disk_that_may_not_be_written_keeps_nothing_until_it_may(small_disk: Path) -> None:
    said, mono = Said(), [1000.0]
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    folder = small_disk / "telemetry"
    async with keeper(Disk(), folder, said=said, clock=lambda: Now(now().wall_ms, mono[0])) as made:
        assert len(said.lines) == 1
        kept = made.spool.append("audit", text(), now())
        assert (kept.kept, kept.seq) == (False, 1)
        assert made.spool.stats("audit").lost == 1
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        mono[0] += ANOTHER_LOG_S + 1
        made.spool.news()
        await until(lambda: not made.spool.wants_log)
        assert made.spool.append("audit", text(), now()).kept


@pytest.mark.parametrize("fails", ["sync", "sync_folder", "remove"])
async def test_a_disk_that_fails_at_times_is_tried_again(fails: str) -> None:
    disk = PaperDisk()
    async with keeper(disk) as made:
        works = getattr(disk, fails)
        left = [2]

        def failing(*given: object) -> None:
            if left[0]:
                left[0] -= 1
                raise OSError(5, "Input/output error")
            works(*given)

        setattr(disk, fails, failing)
        for _ in range(30):
            made.spool.append("guest", text(bytes(20_000)), now())
        made.spool.acknowledge(made.spool.logs[0].log, "notice", [(1, 20)])
        made.spool.begin_anew()
        async with asyncio.timeout(20):
            while left[0] or made.spool.wants_log or made.spool.logs[0].classes["notice"].doomed:
                made.spool.news()
                await asyncio.sleep(0.001)
        setattr(disk, fails, works)
    disk.cut_power(lambda _: 0)
    again = spool(disk, boot="boot-2")
    assert sorted(seq for _, _, seq in read_all(again)) == list(range(21, 31))
