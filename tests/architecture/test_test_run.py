"""`tests/run.py`: a run in which a half of the tests was not found is no success."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "run.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tests_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("front", "behind", "chosen", "verdict"),
    [
        (0, 0, False, 0),
        (0, 5, False, 5),
        (5, 0, False, 5),
        (0, 5, True, 0),
        (5, 0, True, 0),
        (5, 5, True, 5),
        (1, 5, True, 1),
        (0, 1, True, 1),
        (0, -15, False, 15),
    ],
)
def test_what_both_ends_make_together(script: ModuleType, front: int, behind: int, chosen: bool, verdict: int) -> None:
    assert script.verdict(front, behind, chosen=chosen) == verdict


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("", False),
        ("-p tests.support.no_skips --durations=15", False),
        ("-k x", True),
        ("tests/cli", True),
        ("--lf", True),
    ],
)
def test_which_arguments_choose(script: ModuleType, words: str, chosen: bool) -> None:
    assert script.chooses(words.split()) is chosen


def test_nothing_that_was_found_is_a_fault() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "-k", "no_test_has_such_a_name", str(Path(__file__))],
        capture_output=True, cwd=SCRIPT.parents[1], timeout=120,
    )  # fmt: skip
    assert done.returncode == 5
