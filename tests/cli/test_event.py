"""`guestwire event`: named events listed, signalled, waited for and watched, and their configuration in one go."""

import asyncio
import json
from typing import Any

import pytest
from fake_host import FakeFleet

from guestwire.cli.event import MOST_WAITED
from guestwire.cli.event_waiting import wait_for
from guestwire.cli.event_watch import compare
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.model.guest import Guest
from guestwire.protocol.comm_models import EventView, EventWait, EventWaited
from guestwire.protocol.operation_models import JobRef
from guestwire.sdk.answers import Answer, CallOptions

LINUX1, LINUX2 = (Guest(name=f"linux{n}", kind="gp_comm", memory_mib=256) for n in (1, 2))
GO = EventView(
    name="go", reset="auto", delivery="arbitrated", declared=True, set=False, signal=("REMOTE", "linux1"),
    wait=("REMOTE", "linux2"), signals=41, rate=2.5, waiters=("linux2",), last_by="linux1", last_at=1_700_000_000_000,
)  # fmt: skip
STOP = EventView(
    name="stop", reset="manual", delivery="direct", declared=True, set=None, signal=("linux1",), wait=("linux2",)
)
SCRATCH = EventView(name="scratch", reset="manual", delivery="native", declared=False, set=True)


@pytest.fixture
def comm(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's services, with three events."""
    comm = fleet.hosts["h1"].comm
    comm.events = [GO, STOP, SCRATCH]
    return comm


@pytest.fixture
def config(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's configuration, with two guests and an event."""
    fleet.hosts["h1"].config.add(Desired(guests=(LINUX1, LINUX2), events=(Event(name="go", signal=("linux1",)),)))
    return fleet.hosts["h1"].config


def test_as_many_at_once_as_the_protocol_takes() -> None:
    assert EventWait.model_fields["names"].metadata[-1].max_length == MOST_WAITED


def test_list(run, comm) -> None:  # type: ignore[no-untyped-def]
    said = run("event", "list", "h1")
    assert [line.split() for line in said.stdout.splitlines()[1:]] == [
        ["h1/go", "auto", "arbitrated", "no", "41", "2.5/s", "linux2"],
        ["h1/stop", "manual", "direct", "-", "0", "0.0/s", "-"],
        ["h1/scratch", "manual", "native", "yes", "0", "0.0/s", "-"],
    ]
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert run("event", "list", "-o", "name").stdout.split() == ["h1/go", "h1/stop", "h1/scratch"]
    assert "everybody" in run("event", "list", "-o", "wide").stdout


def test_show(run, comm) -> None:  # type: ignore[no-untyped-def]
    said = run("event", "show", "h1/go").stdout
    assert "REMOTE, linux1" in said
    assert "41, 2.5/s" in said
    assert json.loads(run("event", "show", "h1/stop", "-o", "json").stdout)["delivery"] == "direct"
    assert run("event", "show", "h1/nothing").exit_code == 3


def test_signal_and_reset(run, comm, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("event", "signal", "h1/go", "-o", "json")
    assert (said.exit_code, json.loads(said.stdout)[0]["set"]) == (0, True)
    assert json.loads(run("event", "reset", "h1/go", "-o", "json").stdout)[0]["set"] is False
    assert run("event", "signal", "h1/stop").exit_code == 5
    fleet.hosts["h1"].fail["event-signal"] = GuestwireError("COMM-NOT-STARTED")
    assert run("event", "signal", "h1/go").exit_code == 4


def test_wait(run, comm) -> None:  # type: ignore[no-untyped-def]
    looks = iter([False, True])
    comm.looked = lambda name: comm.change(name, set=True) if next(looks) else None
    said = run("event", "wait", "h1/go", "h1/stop")
    assert said.exit_code == 0, said.stderr
    assert "h1/go" in said.stdout
    assert [one.names for one in comm.requests] == [("go", "stop")] * 2
    assert comm.events[0].set is False


def test_wait_ends_with_a_code_of_its_own(run, comm) -> None:  # type: ignore[no-untyped-def]
    said = run("event", "wait", "h1/go", "--timeout", "40", "-o", "json")
    assert said.exit_code == 7
    assert json.loads(said.stdout)["name"] is None
    assert [one.timeout_s for one in comm.requests] == [15, 15, 10]
    plain = run("event", "wait", "h1/go", "--timeout", "1")
    assert (plain.exit_code, plain.stdout) == (7, "")
    assert "none of them was set" in plain.stderr


@pytest.mark.parametrize("names", [(), ("go",), ("h1/go", "h2/go"), tuple(f"h1/e{n}" for n in range(MOST_WAITED + 1))])
def test_what_cannot_be_waited_for(names: tuple[str, ...], run, comm) -> None:  # type: ignore[no-untyped-def]
    assert run("event", "wait", *names, "--timeout", "1").exit_code == 2


class _Waiting:
    """A host that never answers a wait, and remembers what was taken back."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.asked: list[bytes | None] = []
        self.canceled: list[bytes] = []

    async def event_wait(self, _request: EventWait, options: CallOptions) -> Answer[EventWaited]:
        self.asked.append(options.request_id)
        self.begun.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def job_cancel(self, request: JobRef, _options: CallOptions) -> None:
        self.canceled.append(request.request_id)
        raise GuestwireError("NOT-FOUND")


async def test_who_gives_up_takes_the_wait_back() -> None:
    host: Any = _Waiting()
    task = asyncio.create_task(wait_for(host, ("go",), None))
    await asyncio.wait_for(host.begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.canceled == host.asked
    assert len(host.asked) == 1


def test_what_counts_as_a_change() -> None:
    before = {"go": GO, "stop": STOP}
    rated = GO.model_copy(update={"rate": 0.1})
    assert compare(before, {"go": rated, "stop": STOP}) == []
    found = compare(before, {"go": rated.model_copy(update={"signals": 44}), "scratch": SCRATCH})
    assert [(one.kind, one.event.name, one.signals) for one in found] == [
        ("changed", "go", 3), ("new", "scratch", 0), ("gone", "stop", 0)
    ]  # fmt: skip
    (anew,) = compare({"go": GO}, {"go": GO.model_copy(update={"signals": 2})})
    assert anew.signals == 2


def test_watch(run, comm) -> None:  # type: ignore[no-untyped-def]
    steps = iter([{}, {"signals": 44, "last_by": "REMOTE", "waiters": ()}, {}, {"set": True}, {"denied": 1}])
    comm.looked = lambda _: comm.change("go", **next(steps, {}))
    said = run("event", "watch", "h1/go", "--interval", "0.05", "--count", "3", "--timeout", "20")
    assert said.exit_code == 0, said.stderr
    assert [line.split("  ")[1:] for line in said.stdout.splitlines()] == [
        ["h1/go", "now", "unset", "2.5/s", "waiting: linux2"],
        ["h1/go", "unset", "+3 signals", "2.5/s", "by REMOTE"],
        ["h1/go", "set", "2.5/s"],
        ["h1/go", "set", "2.5/s", "denied: 1"],
    ]


def test_watch_all_for_programs(run, comm, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    looks = iter([None, "go"])
    comm.looked = lambda _: comm.change("go", signals=50) if next(looks, None) else None
    for words in (("h1/*",), ("--socket", str(fleet.socket("h1")))):
        said = run("event", "watch", *words, "--interval", "0.05", "--timeout", "0.4", "-o", "json")
        assert said.exit_code == 7
        lines = [json.loads(line) for line in said.stdout.splitlines()]
        assert [line["name"] for line in lines[:3]] == ["go", "stop", "scratch"]
        assert [(line["change"], line["new_signals"]) for line in lines[3:]] in ([("changed", 9)], [])
    assert run("event", "watch", "h1/nothing", "--count", "1").exit_code == 3
    assert run("event", "watch").exit_code == 2


def test_create(run, config) -> None:  # type: ignore[no-untyped-def]
    said = run(
        "event", "create", "h1/ready", "--manual", "--initial", "--signal", "linux1,REMOTE", "--wait", "GUEST0002",
        "--wait", "HOST", "--yes",
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    made = config.active.events[-1]
    assert (made.name, made.reset, made.initial, made.delivery) == ("ready", "manual", True, "arbitrated")
    assert (made.signal, made.wait) == (("linux1", "REMOTE"), ("linux2", "HOST"))
    words = ("event", "create", "h1/fast", "--direct", "--signal", "linux1", "--wait")
    assert run(*words, "linux2", "--yes").exit_code == 0
    assert config.active.events[-1].delivery == "direct"
    assert run(*words, "linux2", "--yes").exit_code == 4


@pytest.mark.parametrize(
    "words",
    [
        ("create", "h1/fast", "--direct", "--signal", "linux1"),
        ("create", "h1/new", "--signal", "nobody"),
        ("create", "h1/a b", "--signal", "linux1"),
    ],
)
def test_what_breaks_a_rule(words: tuple[str, ...], run, config, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("event", *words, "--yes").exit_code == 9
    assert "config-apply" not in fleet.hosts["h1"].calls


def test_delete(run, config) -> None:  # type: ignore[no-untyped-def]
    assert run("event", "delete", "h1/go", "--yes").exit_code == 0
    assert config.active.events == ()
    assert run("event", "delete", "h1/go", "--yes").exit_code == 3
