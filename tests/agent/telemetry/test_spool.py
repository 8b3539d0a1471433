"""The spool: quotas, full disks, what is acknowledged, what becomes of damage."""

import errno
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from paper_disk import PaperDisk
from small_disk import fill
from spool_samples import FOLDER, MIB, Lost, at, batch, lost_of, numbers, read_all, see_to, signed, spool, text

from guestwire.agent.telemetry.acks import MOST_BYTES, AcksFile
from guestwire.agent.telemetry.class_log import RESERVED, RESET_BYTES, SEGMENT_BYTES, WAITING
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.segment import first_of
from guestwire.agent.telemetry.spool import Spool
from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.telemetry import SPOOL_CLASSES, TelemetryAcked


@pytest.fixture
def disk() -> PaperDisk:
    return PaperDisk()


def say(made: Spool, kind: str, count: int = 1, size: int = 10, *, sent: bool = True) -> list[int]:
    kept = []
    for n in range(count):
        kept.append(made.append(kind, text(bytes(size)), at(1000 + n), sent=sent))
        if n % 50 == 49:
            see_to(made)
    return numbers(kept)


def held(made: Spool, name: str) -> list[int]:
    return sorted(seq for _, of, seq in read_all(made) if of == name)


# -- numbers


def test_each_class_counts_for_itself_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    made = spool(Disk(), tmp_path)
    assert say(made, "fast", 2) == [1, 2]
    assert say(made, "slow") == [3], "tiers are one class"
    assert say(made, "guest") + say(made, "config") == [1, 2], "so are notices of guests and configuration"
    assert say(made, "audit") == [1]
    made.stop()
    made.close(at(1000))
    again = spool(Disk(), tmp_path)
    assert (say(again, "fast"), say(again, "comm"), say(again, "audit"), say(again, "alarm")) == ([4], [3], [2], [1])
    assert again.logs[0].log == made.logs[0].log
    again.close(at(1000))


def test_no_number_is_used_twice_after_a_power_cut_and_those_that_may_be_lost_are_told(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "fast", 3)
    see_to(made, 1000)
    disk.cut_power(lambda _: 0)
    again = spool(disk, boot="boot-2")
    (told,) = lost_of(again, "metric")
    assert (told.first, told.last) == (1, RESERVED["metric"])
    assert say(again, "fast") == [RESERVED["metric"] + 1]


def test_metrics_wait_a_little_for_the_disk_and_notices_do_not(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "fast")
    say(made, "audit")
    see_to(made, 1001)
    disk.cut_power(lambda _: 0)
    again = spool(disk, boot="boot-2")
    assert (held(again, "audit"), held(again, "metric")) == ([1], [])
    say(again, "fast")
    see_to(again, 1000)
    see_to(again, 1006)
    disk.cut_power(lambda _: 0)
    assert held(spool(disk, boot="boot-3"), "metric") == [RESERVED["metric"] + 1]


def test_a_disk_that_hangs_runs_out_of_numbers_and_then_nothing_is_kept(disk: PaperDisk) -> None:
    made = spool(disk)
    kept = [made.append("fast", text(), at(1000)) for _ in range(RESERVED["metric"] + 2)]
    assert numbers(kept)[-2:] == [1, 2], "of a log that ends with the process"
    assert [one.kept for one in kept[-3:]] == [True, False, False]
    assert len({one.log for one in kept}) == 2
    assert made.stats("metric").lost == 2


def test_a_disk_that_is_older_than_what_was_said_begins_another_log(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "fast", 2)
    made.begin_anew()
    assert not made.append("fast", text(), at(1000)).kept
    made.number_in(made.another_log(at(1000)))
    assert say(made, "fast") == [1]
    first, second = made.logs
    assert set(read_all(made)) == {(first.log, "metric", 1), (first.log, "metric", 2), (second.log, "metric", 1)}
    disk.kill()
    again = spool(disk)
    assert [log.log for log in again.logs] == [first.log, second.log]
    again.acknowledge(first.log, "metric", [(1, 2)])
    see_to(again)
    assert [log.log for log in again.logs] == [second.log], "an old log goes once it is empty"
    assert say(again, "fast") == [2]
    assert again.acknowledge(first.log, "metric", [(1, 2)]) == TelemetryAcked(forgotten=0, oldest=0, newest=0)


def test_marks_that_are_damaged_begin_another_log_and_lose_nothing_that_is_held(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "alarm", 2)
    path = made.logs[0].marks.path
    disk.kill()
    disk.names_now[path].data[0] ^= 1
    again = spool(disk)
    assert len(again.logs) == 2
    assert held(again, "alarm") == [1, 2]
    assert say(again, "alarm") == [1]


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_no_number_is_used_twice_when_the_newest_mark_is_damaged(disk: PaperDisk, boot: str) -> None:
    """The mark before it does not know of all numbers that were given."""
    made = spool(disk)
    for n in range(6):
        say(made, "fast", 60, 2000)
        made.acknowledge(made.logs[0].log, "metric", [(1, 60 * (n + 1))])
        see_to(made)
    assert made.room("metric") == 0
    log, path = made.logs[0].log, made.logs[0].marks.path
    disk.kill()
    left = {name: bytes(file.data) for name, file in disk.names_now.items()}
    for at_byte in [n for n in range(0, len(left[path]), 64) if any(left[path][n : n + 8])]:
        disk = PaperDisk()
        disk.folders = {FOLDER, path.parent}
        for name, data in left.items():
            disk.write(disk.create(name), data, 0)
        disk.names_now[path].data[at_byte] ^= 4
        again = spool(disk, boot=boot)
        kept = again.append("fast", text(), at(1000))
        assert kept.log != log or kept.seq > 360, at_byte


# -- what is acknowledged


def test_exactly_what_is_acknowledged_goes_and_stays_away(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 9)
    log = made.logs[0].log
    assert made.acknowledge(log, "notice", [(2, 3), (6, 6)]) == TelemetryAcked(forgotten=3, oldest=1, newest=9)
    assert made.acknowledge(log, "notice", [(3, 3)]).forgotten == 0
    assert made.acknowledge(log, "notice", [(9, 1 << 53)]) == TelemetryAcked(forgotten=1, oldest=1, newest=8)
    assert say(made, "guest") == [10], "what is said later was not acknowledged"
    left = [1, 4, 5, 7, 8, 10]
    assert held(made, "notice") == left
    disk.kill()
    assert held(spool(disk), "notice") == left, "and is not sent again after a restart"


def test_what_is_acknowledged_is_not_sent_again_wherever_a_crash_comes(disk: PaperDisk) -> None:
    """Before its files are removed, too: until then they are only known to be forgotten."""
    made = spool(disk)
    say(made, "guest", 360, 2000)
    say(made, "audit", 3)
    log = made.logs[0].log
    assert len(made.logs[0].classes["notice"].segments) > 2
    made.acknowledge(log, "notice", [(1, 360)])
    made.acknowledge(log, "audit", [(1, 2)])
    assert not made.logs[0].classes["notice"].segments
    disk.kill()
    again = spool(disk)
    assert (held(again, "notice"), held(again, "audit")) == ([], [3])
    assert lost_of(again, "notice") == []
    see_to(again)
    assert again.room("notice") == 0


def test_an_acknowledgement_of_what_never_left_is_none(disk: PaperDisk) -> None:
    made = spool(disk)
    log = made.logs[0].log
    say(made, "fast", 3, sent=False)
    assert made.acknowledge(log, "metric", [(1, 3)]).forgotten == 0
    say(made, "fast", 2, sent=True)
    assert made.acknowledge(log, "metric", [(1, 5)]).forgotten == 2
    assert held(made, "metric") == [1, 2, 3]
    assert made.acknowledge(log, "metric", [(1, 5)]).forgotten == 3, "now it was read to be sent"
    assert made.acknowledge(bytes(16), "metric", [(1, 5)]).forgotten == 0
    assert made.acknowledge(log, "audit", [(1, 5)]) == TelemetryAcked(forgotten=0, oldest=0, newest=0)


def test_files_go_with_what_is_acknowledged(tmp_path: Path) -> None:
    made = spool(Disk(), tmp_path)
    log = made.logs[0]
    for _ in range(3):
        say(made, "fast", 40, 8000)
    files = {path.name for path in log.path.iterdir() if first_of(path.name, "metric")}
    assert len(files) >= 3
    made.acknowledge(log.log, "metric", [(1, 120)])
    see_to(made)
    assert not [path for path in log.path.iterdir() if first_of(path.name, "metric")]
    assert made.room("metric") == 0
    assert say(made, "fast") == [121]
    made.stop()
    made.close(at(1000))
    assert held(spool(Disk(), tmp_path), "metric") == [121]


def test_what_is_taken_at_once_is_never_synced(disk: PaperDisk) -> None:
    """A controller that keeps up costs the host's flash nothing but its numbers."""
    made = spool(disk)
    see_to(made, 1000)
    synced = disk.syncs
    for n in range(60):
        (number,) = say(made, "fast", size=1000)
        made.acknowledge(made.logs[0].log, "metric", [(number, number)])
        see_to(made, 1000 + 10 * n)
    assert disk.syncs - synced <= 60 // (RESERVED["metric"] // 2) + 1
    assert made.room("metric") <= RESET_BYTES + 4096


def test_many_acknowledgements_fit_into_a_small_file(disk: PaperDisk) -> None:
    path = FOLDER / "notice.acks"
    file, known = AcksFile(disk, path, 7), NumberRanges()
    for n in range(1, 9000, 2):
        known.add(n, n)
        file.add([(n, n)], known)
        if n == 4001:
            known.remove(1, 4000)
    assert disk.size(path) <= 2 * MOST_BYTES
    assert set(AcksFile(disk, path, 7).read()) >= set(known)
    assert not len(AcksFile(disk, path, 8).read()), "they are another log's"
    disk.names_now[path].data[-1] ^= 1
    assert 8999 not in AcksFile(disk, path, 7).read()
    file.clear()
    assert disk.size(path) == 0


# -- full


def test_a_class_that_is_full_loses_its_oldest_and_says_so_once(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 1500, 1000)
    assert made.room("notice") <= MIB
    (told,) = lost_of(made, "notice")
    assert (told.first, told.last + 1) == (1, held(made, "notice")[0])
    assert (told.since, told.until) == (at(1000).wall_ms, told.until)
    assert made.stats("notice").lost == told.last
    say(made, "guest", 300, 1000)
    (wider,) = lost_of(made, "notice")
    assert (wider.first, wider.last > told.last) == (1, True), "widened in place"
    assert made.acknowledge(made.logs[0].log, "notice", [(wider.first, wider.last)]).forgotten == 0
    assert Lost(made).ranges == []
    assert [made.stats(name).lost for name in ("audit", "alarm", "metric")] == [0, 0, 0]


def test_a_frame_that_no_link_takes_is_not_kept(disk: PaperDisk) -> None:
    made = spool(disk)
    kept = made.append("config", text(bytes(FRAME_LIMIT)), at(1000))
    assert not kept.kept
    assert [(one.first, one.last) for one in lost_of(made, "notice")] == [(1, 1)]
    assert say(made, "config") == [2]


def test_a_full_disk_keeps_what_it_can_in_memory_and_tells_the_rest(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "audit", 2)
    disk.full = True
    say(made, "audit", WAITING + 10)
    told = lost_of(made, "audit")
    assert [(one.first, one.last) for one in told] == [(3, 12)], "told with the room that was kept for it"
    assert made.stats("audit").refused > 0
    disk.full = False
    see_to(made)
    assert held(made, "audit") == [1, 2, *range(13, WAITING + 13)]
    assert not made.try_again(1000)


def test_on_a_full_disk_the_cheap_gives_way_to_the_dear(tmp_path: Path, small_disk: Path) -> None:
    made = spool(Disk(), small_disk / "telemetry")
    see_to(made)
    say(made, "fast", 40, 8000)
    filler = fill(small_disk)
    assert say(made, "audit", 3, 2000) == [1, 2, 3]
    assert any(of.waiting for of in made.all_of("audit")) or held(made, "audit")
    see_to(made, rounds=8)
    assert held(made, "audit") == [1, 2, 3]
    assert lost_of(made, "metric"), "metrics made room"
    assert not lost_of(made, "audit")
    say(made, "fast", 5, 8000)
    see_to(made, rounds=8)
    assert held(made, "metric") or lost_of(made, "metric")[-1].last >= 41
    filler.unlink()
    made.stop()
    made.close(at(1000))
    again = spool(Disk(), small_disk / "telemetry")
    assert held(again, "audit") == [1, 2, 3]
    again.stop()
    again.close(at(1000))


def test_files_that_may_not_grow_lose_exactly_what_is_told(tmp_path: Path) -> None:
    """A limit on the size of files cuts a write in the middle: what was taken of it is no record."""
    made = spool(Disk(), tmp_path)
    say(made, "audit", 5, 1000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, before[1]))
    try:
        kept = [made.append("audit", text(bytes(1000)), at(1010)) for _ in range(WAITING + 20)]
        see_to(made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert all(one.kept for one in kept), "each had its number on record before it went out"
    see_to(made)
    told = {n for one in lost_of(made, "audit") for n in range(one.first, one.last + 1)}
    found = held(made, "audit")
    assert told
    assert not told & set(found)
    assert told | set(found) == set(range(1, WAITING + 26))
    made.stop()
    made.close(at(1020))
    again = spool(Disk(), tmp_path)
    assert held(again, "audit") == found
    assert {n for one in lost_of(again, "audit") for n in range(one.first, one.last + 1)} == told
    again.stop()
    again.close(at(1020))


def test_a_disk_that_takes_nothing_at_all_lets_everything_out_under_numbers_of_its_own(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "alarm")
    disk.broken = True
    kept = made.append("alarm", text(), at(1000))
    assert (kept.kept, kept.seq, kept.log != made.logs[0].log) == (False, 1, True)
    assert [(one.first, one.last) for one in lost_of(made, "alarm")] == [(2, 2)]
    disk.broken = False
    assert say(made, "alarm") == [3]


def test_a_spool_that_cannot_be_opened_is_begun_when_it_can(disk: PaperDisk) -> None:
    disk.full = True
    made = spool(disk)
    assert [type(one) for one in made.troubles] == [OSError]
    assert not made.append("alarm", text(), at(1000)).kept
    assert made.wants_log
    assert made.acknowledge(bytes(16), "alarm", [(1, 1)]).forgotten == 0
    disk.full = False
    made.number_in(made.another_log(at(1000)))
    assert made.append("alarm", text(), at(1000)).kept


# -- damage


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
@pytest.mark.parametrize("garbage", [b"", b"\0" * 9, b"GWrc"])
def test_a_tail_that_is_torn_at_any_byte_is_cut_off(boot: str, garbage: bytes) -> None:
    disk = PaperDisk()
    made = spool(disk)
    say(made, "guest", 3)
    ends = [0, made.all_of("notice")[0].segments[0].data_from, *(one.end for one in read_all(made).values())]
    (path,) = [path for path in disk.names_now if first_of(path.name, "notice")]
    whole = bytes(disk.names_now[path].data)
    files = {path: bytes(file.data) for path, file in disk.names_now.items()}
    for cut in range(len(whole)):
        disk = PaperDisk()
        disk.folders = {FOLDER, path.parent}
        for name, data in files.items():
            fd = disk.create(name)
            disk.write(fd, data if name != path else whole[:cut] + garbage, 0)
        made = spool(disk, boot=boot)
        sound = held(made, "notice")
        assert sound == list(range(1, len(sound) + 1))
        ended_whole = whole[:cut] + garbage in [whole[:end] for end in ends]
        (number,) = say(made, "guest")
        if boot == "boot-2" or not ended_whole:
            assert number == RESERVED["notice"] + 1, "those between may have gone out"
            (told,) = lost_of(made, "notice")
            assert (told.first, told.last) == (len(sound) + 1, number - 1)
        assert held(made, "notice") == [*sound, number]


def test_damage_in_the_middle_is_a_gap_and_costs_nothing_else(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 300, 2000)
    first, second, *_ = made.logs[0].classes["notice"].segments
    disk.names_now[second.path].data[5000] ^= 1
    for later in (False, True):
        if later:
            disk.kill()
            made = spool(disk)
        found = held(made, "notice")
        (gone,) = set(range(1, 301)) - set(found)
        assert second.first <= gone <= second.last
        assert [(one.first, one.last) for one in lost_of(made, "notice")] == [(gone, gone)]
    made.acknowledge(made.logs[0].log, "notice", [(1, 300)])
    assert held(made, "notice") == []
    assert first.last + 1 == second.first


def test_the_head_of_a_segment_may_be_damaged(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 200, 2000)
    for segment in made.logs[0].classes["notice"].segments:
        disk.names_now[segment.path].data[20] ^= 1
    disk.kill()
    again = spool(disk)
    assert held(again, "notice") == list(range(1, 201)), "its name tells its numbers"
    assert Lost(again).ranges == []


def test_a_segment_that_vanished_is_a_gap(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 400, 2000)
    see_to(made)
    segments = made.logs[0].classes["notice"].segments
    assert len(segments) > 3
    gone = [segments[0], segments[2]]
    for one in gone:
        del disk.names_now[one.path]
    disk.kill()
    again = spool(disk)
    found = set(held(again, "notice"))
    told = {n for one in lost_of(again, "notice") for n in range(one.first, one.last + 1)}
    assert told == {n for one in gone for n in range(one.first, one.last + 1)}
    assert found | told == set(range(1, 401))
    assert not found & told


def test_a_disk_that_does_not_read_loses_what_it_cannot_and_tries_again_where_it_may(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 3)
    trouble: list[OSError] = [OSError(errno.EMFILE, "too many files")]
    reads: Callable[..., bytes] = disk.read

    class Failing(PaperDisk):
        def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
            if trouble:
                raise trouble.pop()
            return reads(path, offset, size)

    made.disk = Failing()
    of = made.logs[0].classes["notice"]
    from guestwire.agent.telemetry.paging import judged, page_at

    def once() -> list[int]:
        page = page_at(of, 1)
        assert page is not None
        page.read(made.disk)
        return [one.seq for one in judged(page, 0)]

    assert once() == []
    assert once() == [1, 2, 3]
    trouble.append(OSError(errno.EIO, "read error"))
    assert once() == []
    assert [(one.first, one.last) for one in lost_of(made, "notice")] == [(1, 3)]


def test_the_size_of_a_segment_is_bounded(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "guest", 100, 40_000)
    for segment in made.logs[0].classes["notice"].segments:
        assert disk.size(segment.path) <= SEGMENT_BYTES


def test_what_it_can_tell(disk: PaperDisk) -> None:
    made = spool(disk)
    say(made, "fast", 3)
    made.acknowledge(made.logs[0].log, "metric", [(1, 1)])
    found = made.stats("metric")
    assert (found.held, found.acknowledged, found.lost, found.refused) == (2, 1, 0, 0)
    assert found.room == made.room("metric") > 0
    assert found.oldest_at == at(1000).wall_ms
    assert made.stats("alarm").oldest_at == 0


def test_files_are_the_agents_own_and_few(tmp_path: Path) -> None:
    made = spool(Disk(), tmp_path)
    for kind in ("fast", "guest", "audit", "alarm"):
        say(made, kind, 3)
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    assert len(list(tmp_path.rglob("*"))) == 1 + 1 + len(SPOOL_CLASSES)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
    made.stop()
    made.close(at(1000))


def test_batches_are_read_as_they_were_signed(disk: PaperDisk) -> None:
    made = spool(disk)
    kept = made.append("fast", lambda log, seq: signed(batch(log, seq, points=9)), at(1000))
    assert [one.frame for one in read_all(made).values()] == [kept.frame]
