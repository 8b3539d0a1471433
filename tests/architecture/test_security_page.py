"""The table of threats: each row has who, what stops him, and a test that is there."""

import re
from pathlib import Path

import pytest

PAGE = Path("deploy/docs/SECURITY.md")
NAMED = re.compile(r"`((?:[a-z0-9_]+/)+test_[a-z0-9_]+\.py)(?:::(test_[a-z0-9_]+))?`")


@pytest.fixture
def threats(repository):
    rows = [
        line.split("|")[1:-1] for line in repository.text(PAGE).partition("## Threats")[2].splitlines() if "|" in line
    ]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_threat_has_its_four_cells(threats):
    assert len(threats) >= 25
    assert threats[0][0]
    assert not [row for row in threats if len(row) != 4 or not all(row[1:])]


def test_every_threat_names_tests_that_are_there(repository, threats):
    wrong = []
    for row in threats:
        named = NAMED.findall(row[3])
        if not named:
            wrong.append(f"no test: {row}")
        for path, function in named:
            file = repository.base / "tests" / path
            if not file.is_file() or (function and f"def {function}(" not in file.read_text(encoding="utf-8")):
                wrong.append(f"{path}::{function}")
    assert not wrong


def test_every_test_of_an_attack_is_in_the_table(repository, threats):
    """What the suites of hostile peers show is what the page promises."""
    page = repository.text(PAGE)
    suites = (
        "integration/test_hostile_broker.py", "integration/test_hostile_listener.py", "integration/test_acl_matrix.py",
        "integration/test_enrolment.py", "controller/links/test_hostile_answers.py", "e2e/test_controller_belief.py",
    )  # fmt: skip
    assert not [suite for suite in suites if suite not in page]
