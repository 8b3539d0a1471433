"""The marks of a log: in place, never half, and never back."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from paper_disk import PaperDisk

from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.gaps import MOST, Lost
from guestwire.agent.telemetry.marks import FILE_BYTES, Marks, MarksFile
from guestwire.protocol.telemetry import SPOOL_CLASSES

LOG = bytes(range(16))
PATH = Path("/spool/marks")
FULL = Marks(
    1 << 51, 1 << 52, (1 << 52) + 1024, clean=True, lost=tuple(Lost(n, n, 1, 2) for n in range(MOST)), boot="b" * 36
)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = MarksFile(Disk(), tmp_path / "marks")
    file.make(LOG)
    for number, name in enumerate(SPOOL_CLASSES):
        file.write(name, Marks(0, number, number + 9))
    file.write("audit", FULL)
    file.close()
    again = MarksFile(Disk(), tmp_path / "marks")
    found = again.read()
    again.close()
    assert found is not None
    assert found.log == LOG
    assert found.classes == {
        "audit": FULL,
        "alarm": Marks(0, 1, 10),
        "notice": Marks(0, 2, 11),
        "metric": Marks(0, 3, 12),
    }
    assert (tmp_path / "marks").stat().st_size == FILE_BYTES


def test_a_file_that_is_none_or_damaged_says_so() -> None:
    disk = PaperDisk()
    file = MarksFile(disk, PATH)
    assert file.read() is None
    file.make(LOG)
    for at in (0, 5, 10):
        whole = bytes(disk.names_now[PATH].data)
        disk.names_now[PATH].data[at] ^= 1
        assert file.read() is None
        disk.names_now[PATH].data[:] = whole
    assert file.read() is not None


def test_a_part_that_is_damaged_leaves_a_doubt_and_one_that_was_never_written_does_not() -> None:
    disk = PaperDisk()
    file = MarksFile(disk, PATH)
    file.make(LOG)
    found = file.read()
    assert found is not None
    assert not found.doubtful
    file.write("alarm", FULL)
    disk.names_now[PATH].data[512 * 4 + 100] ^= 1
    found = file.read()
    assert found is not None
    assert found.doubtful
    assert found.classes["alarm"] in (FULL, Marks())


def test_a_full_disk_takes_them_all_the_same() -> None:
    disk = PaperDisk()
    file = MarksFile(disk, PATH)
    file.make(LOG)
    disk.full = True
    for name in SPOOL_CLASSES:
        for _ in range(2):
            file.write(name, FULL)
    found = file.read()
    assert found is not None
    assert set(found.classes.values()) == {FULL}


@given(st.lists(st.sampled_from(["write", "sync", "write-while-syncing"]), max_size=12), st.data())
def test_what_was_synced_never_goes_back_whatever_a_power_cut_takes(steps: list[str], data: st.DataObject) -> None:
    disk = PaperDisk()
    file = MarksFile(disk, PATH)
    file.make(LOG)
    disk.sync_folder(PATH.parent)
    written = certain = 0
    for step in steps:
        match step:
            case "write":
                written += 1
                file.write("metric", Marks(0, written, written))
            case "sync":
                generations = file.generations
                disk.sync(file.fd)
                file.synced(generations)
                certain = written
            case _:
                generations = file.generations
                disk.sync(file.fd)
                written += 1  # over what this sync was about: a power cut may leave neither of the two
                file.write("metric", Marks(0, written, written))
                assert "metric" not in file.synced(generations), "nobody knows what of it is there"
    disk.cut_power(lambda most: data.draw(st.integers(0, most)))
    found = MarksFile(disk, PATH).read()
    assert found is not None
    assert certain <= found.classes["metric"].reserved <= written
