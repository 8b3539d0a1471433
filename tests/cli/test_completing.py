"""Names of what hosts have, as a shell asks for them."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from fake_host import FakeFleet

from guestwire.model.desired import Desired
from guestwire.protocol.comm_models import EventView

EVENTS = [
    EventView(name=name, reset="auto", delivery="arbitrated", declared=True, set=False) for name in ("go", "stop")
]


@pytest.fixture
def complete(fleet: FakeFleet, config: Path):  # type: ignore[no-untyped-def]
    """`complete("event", "show", "h")` gives what Tab offers for the last word."""
    fleet.hosts["h1"].comm.events = EVENTS
    fleet.hosts["h2"].comm.events = EVENTS[:1]
    fleet.hosts["h1"].config.add(Desired())

    def ask(*words: str) -> list[str]:
        variables = {
            "_GUESTWIRE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("guestwire", *words)), "COMP_CWORD": str(len(words))
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", "from guestwire.cli.main import main; main()"],
            env={**os.environ, **variables}, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return ask


def test_names(complete, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    patient = partial(complete, "--timeout", "20")
    assert patient("event", "show", "h") == ["h1/go", "h1/stop", "h2/go"]
    assert patient("event", "wait", "h1/go", "h1/s") == ["h1/stop"]
    assert patient("--socket", str(fleet.socket("h1")), "event", "show", "g") == ["go"]
    assert patient("event", "create", "h1/new", "--wait", "d") == ["db"]
    assert patient("net", "isolate", "h1/lan", "w") == ["web"]
    assert patient("comm", "status", "h") == ["h1", "h2"]


def test_hosts_that_do_not_answer_are_left_out(complete, fleet: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for word in ("h9/", "/", "NO/x"):
        assert complete("event", "show", word) == []
    assert complete("--timeout", "0.0001", "event", "show", "h") == []
    assert complete("net", "isolate", "lan", "w") == []
    assert complete("--socket", str(tmp_path / "none.sock"), "event", "show", "g") == []
