"""Errors as people and programs read them."""

import json

import pytest

from guestwire.cli import failures
from guestwire.cli.settings import Settings
from guestwire.model.error_codes.row import Code
from guestwire.model.errors import BY_CODE, CODES, GuestwireError


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    error = GuestwireError("WRONG-STATE", "The guest is off.", detail={"state": "stopped", "list": [1]})
    assert failures.report(Settings(), error, "h1/web") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "error: WRONG-STATE: h1/web: The guest is off.",
        "  state: stopped",
        f"  {error.remedy}",
    ]


def test_every_issue_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    issues = [
        {"code": "CPUSET-UNKNOWN", "severity": "E", "path": f"guests.g{n}.cpuset", "message": "none", "hint": "do"}
        for n in range(300)
    ]
    mistakes = [{"path": "hosts.h1.x", "message": "there is no such key"}, {"path": "", "message": "no \x1b TOML"}]
    error = GuestwireError(
        "VALIDATION-FAILED", detail={"issues": [*issues, *mistakes]}, cause=("DRIVER-ERROR", "DRIVER-LOST")
    )
    assert failures.report(Settings(), error) == 9
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.endswith(".cpuset: CPUSET-UNKNOWN: none: do") for line in lines) == 300
    assert "  hosts.h1.x: there is no such key" in lines
    assert "  document: no \\x1b TOML" in lines
    assert "  cause: DRIVER-ERROR, DRIVER-LOST" in lines


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.code)
def test_every_code_for_programs(row: object, capsys: pytest.CaptureFixture[str]) -> None:
    code: str = row.code  # type: ignore[attr-defined]
    number = failures.report(Settings(output="json"), GuestwireError(code, detail={"x": "y"}), "h1")
    said = json.loads(capsys.readouterr().err)["error"]
    assert (said["code"], said["exit_code"], said["target"], said["detail"]) == (code, number, "h1", {"x": "y"})
    assert said["remedy"]


def test_the_remedy_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    error = GuestwireError("NOT-FOUND")
    failures.report(Settings(), error)
    assert capsys.readouterr().err.count(error.remedy) == 1


def test_a_hosts_text_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    failures.report(Settings(), GuestwireError("INTERNAL", "\x1b]0;owned\x07", detail={"a": "\x1b[2J"}))
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "text", "exit_code"),
    [
        (PermissionError(13, "Permission denied", "/x"), "SYSTEM-REFUSED", "/x: Permission denied", 1),
        (FileNotFoundError(2, "No such file or directory", "/x"), "FILE-MISSING", "/x: No such file or directory", 3),
        (OSError(28, "No space left on device"), "SYSTEM-REFUSED", "No space left on device", 1),
        (OSError("odd"), "SYSTEM-REFUSED", "odd", 1),
    ],
)
def test_what_the_system_refuses(
    error: OSError, code: str, text: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.report_os(Settings(), error) == exit_code
    lines = capsys.readouterr().err.splitlines()
    assert ("  errno: " in "\n".join(lines)) is (error.errno is not None)
    assert (lines[0], lines[-1]) == (f"error: {code}: {text}", f"  {BY_CODE[code].remedy}")
    assert failures.report_os(Settings(output="json"), error) == exit_code
    said = json.loads(capsys.readouterr().err)["error"]
    assert (said["code"], said["message"], said["exit_code"], said["remedy"]) == (
        code, text, exit_code, BY_CODE[code].remedy,
    )  # fmt: skip


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.code)
def test_no_remedy_points_people_to_what_only_programs_see(row: Code) -> None:
    assert "detail.issues" not in row.remedy


@pytest.mark.parametrize(
    ("code", "said", "unsaid"),
    [
        ("NOT-FOUND", "check the name", "`job list`)"),
        ("FILE-MISSING", "check the path", "`guest list`"),
        ("DRAFT-MISSING", "`project pull`", "`guest list`"),
        ("GUESTS-RUNNING", "shut them down first", "or use force"),
        ("CONFIRM-REQUIRED", "over the broker", "apply it with a confirmation time"),
    ],
)
def test_a_remedy_says_what_can_be_done(code: str, said: str, unsaid: str) -> None:
    assert said in BY_CODE[code].remedy
    assert unsaid not in BY_CODE[code].remedy
