"""`tests/run.py`: a run in which a half of the tests was not found is no success."""

import importlib.util
import os
import shutil
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


def test_what_runs_left_is_kept_for_a_while(script: ModuleType, tmp_path: Path) -> None:
    """The newest, and those of runs that still go on."""
    with script.directory(tmp_path) as going_on:
        left = []
        for number in range(4):
            with script.directory(tmp_path) as run:
                left.append(run)
            os.utime(run, (number, number))
        os.utime(going_on, (0, 0))
        with script.directory(tmp_path) as now:
            assert set(tmp_path.iterdir()) == {going_on, now, *left[-script.KEPT :]}


def test_a_run_with_a_secret_in_a_log_is_no_success(tmp_path: Path) -> None:
    """As `make test` runs it; the log is of a test that does not look at it."""
    test = tmp_path / "test_leaky.py"
    test.write_text(
        "from guestwire.protocol.key_files import format_private\n"
        "from guestwire.protocol.signing import SigningKey\n"
        "def test_writes(tmp_path):\n"
        "    key = SigningKey.generate()\n"
        "    (tmp_path / 'h1.key').write_text(format_private(key))\n"
        "    (tmp_path / 'agent.log').write_text(f'key={key.raw.hex()}')\n"
    )
    done = subprocess.run(
        [sys.executable, SCRIPT, "-q", "-n0", "-p", "no:cacheprovider", str(test)],
        capture_output=True, cwd=SCRIPT.parents[1], timeout=120, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    shutil.rmtree(tmp_path)  # the run that this test is in is searched too
    assert done.returncode == 1
    assert b"LEAK: a/" in done.stdout
    assert b"agent.log has a signing key" in done.stdout
