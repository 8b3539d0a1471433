"""`guestwire audit`: rows as people read them, a log checked at the host and in a file, and what tampering looks like."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from fake_audit import FakeAudit
from fake_host import FakeFleet

from guestwire.protocol.audit import AuditList, row_hash
from guestwire.protocol.packing import pack, unpack
from guestwire.site.layout import Layout

Run = Callable[..., Result]

ASKED = {"operation": "guest-start", "request": "0-1", "way": "mqtt", "client": "anna"}


@pytest.fixture
def log(fleet: FakeFleet) -> FakeAudit:
    """That of h1: eight rows."""
    log = fleet.hosts["h1"].audit
    log.add(what="accepted", principal="operator:anna", keys=("00ff",), target="web", **ASKED)
    log.add(what="ended", state="FAILED", code="TIMED-OUT", principal="operator:anna", **ASKED)
    log.add(what="refused", code="BAD-SIGNATURE", claims="operator:anna", **ASKED)
    log.add(what="refusals", code="MALFORMED", client="mallory\x1b[31m", count=7, **{"from": 1}, to=2)
    for n in range(4):
        log.add(what="reads", principal="operator:ben", operation=f"guest-{n}", way="mqtt", code="ok", count=3)
    return log


@pytest.fixture
def exported(run: Run, log: FakeAudit, tmp_path: Path) -> Path:
    file = tmp_path / "h1.audit"
    done = run("audit", "export", str(file), "--host", "h1")
    assert done.exit_code == 0, done.stderr
    return file


def test_rows_for_people(run: Run, log: FakeAudit) -> None:
    lines = run("audit", "list", "h1").stdout.splitlines()
    assert len(lines) == 9
    assert lines[1].split()[0] == "1"
    for word in ("accepted", "operator:anna", "guest-start", "web"):
        assert word in lines[1]
    assert "FAILED TIMED-OUT" in lines[2]
    assert "operator:anna?" in lines[3]  # whom a message names that was not believed
    assert "MALFORMED ×7" in lines[4]
    assert "\x1b[31m" not in lines[4]


def test_rows_for_programs(run: Run, log: FakeAudit) -> None:
    rows = json.loads(run("audit", "list", "h1", "-o", "json").stdout)
    assert (rows[0]["keys"], rows[0]["hash"]) == (["00ff"], log.rows[0][1].hex())
    assert run("audit", "list", "h1", "-o", "name").stdout.split() == [str(n) for n in range(1, 9)]


def test_filters_and_pages(run: Run, log: FakeAudit) -> None:
    log.page = 2

    def seqs(*arguments: str) -> list[int]:
        return [row["seq"] for row in json.loads(run("audit", "list", "h1", *arguments, "-o", "json").stdout)]

    assert seqs("-n", "3") == [6, 7, 8]
    assert seqs("--after", "1", "-n", "3") == [2, 3, 4]
    assert seqs("--principal", "operator:anna") == [1, 2]
    assert seqs("--code", "BAD-SIGNATURE") == [3]
    assert seqs("--operation", "guest-2", "--after", "0") == [7]
    assert run("audit", "list", "h1", "--code", "NONE").stdout == ""


def test_a_whole_log_is_said_to_be(run: Run, log: FakeAudit) -> None:
    log.page = 3
    log.drop(3)
    done = run("audit", "verify", "--host", "h1", "-o", "json")
    said = json.loads(done.stdout)
    assert (said["rows"], said["first"], said["last"], said["signed"]) == (6, 4, 9, True)
    text = run("audit", "verify", "--host", "h1").stdout
    assert "signed by the host" in text
    assert "dropped those before 4" in text


def test_an_empty_log_is_whole(run: Run, fleet: FakeFleet) -> None:
    assert json.loads(run("audit", "verify", "--host", "h2", "-o", "json").stdout)["rows"] == 0


def test_an_altered_row_is_found_at_the_host(run: Run, log: FakeAudit) -> None:
    row, digest = log.rows[4]
    log.rows[4] = (row.replace(b"ben", b"eve"), digest)
    done = run("audit", "verify", "--host", "h1")
    assert done.exit_code == 5
    assert "AUDIT-BROKEN: Row 5 does not have its hash" in done.stderr


def test_a_log_that_was_written_anew_is_found_at_the_host(run: Run, log: FakeAudit) -> None:
    """The rows are others, each with its hash; the end is the one that the host signed."""

    def anew(reply: AuditList) -> AuditList:
        row = pack({**unpack(log.rows[7][0]), "code": "NOT-FOUND"})
        return reply.model_copy(update={"rows": (*reply.rows[:7], (row, row_hash(log.rows[6][1], row)))})

    log.answered = anew
    done = run("audit", "verify", "--host", "h1")
    assert (done.exit_code, "written anew" in done.stderr) == (5, True)


def test_rows_that_never_come_are_missed(run: Run, log: FakeAudit) -> None:
    log.answered = lambda reply: reply.model_copy(update={"rows": (), "next": 1})
    done = run("audit", "verify", "--host", "h1")
    assert "the end is cut off" in done.stderr


def test_a_host_that_has_another_log_now_is_told(run: Run, log: FakeAudit) -> None:
    log.page = 2

    def other(times: int) -> None:
        log.log = bytes([times]) * 16

    log.asked = other
    assert "another log now" in run("audit", "verify", "--host", "h1").stderr


def test_an_export_is_checked_without_the_host(run: Run, exported: Path, layout: Layout) -> None:
    assert exported.stat().st_mode & 0o777 == 0o600
    said = json.loads(run("audit", "verify", str(exported), "-o", "json").stdout)
    assert (said["host"], said["rows"], said["signed"]) == ("h1", 8, True)
    files = ("--trust", str(layout.trust), "--root", str(layout.root_public))
    assert run("audit", "verify", str(exported), *files).exit_code == 0
    assert run("audit", "verify", str(exported), *files[:2]).exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("operator:ben", "operator:eve", "Row 5 does not have its hash"),
        ('"seq":6', '"seq":7', "Row 7 is where row 6 should be"),
        ('"host":"h1"', '"host":"h2"', "not signed by host h2"),
        ('{"head"', '\n{"head"', "not as a log is written"),
    ],
)
def test_what_was_done_to_an_export_is_found(run: Run, exported: Path, old: str, new: str, words: str) -> None:
    text = exported.read_text()
    assert old in text
    exported.write_text(text.replace(old, new, 1))
    done = run("audit", "verify", str(exported))
    assert done.exit_code == 5
    assert words in done.stderr


def test_bytes_that_are_no_text_are_found_too(run: Run, exported: Path) -> None:
    exported.write_bytes(exported.read_bytes().replace(b"ben", b"b\xffn", 1))
    done = run("audit", "verify", str(exported))
    assert "AUDIT-BROKEN" in done.stderr


def test_an_export_does_not_write_over_a_file_unasked(run: Run, exported: Path) -> None:
    before = exported.read_bytes()
    again = run("audit", "export", str(exported), "--host", "h1")
    assert "EXISTS" in again.stderr
    assert run("audit", "export", str(exported), "--host", "h1", "--yes").exit_code == 0
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    assert lines[:-1] == [json.loads(line) for line in before.decode().splitlines()][:-1]


def test_a_broken_log_is_not_exported(run: Run, log: FakeAudit, tmp_path: Path) -> None:
    del log.rows[2]
    done = run("audit", "export", str(tmp_path / "file"), "--host", "h1")
    assert "AUDIT-BROKEN" in done.stderr
    assert list(tmp_path.glob("file*")) == []


def test_a_log_that_drops_rows_while_it_is_read_is_read_again(run: Run, log: FakeAudit, tmp_path: Path) -> None:
    log.page = 2
    log.asked = lambda times: log.drop(5) if times == 2 else None
    said = json.loads(run("audit", "export", str(tmp_path / "file"), "--host", "h1", "-o", "json").stdout)
    assert (said["first"], said["last"]) == (6, 9)
    assert run("audit", "verify", str(tmp_path / "file")).exit_code == 0


def test_a_log_that_is_always_faster_is_given_up(run: Run, log: FakeAudit) -> None:
    log.page = 2
    log.asked = lambda times: log.drop(len(log.rows) - 1) if times % 2 == 0 else log.add(what="x") or log.add(what="y")
    done = run("audit", "verify", "--host", "h1")
    assert "BUSY" in done.stderr
