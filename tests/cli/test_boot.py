"""`guestwire boot` and `guestwire shutdown`: a host's guests all together; and the host's own power."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.protocol.config_models import GuestOutcome, GuestsBoot, GuestsShutdown, HostPower

DONE = GuestOutcome(guest="GUEST0001", name="web", result="started")
FAILED = GuestOutcome(guest="GUEST0002", name="db", result="failed", code="READY-TIMEOUT", message="it did not answer")
NEWER = GuestOutcome(guest="GUEST0003", name="new", result="failed", code="OF-A-NEWER-HOST", message="whatever")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("boot", "h1"), GuestsBoot()),
        (("boot", "h1", "--all", "--clean", "--wait", "ready"), GuestsBoot(all=True, clean=True, wait="ready")),
        (("boot", "h1", "web", "db"), GuestsBoot(guests=("web", "db"))),
        (("shutdown", "h1", "--yes"), GuestsShutdown()),
        (("shutdown", "h1", "web", "-v", "--force", "--within", "5"),
         GuestsShutdown(guests=("web",), serial=True, force=True, within_s=5)),
    ],
)  # fmt: skip
def test_what_the_host_is_asked(words: tuple[str, ...], request_: object, run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = fleet.hosts["h1"].config
    config.outcomes = (DONE,)
    said = run(*words, "-o", "json")
    assert said.exit_code == 0, said.stderr
    assert config.requests == [request_]
    assert [(one["host"], one["name"], one["result"]) for one in json.loads(said.stdout)] == [("h1", "web", "started")]


@pytest.mark.parametrize(("outcomes", "code"), [((DONE, FAILED), 7), ((NEWER,), 1), ((FAILED, NEWER), 1)])
def test_every_guest_has_a_line(outcomes: tuple[GuestOutcome, ...], code: int, run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].config.outcomes = outcomes
    said = run("boot", "h1")
    assert said.exit_code == code
    assert [line.split()[0] for line in said.stdout.splitlines()[1:]] == [f"h1/{one.name}" for one in outcomes]


@pytest.mark.parametrize(
    "words", [("shutdown", "h1"), ("shutdown", "h1", "a", "b"), ("host", "reboot", "h1"), ("host", "poweroff", "h1")]
)
def test_what_takes_much_away_is_asked_about(words: tuple[str, ...], run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run(*words).exit_code == 2
    assert fleet.hosts["h1"].config.requests == []
    assert run(*words, "--yes").exit_code == 0
    assert len(fleet.hosts["h1"].config.requests) == 1


def test_names_or_all(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("boot", "h1", "web", "--all").exit_code == 2


def test_power_with_force(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "reboot", "h1", "--force", "--yes").exit_code == 0
    assert fleet.hosts["h1"].config.requests == [HostPower(force=True)]
