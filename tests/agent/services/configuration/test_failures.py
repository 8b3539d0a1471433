"""A change that fails, at every call it makes and at every record it writes, before and after: the host is as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from rich_change import MACHINE

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.services.configuration.ports import Folders, Records
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig
from .rich_host import furnish, request
from .seen import Seen, look

BEFORE, AFTER = "before", "after"
FIRST_STEP, LATE_STEP = "guests.shutdown:old", "control.set:ip_forward"
"""The first call that a step makes, and one near the end: with it failing nearly everything is to be undone."""
Moment = str


class Calls(dict[str, str]):
    """Every call of the host's ports, in order, as a mapping of faults that `answer` decides: for the number of the call
    and its name, the text of its failure or None."""

    def __init__(self, answer: Callable[[int, str], str | None] = lambda _number, _name: None) -> None:
        super().__init__({"": ""})  # an empty mapping of faults is not asked
        self.seen: list[str] = []
        self._answer = answer

    def get(self, key: str, default: Any = None) -> Any:
        if ":" not in key:
            return None  # the same call, asked once more without its subject
        self.seen.append(key)
        return self._answer(len(self.seen) - 1, key)

    def faults(self, moment: Moment) -> Faults:
        return Faults(fail_after=self) if moment == AFTER else Faults(fail_calls=self)


def only(number: int) -> Calls:
    """The call with that number fails, and no other."""
    return Calls(lambda at, _name: "injected" if at == number else None)


def for_ever(name: str, *, since: str) -> Calls:
    """Calls of that name fail once there was one of `since`."""
    made = Calls(lambda _at, call: "injected" if call == name and since in made.seen else None)
    return made


def losing(rig: Rig, number: int) -> Calls:
    """At the call with that number, counted from the first step on, the connection goes, and comes back a moment later."""

    def answer(at: int, _name: str) -> None:
        if FIRST_STEP in made.seen and at - made.seen.index(FIRST_STEP) == number:
            rig.host.lose_connection()
            asyncio.get_running_loop().call_later(0.02, rig.host.restore_connection)

    made = Calls(answer)
    return made


def cancelled_after(rig: Rig, made: c.ConfigApply, steps: int) -> Running:
    """A run that is cancelled while its step of that number is done."""
    left = steps

    def step(_progress: object) -> None:
        nonlocal left
        left -= 1
        running.cancel_requested = running.cancel_requested or left < 0

    running = Running(rig.call("config-apply", made), report=step)
    return running


@dataclass
class Host:
    """A furnished host and what it showed then."""

    rig: Rig
    before: Seen

    async def apply(self, made: c.ConfigApply, running: Running | None = None) -> GuestwireError | None:
        running = running or self.rig.running("config-apply", made)
        try:
            await self.rig.configured.configuration.apply(running)
        except GuestwireError as err:
            return err
        return None

    async def is_as_before(self) -> None:
        assert await look(self.rig) == self.before
        assert self.rig.journal.config.under_way is None
        assert (await self.rig.show()).revision.number == 1

    async def is_changed(self) -> None:
        shown = await self.rig.show()
        assert (shown.revision.number, shown.state, shown.drift) == (2, "in_sync", ())
        assert (await self.rig.plan(await self.rig.active())).items == ()


@pytest.fixture
def furnished(tmp_path: Path) -> Callable[..., Any]:
    made = 0

    @asynccontextmanager
    async def fresh(**options: Any) -> AsyncIterator[Host]:
        """A host of its own."""
        nonlocal made
        made += 1
        hosts = Hosts(tmp_path / f"host{made}", MACHINE)
        hosts.folder.mkdir()
        async with hosts.open(**options) as rig:
            yield Host(rig, await furnish(rig))

    return fresh


Furnished = Callable[..., Any]


async def calls_of(furnished: Furnished) -> list[str]:
    """The calls of the change when all goes well, from its first step on."""
    async with furnished() as host:
        calls = Calls()
        made = await request(host.rig)
        host.rig.host.set_faults(calls.faults(BEFORE))
        assert await host.apply(made) is None
        host.rig.host.set_faults(Faults())
        await host.is_changed()
        return calls.seen[calls.seen.index(FIRST_STEP) :]


# -- once: the undo works


STRIDE = pytest.mark.parametrize("stride", [2, pytest.param(1, marks=pytest.mark.soak)])
"""Two: each call meets the fault in one of both moments."""


def first(moment: Moment, stride: int) -> int:
    return stride - 1 if moment == AFTER else 0


@STRIDE
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_every_call_fails_once(furnished: Furnished, moment: Moment, stride: int) -> None:
    async with furnished() as host:
        number = first(moment, stride)
        while True:
            made = await request(host.rig)
            calls = only(number)
            host.rig.host.set_faults(calls.faults(moment))
            failed = await host.apply(made)
            host.rig.host.set_faults(Faults())
            if failed is None:
                break
            begun = FIRST_STEP in calls.seen[: number + 1]
            assert failed.code == ("ROLLED-BACK" if begun else "DRIVER-ERROR"), (number, calls.seen[number])
            await host.is_as_before()
            number += stride
        assert {name.split(":")[0] for name in calls.seen[number:]} <= {
            "images.probe", "images.set_aside", "images.remove",
        }, "only what comes after the commit may fail unnoticed"  # fmt: skip
        assert number > 40
        await host.is_changed()


async def test_a_removed_disk_that_cannot_be_deleted_is_deleted_by_the_next_change(furnished: Furnished) -> None:
    async with furnished() as host:
        made = await request(host.rig)
        host.rig.host.set_faults(Faults(fail_calls={"images.remove": "injected"}))
        assert await host.apply(made) is None
        await host.is_changed()
        aside = "/simulated/images/.old.qcow2.guestwire-aside-1"
        assert host.rig.host.images.exists(aside)
        host.rig.host.set_faults(Faults())
        now = await host.rig.active()
        await host.rig.apply(now.model_copy(update={"guests": now.guests[:-1]}))
        assert not host.rig.host.images.exists(aside)


@STRIDE
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_every_call_is_the_last_before_the_connection_goes(
    furnished: Furnished, moment: Moment, stride: int
) -> None:
    """It comes back a moment later: what was begun is undone, or went on."""
    names = await calls_of(furnished)
    undone, number = 0, first(moment, stride)
    while number < len(names):
        async with furnished() as host:
            while number < len(names):
                made = await request(host.rig)

                lost = losing(host.rig, number)
                host.rig.host.set_faults(lost.faults(moment))
                failed = await host.apply(made)
                host.rig.host.set_faults(Faults())
                async with asyncio.timeout(5):
                    while not host.rig.host.connected:
                        await asyncio.sleep(0.001)
                assert await host.rig.guests.connected_within(5)
                number += stride
                if failed is None:  # a call to a disk or a setting, and nobody asked for a guest meanwhile
                    await host.is_changed()
                    break
                assert failed.code == "ROLLED-BACK", (names[number - stride], failed.detail)
                await host.is_as_before()
                undone += 1
    assert undone > 20 // stride


# -- the records and the folders


class Failing:
    """Something in front of another: `broken` is asked at each call of these methods."""

    def __init__(self, inner: object, methods: frozenset[str], broken: Callable[[str, Moment], None]) -> None:
        self._inner = inner
        self._methods = methods
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name not in self._methods:
            return value

        async def call(*args: Any, **options: Any) -> Any:
            self._broken(name, BEFORE)
            result = await value(*args, **options)
            self._broken(name, AFTER)
            return result

        return call


@dataclass
class Fault:
    """Fails the call with that number, so many times."""

    number: int
    code: str
    moment: Moment = BEFORE
    times: int = 1
    at: int = -1
    armed: bool = False

    def __call__(self, name: str, moment: Moment) -> None:
        if not self.armed or moment != self.moment:
            return
        self.at += 1
        if self.number <= self.at < self.number + self.times:
            raise GuestwireError(self.code, f"injected at {name}")


WRITES = frozenset({"begin", "step_started", "step_done", "step_undone", "set_phase", "commit", "drop", "change"})
FILES = frozenset({"capture", "write", "remove"})


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.soak)])
async def test_every_record_meets_a_full_disk(furnished: Furnished, stride: int) -> None:
    fault = Fault(0, "JOURNAL-FULL")
    failing = lambda records: cast("Records", Failing(records, WRITES, fault))  # noqa: E731
    async with furnished(records=failing) as host:
        while True:
            made = await request(host.rig)
            fault.at, fault.armed = -1, True
            failed = await host.apply(made)
            fault.armed = False
            if failed is None:
                break
            assert failed.code == ("ROLLED-BACK" if fault.number else "JOURNAL-FULL")
            await host.is_as_before()
            fault.number += stride
        assert fault.number > 50
        await host.is_changed()


async def test_a_disk_that_stays_full_holds_an_undo_up_and_does_not_end_it(furnished: Furnished) -> None:
    """The records of the undo are full too, twice each."""
    fault = Fault(30, "JOURNAL-FULL", times=3)
    failing = lambda records: cast("Records", Failing(records, WRITES, fault))  # noqa: E731
    async with furnished(records=failing) as host:
        made = await request(host.rig)
        fault.armed = True
        failed = await host.apply(made)
        assert failed is not None
        assert failed.code == "ROLLED-BACK"
        await host.is_as_before()


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_every_file_of_a_guest_meets_a_full_disk(furnished: Furnished, moment: Moment) -> None:
    fault = Fault(0, "RESOURCE-EXHAUSTED", moment)
    failing = lambda folders: cast("Folders", Failing(folders, FILES, fault))  # noqa: E731
    async with furnished(folders=failing) as host:
        while True:
            made = await request(host.rig)
            fault.at, fault.armed = -1, True
            failed = await host.apply(made)
            fault.armed = False
            if failed is None:
                break
            assert failed.code == "ROLLED-BACK"
            await host.is_as_before()
            fault.number += 1
        assert fault.number == 12, "five folders written, one removed, each looked at first"
        await host.is_changed()


# -- cancelled


async def test_it_is_cancelled_between_every_two_steps(furnished: Furnished) -> None:
    async with furnished() as host:
        number = 0
        while True:
            made = await request(host.rig)
            failed = await host.apply(made, cancelled_after(host.rig, made, number))
            if failed is None:
                break
            assert (failed.code, failed.detail["code"]) == ("ROLLED-BACK", "CANCELED")
            await host.is_as_before()
            number += 1
        assert number > 20
        await host.is_changed()


# -- for ever: what is left is told


def differences(host: Host, now: Seen) -> set[str]:
    """What is not as before, in the words of the steps that should have brought it back."""
    before, found = host.before, set()
    names = {"off2": "off"}

    def guest(text: str | None) -> str:
        return "" if text is None else names.get(name := text.split('"name": "')[1].split('"')[0], name)

    for uuid in before.definitions.keys() | now.definitions.keys():
        old, new = before.definitions.get(uuid), now.definitions.get(uuid)
        if old != new:
            found.add(f"definition {guest(old or new)}")
    found |= {f"power {name}" for name in before.running ^ now.running}
    for name in before.processes.keys() & now.processes.keys():
        if before.processes[name] != now.processes[name]:
            found.add(f"process {name}")
    for path in before.images.keys() | now.images.keys():
        if before.images.get(path) != now.images.get(path):
            found.add(f"image {path.removesuffix('.guestwire-aside-1').replace('/.', '/')}")
    for name in type(now.settings).model_fields:
        if getattr(before.settings, name) != getattr(now.settings, name):
            found.add(f"setting {name.replace('_', ' ')}")
    return found


def told(left: list[str]) -> set[str]:
    """The same, of what the client was told."""
    found = set()
    for text in left:
        step = text.split(":")[0]
        match step.split():
            case ["define" | "delete", name]:
                found.add(f"definition {'off' if name == 'off2' else name}")
            case ["start" | "stop", name]:
                found.add(f"power {name}")
            case ["tune", name, "back"] | ["put", _, "into", name]:
                found.add(f"process {name}")
            case ["make" | "grow" | "set", path, *_] if path.startswith("/"):
                found.add(f"image {path}")
            case ["set", *name]:
                found.add(f"setting {' '.join(name)}")
            case _:
                raise AssertionError(text)
    return found


async def test_what_cannot_be_undone_is_told_and_nothing_else_is_left(furnished: Furnished) -> None:
    async with furnished() as host:
        calls = Calls(lambda _at, name: "injected" if name == LATE_STEP else None)
        made = await request(host.rig)
        host.rig.host.set_faults(calls.faults(BEFORE))
        assert await host.apply(made) is not None
        undoing = calls.seen[calls.seen.index(LATE_STEP) + 1 :]
    subjects = sorted({name for name in undoing if not name.endswith(":")})
    assert len(subjects) > 12
    for name in subjects:
        async with furnished() as host:
            made = await request(host.rig)
            calls = for_ever(name, since=LATE_STEP)
            host.rig.host.set_faults(Faults(fail_calls=calls, fail_after={LATE_STEP: "injected"}))
            failed = await host.apply(made)
            host.rig.host.set_faults(Faults())
            assert failed is not None
            assert failed.code == "ROLLBACK-INCOMPLETE", name
            await host.rig.up()
            left = told(failed.detail["left"])
            found = differences(host, await look(host.rig))
            # threads follow their definition, so that of them goes without saying
            found -= {place for place in found if place.replace("process", "definition") in left - {place}}
            assert found == left, (name, failed.detail["left"])
            shown = await host.rig.show()
            assert (shown.state, shown.revision.number) == ("failed", 1)
            assert host.rig.journal.config.under_way is None, "the host can be changed again"


@pytest.mark.parametrize("moment", [BEFORE, pytest.param(AFTER, marks=pytest.mark.soak)])
async def test_every_call_fails_for_ever(furnished: Furnished, moment: Moment) -> None:
    """Each call of the change, and every one like it afterwards."""
    for name in sorted({name for name in await calls_of(furnished) if not name.startswith("images.remove")}):
        async with furnished() as host:
            made = await request(host.rig)
            calls = for_ever(name, since=FIRST_STEP)  # the look before the first step succeeds
            host.rig.host.set_faults(calls.faults(moment))
            failed = await host.apply(made)
            host.rig.host.set_faults(Faults())
            assert failed is not None, name
            assert failed.code in ("ROLLED-BACK", "ROLLBACK-INCOMPLETE"), name
            await host.rig.up()
            left = told(failed.detail.get("left", []))
            found = differences(host, await look(host.rig))
            assert found <= left, (name, failed.detail)
            assert bool(left) == (failed.code == "ROLLBACK-INCOMPLETE")
