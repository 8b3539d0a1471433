"""Every error of the table has an exit code, and the documented table is complete."""

import pytest

from guestwire.cli import exit_codes
from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import CODES


def test_every_kind_has_an_exit_code() -> None:
    assert set(exit_codes.BY_KIND) == set(Kind)


def test_the_table_is_numbered_without_a_gap() -> None:
    assert [row.number for row in exit_codes.EXIT_CODES] == list(range(10))


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.code)
def test_an_error_is_never_success_usage_or_diff(row: object) -> None:
    number = exit_codes.exit_code(row.code)  # type: ignore[attr-defined]
    assert number in range(1, 10)
    assert number not in (exit_codes.USAGE, exit_codes.DIFF_FOUND)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("NOT-FOUND", 3), ("CONTEXT-UNKNOWN", 3), ("WRONG-STATE", 4), ("EXISTS", 4), ("UNSIGNED", 5), ("OUT-OF-SCOPE", 5),
        ("BROKER-REFUSED", 5), ("HOST-UNREACHABLE", 6), ("BROKER-UNREACHABLE", 6), ("SOCKET-UNREACHABLE", 6), ("LISTENER-UNREACHABLE", 6), ("CLIENT-UNKNOWN", 5),
        ("NO-ANSWER", 7), ("READY-TIMEOUT", 7), ("INVALID-BODY", 9), ("CONFIG-INVALID", 9), ("INDETERMINATE", 1),
        ("DRIVER-ERROR", 1), ("VALIDATION-FAILED", 9), ("DOCUMENT-INVALID", 9), ("PLAN-STALE", 4), ("BASE-REVISION", 4),
        ("TOPO-MISMATCH", 4), ("DESTROY-DISK", 4), ("CONFIRM-REQUIRED", 4), ("ROLLED-BACK", 1), ("ROLLBACK-INCOMPLETE", 1),
    ],
)  # fmt: skip
def test_promised_numbers(code: str, number: int) -> None:
    assert exit_codes.exit_code(code) == number


def test_exceptions_are_codes_of_the_table() -> None:
    assert exit_codes.EXCEPTIONS.keys() <= {row.code for row in CODES}


@pytest.mark.parametrize(
    ("codes", "number"),
    [([], 0), (["NOT-FOUND"], 3), (["NOT-FOUND", "NOT-FOUND"], 3), (["NOT-FOUND", "WRONG-STATE"], 1)],
)
def test_of_several(codes: list[str], number: int) -> None:
    assert exit_codes.of_several(codes) == number
