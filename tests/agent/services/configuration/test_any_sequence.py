"""Any sequence of edits, failures, restarts, drift and returns, on a simulated host: what is told is what is there."""

import asyncio
import contextlib
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.runtime import GuestRuntime
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.desired import Desired, canonical, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.images import Image
from guestwire.model.settings import HostSettings
from guestwire.model.settling import settle
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig
from .seen import Seen, look
from .test_failures import Calls, only

DISKS = "/simulated/images"
NAMES = st.sampled_from(("a", "b", "c"))
MEMORY = st.sampled_from((64, 128, 256))
IMAGES = (Image(id="linux", os_type="linux", path="/simulated/vmlinuz"),)


def _disk(name: str, size: int) -> Disk:
    return Disk(path=f"{DISKS}/{name}{size}.qcow2", size_mib=size)


def _edited(desired: Desired, who: str, **changes: Any) -> Desired:
    guests = tuple(g.model_copy(update=changes) if g.name == who else g for g in desired.guests)
    return desired.model_copy(update={"guests": guests})


def _added(desired: Desired, guest: Guest) -> Desired:
    return desired.model_copy(update={"guests": (*desired.guests, guest)})


def _removed(desired: Desired, name: str) -> Desired:
    return desired.model_copy(update={"guests": tuple(g for g in desired.guests if g.name != name)})


def _grown(desired: Desired, name: str, by: int) -> Desired:
    guest = desired.guest(name)
    if guest is None or not guest.disks:
        return desired
    size = (guest.disks[0].size_mib or 1) + by
    return _edited(desired, name, disks=(guest.disks[0].model_copy(update={"size_mib": size}), *guest.disks[1:]))


def _swapped(desired: Desired, one: str, other: str) -> Desired:
    """Names that go on: the first guest gets the second's name, which gets a new one."""
    return _edited(_edited(desired, other, name="d"), one, name=other)


def _settings(desired: Desired, **changes: Any) -> Desired:
    return desired.model_copy(update={"settings": desired.settings.model_copy(update=changes)})


EDITS = st.one_of(
    st.tuples(st.just("add"), NAMES, MEMORY, st.sampled_from((0, 16, 32))),
    st.tuples(st.just("add rt"), NAMES, MEMORY),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("memory"), NAMES, MEMORY),
    st.tuples(st.just("title"), NAMES, st.sampled_from(("", "x", "y"))),
    st.tuples(st.just("cpuset"), NAMES, st.sampled_from(("1", "1-2", "2-3", "0-3"))),
    st.tuples(st.just("disk"), NAMES, st.sampled_from((16, 64))),
    st.tuples(st.just("no disk"), NAMES),
    st.tuples(st.just("grow"), NAMES, st.sampled_from((8, 24))),
    st.tuples(st.just("image"), NAMES, st.sampled_from((None, "linux"))),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("forward"), st.booleans()),
    st.tuples(st.just("swap"), st.sampled_from((0, 1024, 2048))),
)
ManyEdits = st.lists(EDITS, min_size=1, max_size=4)


def edited(desired: Desired, edits: list[tuple[Any, ...]]) -> Desired:
    for edit in edits:
        match edit:
            case ["add", name, memory, disk]:
                disks = (_disk(name, disk),) if disk else ()
                desired = _added(desired, Guest(name=name, memory_mib=memory, disks=disks))
            case ["add rt", name, memory]:
                desired = _added(desired, Guest(name=name, kind="rt", cpuset="2-3", memory_mib=memory))
            case ["remove", name]:
                desired = _removed(desired, name)
            case ["memory", name, memory]:
                desired = _edited(desired, name, memory_mib=memory)
            case ["title" | "cpuset" | "image" as field, name, text]:
                desired = _edited(desired, name, **{field: text})
            case ["disk", name, size]:
                guest = desired.guest(name)
                desired = _edited(desired, name, disks=(*(guest.disks if guest else ()), _disk(f"{name}x", size)))
            case ["no disk", name]:
                desired = _edited(desired, name, disks=())
            case ["grow", name, by]:
                desired = _grown(desired, name, by)
            case ["rename", one, other]:
                desired = _swapped(desired, one, other)
            case ["forward", on]:
                desired = _settings(desired, ip_forward=on)
            case ["swap", size]:
                desired = _settings(desired, swap_mib=size)
    return desired


def _but(processes: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: process for name, process in processes.items() if name not in names}


class ConfigurationMachine(RuleBasedStateMachine):
    """`revisions`: the documents that the host keeps, by number; `drifted`: somebody edited behind our back; `edited`:
    generated files that somebody edited or removed, by guest."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.hosts = Hosts(Path(self.folder.name))
        self.stack = AsyncExitStack()
        self.revisions: dict[int, Desired] = {}
        self.identities: dict[str, str] = {}
        self.drifted = False
        self.edited: set[str] = set()

    @initialize()
    def furnish(self) -> None:
        self.rig = self._open()
        guests = (
            Guest(name="a", memory_mib=64, disks=(_disk("a", 16),)),
            Guest(name="b", kind="rt", cpuset="2-3", memory_mib=64),
            Guest(name="c", memory_mib=64, disks=(_disk("c", 16),)),
        )
        assert (
            self._apply(Desired(images=IMAGES, guests=guests, settings=HostSettings(ip_forward=False, swap_mib=0)))
            is None
        )
        for name in ("a", "b"):
            self.runner.run(self.rig.start(name))

    def _open(self) -> Rig:
        return self.runner.run(self.stack.enter_async_context(self.hosts.open()))

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    # -- pieces

    def _active(self) -> Desired:
        return self.runner.run(self.rig.active())

    def _look(self) -> Seen:
        return self.runner.run(look(self.rig))

    def _boots(self) -> dict[str, tuple[GuestRuntime, int]]:
        """How often each guest was turned on since it was defined: a guest that was deleted meanwhile is another one."""
        return {runtime.guest.name: (runtime, runtime.counters().boots) for runtime in self.rig.host._guests}

    def _is_as(self, before: Seen, boots: dict[str, tuple[GuestRuntime, int]]) -> None:
        """The host is as it was; a guest that was off meanwhile runs with its definition, which may have waited for that."""
        now, after = self._look(), self._boots()
        again = {
            name
            for name, (runtime, count) in after.items()
            if name not in boots or boots[name][0] is not runtime or boots[name][1] != count
        }
        for runtime in self.rig.host._guests:
            if runtime.guest.name in again and runtime.process is not None:
                assert runtime.process == Process(runtime.guest, runtime.pins)
        assert replace(now, processes=_but(now.processes, again)) == replace(
            before, processes=_but(before.processes, again)
        )

    def _apply(self, wanted: Desired, *, restart: bool = False, **options: Any) -> str | None:
        """Apply it; the code of what it ended with."""
        before, number = self._active(), self.rig.configured.active.number
        target = settle(wanted, before, host="h", disk_root=DISKS, revision=number)
        try:
            done = self.runner.run(self.rig.apply(wanted, restart=restart, **options))
        except GuestwireError as err:
            assert self._active() == before
            assert self.rig.configured.active.number == number
            return err.code
        assert canonical(self._active()) == canonical(target)
        assert done.revision.number in (number, number + 1)
        if self._active() != before:
            assert done.revision.number == number + 1, "revisions only go up"
        self.revisions[done.revision.number] = self._active()
        self.drifted = False
        self.edited.clear()
        return None

    def _guest(self, name: str) -> Guest | None:
        row = self.rig.guests.table.by_name(name)
        return None if row is None else row.guest

    # -- what people do

    @rule(edits=ManyEdits, restart=st.booleans())
    def edit(self, edits: list[tuple[Any, ...]], restart: bool) -> None:
        before, boots = self._look(), self._boots()
        code = self._apply(edited(self._active(), edits), restart=restart)
        if code is not None:
            self._is_as(before, boots)
        assert code in (None, "VALIDATION-FAILED", "ROLLED-BACK"), code

    @rule(edits=ManyEdits, restart=st.booleans(), number=st.integers(7, 32), after=st.booleans())
    def fail(self, edits: list[tuple[Any, ...]], restart: bool, number: int, after: bool) -> None:
        """An apply during which one call fails."""
        before, boots = self._look(), self._boots()
        calls: Calls = only(number)
        wanted = edited(self._active(), edits)
        plan = self.runner.run(self.rig.plan(wanted, restart=restart))
        request = self.rig.apply_request(wanted, plan, restart=restart)
        self.rig.host.set_faults(calls.faults("after" if after else "before"))
        try:
            running = self.rig.running("config-apply", request)
            self.runner.run(self.rig.configured.configuration.apply(running))
        except GuestwireError as err:
            failed = err
        else:
            self.rig.host.set_faults(Faults())
            self.revisions[self.rig.configured.active.number] = self._active()
            self.drifted = False
            self.edited.clear()
            return
        self.rig.host.set_faults(Faults())
        left = failed.detail.get("left", [])
        assert all(text.startswith("grow ") for text in left), "what a guest has seen grow stays"
        if not left:
            self._is_as(before, boots)

    @rule(number=st.integers(0, 10), restart=st.booleans())
    def go_back(self, number: int, restart: bool) -> None:
        kept = sorted(self.revisions)[-5:]
        chosen = kept[number % len(kept)]
        document = self.runner.run(self.rig.show(chosen)).desired.model_copy(update={"base_revision": None})
        assert content_hash(document) == content_hash(self.revisions[chosen])
        code = self._apply(document, restart=restart, origin="rollback")
        if code is None:
            assert content_hash(self._active()) == content_hash(document)
        assert code in (None, "VALIDATION-FAILED", "ROLLED-BACK"), code

    @rule(name=NAMES)
    def start(self, name: str) -> None:
        guest = self._guest(name)
        if guest is not None and guest.uuid is not None:
            row = self.rig.guests.table.by_uuid(guest.uuid)
            assert row is not None
            if row.observed.state != "running":
                with contextlib.suppress(GuestwireError):  # CPUs that another has
                    self.runner.run(self.rig.start(name))

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        guest = self._guest(name)
        if guest is not None and guest.uuid is not None:
            self.runner.run(self.rig.host.destroy(guest.uuid))
            self.runner.run(self.rig._until(name, "stopped"))

    @rule()
    def restart_the_agent(self) -> None:
        self.runner.run(self.stack.aclose())
        self.rig = self._open()

    # -- behind our back

    @rule(name=NAMES, memory=MEMORY)
    def edit_behind(self, name: str, memory: int) -> None:
        guest = self._guest(name)
        if guest is not None and guest.memory_mib != memory:
            self.runner.run(self.rig.host.define(guest.model_copy(update={"memory_mib": memory})))
            self.runner.run(self.rig.guests.settled(guest.uuid or ""))
            self.drifted = True

    @rule(name=NAMES)
    def delete_behind(self, name: str) -> None:
        guest = self._guest(name)
        row = self.rig.guests.table.by_name(name)
        if guest is not None and row is not None and row.observed.state == "stopped":
            self.runner.run(self.rig.host.undefine(guest.uuid or ""))
            self.runner.run(self.rig.guests.settled(guest.uuid or ""))
            self.drifted = True

    @rule(name=NAMES, remove=st.booleans())
    def edit_a_generated_file(self, name: str, remove: bool) -> None:
        guest = self._guest(name)
        path = self.rig.folder / "guests" / ((guest.id if guest else None) or "").lower() / "guest.config"
        if guest is not None and path.exists():
            path.unlink() if remove else path.write_text("edited by hand")
            self.edited.add(guest.uuid or "")

    @precondition(lambda self: self.drifted)
    @rule()
    def adopt(self) -> None:
        found = {observed.guest.uuid: observed.guest for observed in self.runner.run(self.rig.host.list())}
        self.edited -= {guest.uuid or "" for guest in self._active().guests if found.get(guest.uuid) != guest}
        running = self.rig.running("config-adopt", c.ConfigAdopt(update=True))
        done = self.runner.run(self.rig.configured.adoption.adopt(running))
        assert {g.uuid: g.memory_mib for g in self._active().guests} == {u: g.memory_mib for u, g in found.items()}
        self.revisions[done.revision.number] = self._active()
        self.drifted = False

    @precondition(lambda self: self.drifted)
    @rule(restart=st.booleans())
    def take_back(self, restart: bool) -> None:
        assert self._apply(self._active(), restart=restart) in (None, "VALIDATION-FAILED", "ROLLED-BACK")

    # -- always

    @invariant()
    def the_plan_of_what_is_active_is_empty(self) -> None:
        if not hasattr(self, "rig"):
            return
        shown = self.runner.run(self.rig.show())
        plan = self.runner.run(self.rig.plan(self._active())).items
        items = tuple(item for item in plan if item.field != "folder")
        known = self.rig.guests.table
        assert {item.object for item in plan if item.field == "folder"} == {
            f"guests.{guest.name}"
            for guest in self._active().guests
            if guest.uuid in self.edited and known.by_uuid(guest.uuid)
        }
        if not self.drifted:
            assert items == ()
            assert shown.drift == ()
        assert len(items) == len(shown.drift)

    @invariant()
    def who_has_an_identifier_keeps_it(self) -> None:
        if not hasattr(self, "rig"):
            return
        for guest in self._active().guests:
            assert guest.uuid is not None
            assert guest.id is not None
            assert self.identities.setdefault(guest.uuid, guest.id) == guest.id

    @invariant()
    def nothing_is_under_way(self) -> None:
        if hasattr(self, "rig"):
            assert self.rig.journal.config.under_way is None


TestConfigurationMachine = ConfigurationMachine.TestCase
TestConfigurationMachine.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


@pytest.mark.soak
class TestConfigurationMachineForLong(ConfigurationMachine.TestCase):
    settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
