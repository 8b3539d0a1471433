"""What every driver of the Guests port promises: one suite, run against the simulated host and against libvirt.

Under libvirt the guests are real: QEMU with the test guest of tests/guest, emulated (TCG).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from guestwire.agent.services.ports import Changed, Gone, GuestEvent, Observed, Resynced
from guestwire.model.cpuset import to_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, ReadyWhen
from guestwire.model.pinning import pinning

T = TypeVar("T")


async def until(events: AsyncIterator[GuestEvent], uuid: str, wanted: Callable[[Observed], bool]) -> Observed:
    """The first observation of the guest that is wanted."""
    async for event in events:
        seen = event.guests if isinstance(event, Resynced) else (event.observed,) if isinstance(event, Changed) else ()
        for observed in seen:
            if observed.guest.uuid == uuid and wanted(observed):
                return observed
    raise AssertionError("the events ended")


def is_state(state: str) -> Callable[[Observed], bool]:
    return lambda observed: observed.state == state


async def text_until(console: AsyncIterator[bytes], wanted: str) -> bytes:
    seen = b""
    async for data in console:
        seen += data
        if wanted.encode() in seen:
            return seen
    raise AssertionError(f"the console ended after {seen!r}")


async def find(rig: Any, uuid: str) -> Observed:
    (found,) = [observed for observed in await rig.guests.list() if observed.guest.uuid == uuid]
    return found


async def refused(call: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value


def uuid_of(guest: Guest) -> str:
    assert guest.uuid is not None
    return guest.uuid


async def test_what_is_defined_is_what_is_listed(rig: Any) -> None:
    guest = rig.definition(
        kind="rt",
        os_type="zephyr",
        vcpus=1,
        cpuset="c0-c1",
        memory_mib=333,
        disks=(
            Disk(path="/simulated/a & b.qcow2"),
            Disk(path="/simulated/cd.iso", format="raw", device="cdrom", read_only=True),
        ),
        ready_when=ReadyWhen(by="console_text", text='up "<&>\x1b[0m\n', within_s=7),
        comments="two\nlines, ünïcode, \x00 and  spaces ",
    )
    defined = await rig.define(guest)
    assert defined == Observed(guest, "stopped", defined.reason)
    assert await find(rig, uuid_of(guest)) == defined


async def test_list_is_in_order_of_id(rig: Any) -> None:
    for number in (9102, 9101, 9103):
        await rig.guests.define(rig.definition(id=f"GUEST{number}"))
    ids = [observed.guest.id for observed in await rig.guests.list() if observed.guest.id]
    assert ids == sorted(ids)
    assert len(ids) >= 3


async def test_a_name_or_an_id_is_given_once(rig: Any) -> None:
    first = rig.definition()
    await rig.guests.define(first)
    error = await refused(rig.guests.define(rig.definition(name=first.name)))
    assert (error.code, error.field) == ("NAME-DUP", "name")
    error = await refused(rig.guests.define(rig.definition(id=first.id)))
    assert (error.code, error.field) == ("GUEST-ID-DUP", "id")


async def test_a_definition_is_replaced_and_may_be_renamed(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    await rig.guests.define(guest)
    other = guest.model_copy(update={"name": guest.name + ".b", "memory_mib": 256, "autostart": "headless"})
    assert (await rig.guests.define(other)).guest == other
    assert (await find(rig, uuid_of(guest))).guest == other


async def test_undefine_forgets_once_and_is_silent_after_that(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        assert isinstance(await anext(events), Resynced)
        await rig.guests.undefine(guest.uuid)
        async for event in events:
            if isinstance(event, Gone):
                break
        assert event.uuid == guest.uuid
    assert all(observed.guest.uuid != guest.uuid for observed in await rig.guests.list())
    await rig.guests.undefine(guest.uuid)


@pytest.mark.parametrize(
    "verb", ["start", "shutdown", "destroy", "reset", "pause", "resume", "threads", "retune", "xml"]
)
async def test_an_unknown_guest_is_not_found(rig: Any, verb: str) -> None:
    assert (await refused(getattr(rig.guests, verb)(str(uuid4())))).code == "NOT-FOUND"


async def test_a_stopped_guest_stays_stopped(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    await rig.guests.shutdown(guest.uuid)
    await rig.guests.destroy(guest.uuid)
    for call in (rig.guests.reset, rig.guests.pause, rig.guests.resume, rig.guests.threads):
        error = await refused(call(guest.uuid))
        assert (error.code, error.detail["state"]) == ("WRONG-STATE", "stopped")
    assert (await find(rig, uuid_of(guest))).state == "stopped"


async def test_a_life_from_power_on_to_the_power_button(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        first = await anext(events)
        assert isinstance(first, Resynced)
        assert first.epoch >= 1
        assert guest in [observed.guest for observed in first.guests]
        await rig.guests.start(guest.uuid)
        await rig.guests.start(guest.uuid)  # it runs already
        async with rig.guests.console(guest.uuid) as console:
            await until(events, uuid_of(guest), is_state("running"))
            await text_until(console, f"guestwire-guest: up {guest.name}")
        await rig.guests.shutdown(guest.uuid)
        stopped = await until(events, uuid_of(guest), is_state("stopped"))
        assert (stopped.reason, stopped.agent_connected) == ("shutdown", False)
    assert (await find(rig, uuid_of(guest))).state == "stopped"


async def test_the_guest_agent_comes_and_obeys(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        await rig.guests.start(guest.uuid)
        if not (await find(rig, uuid_of(guest))).agent_connected:
            await until(events, uuid_of(guest), lambda observed: observed.agent_connected)
        await rig.guests.shutdown(guest.uuid, "agent")
        await until(events, uuid_of(guest), is_state("stopped"))


async def test_without_an_agent_it_cannot_be_asked(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    await rig.guests.start(guest.uuid)
    error = await refused(rig.guests.shutdown(guest.uuid, "agent"))
    assert (error.code, error.detail["agent"]) == ("WRONG-STATE", "disconnected")
    await rig.guests.destroy(guest.uuid)


async def test_pause_and_resume(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        await rig.guests.start(guest.uuid)
        await rig.guests.pause(guest.uuid)
        await rig.guests.pause(guest.uuid)
        paused = await until(events, uuid_of(guest), is_state("paused"))
        assert paused.reason == "user"
        for call in (rig.guests.start, rig.guests.shutdown, rig.guests.reset):
            error = await refused(call(guest.uuid))
            assert (error.code, error.detail["state"]) == ("WRONG-STATE", "paused")
        await rig.guests.resume(guest.uuid)
        await rig.guests.resume(guest.uuid)
        await until(
            events, uuid_of(guest), lambda observed: observed.state == "running" and observed.reason == "unpaused"
        )
        async with rig.guests.console(guest.uuid) as console:
            await text_until(console, f"guestwire-guest: up {guest.name}")
        await rig.guests.pause(guest.uuid)
        await rig.guests.destroy(guest.uuid)
        await until(events, uuid_of(guest), is_state("stopped"))


async def test_reset_boots_it_again(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        await anext(events)
        await rig.guests.start(guest.uuid)
        async with rig.guests.console(guest.uuid) as console:
            await text_until(console, f"guestwire-guest: up {guest.name}")
            await rig.guests.reset(guest.uuid)
            await text_until(console, f"guestwire-guest: up {guest.name}")
        async for event in events:
            if isinstance(event, Changed) and event.rebooted:
                break
        assert event.observed.guest.uuid == guest.uuid
        assert event.observed.state == "running"
        await rig.guests.destroy(guest.uuid)
        destroyed = await until(events, uuid_of(guest), is_state("stopped"))
        assert destroyed.reason == "destroyed"


async def test_a_running_guest_keeps_its_definition_its_name_and_its_process(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    await rig.guests.start(guest.uuid)
    error = await refused(rig.guests.undefine(guest.uuid))
    assert (error.code, error.detail["state"]) == ("WRONG-STATE", "running")
    error = await refused(rig.guests.define(guest.model_copy(update={"name": guest.name + ".b"})))
    assert (error.code, error.detail["state"]) == ("WRONG-STATE", "running")
    other = guest.model_copy(update={"memory_mib": 256})
    observed = await rig.guests.define(other)
    assert (observed.guest, observed.state) == (other, "running")
    await rig.guests.destroy(guest.uuid)


async def test_threads_say_what_they_are_and_where_they_may_run(rig: Any) -> None:
    guest = rig.definition(cpuset="1", vcpus=2)
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    threads = await rig.guests.threads(guest.uuid)
    assert [thread.vcpu for thread in threads if thread.role == "vcpu"] == [0, 1]
    assert {thread.cpus for thread in threads} == {"1"}
    assert any(thread.role == "emulator" for thread in threads)
    await rig.guests.destroy(guest.uuid)


async def test_every_thread_of_an_rt_guest_runs_where_the_plan_puts_it(rig: Any) -> None:
    guest = rig.definition(kind="rt", cpuset="0-1", lock_memory=False)
    pins = pinning(guest, rig.topology)
    assert (pins.vcpus, pins.emulator) == ((frozenset({0}),), frozenset({1}))
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    threads = await rig.guests.threads(guest.uuid)
    assert {thread.cpus for thread in threads if thread.role == "vcpu"} == {"0"}
    assert {thread.cpus for thread in threads if thread.role != "vcpu"} == {"1"}
    await rig.guests.destroy(guest.uuid)


async def cpus_of(rig: Any, guest: Guest) -> set[str]:
    return {thread.cpus for thread in await rig.guests.threads(guest.uuid)}


async def test_retune_moves_the_threads_of_a_running_guest(rig: Any) -> None:
    guest = rig.definition(cpuset="0")
    await rig.define(guest)
    await rig.guests.retune(guest.uuid)
    await rig.guests.start(guest.uuid)
    assert await cpus_of(rig, guest) == {"0"}
    await rig.define(guest.model_copy(update={"cpuset": "1"}))
    assert await cpus_of(rig, guest) == {"0"}, "a definition alone changes nothing that runs"
    await rig.guests.retune(guest.uuid)
    assert await cpus_of(rig, guest) == {"1"}
    await rig.define(guest.model_copy(update={"cpuset": None}))
    await rig.guests.retune(guest.uuid)
    threads = await rig.guests.threads(guest.uuid)
    # libvirt lets the vCPUs go; of the emulator's threads all but the first keep to the CPUs they were started on
    assert {thread.cpus for thread in threads if thread.role == "vcpu"} == {to_libvirt(rig.topology.online())}
    await rig.guests.destroy(guest.uuid)


async def test_a_definition_is_restored_whatever_came_after_it(rig: Any) -> None:
    guest = rig.definition(autostart="headless", comments="first")
    await rig.define(guest)
    saved = await rig.guests.definition(guest.uuid)
    await rig.define(guest.model_copy(update={"name": guest.name + ".b", "memory_mib": 256, "autostart": "off"}))
    assert await rig.guests.definition(guest.uuid) != saved
    for _ in range(2):
        await rig.guests.restore(guest.uuid, saved)
        assert (await find(rig, uuid_of(guest))).guest == guest
        assert await rig.guests.definition(guest.uuid) == saved
    await rig.guests.undefine(guest.uuid)
    assert await rig.guests.definition(guest.uuid) is None
    await rig.guests.restore(guest.uuid, saved)
    assert await find(rig, uuid_of(guest)) == Observed(guest, "stopped", (await find(rig, uuid_of(guest))).reason)
    assert await rig.guests.definition(guest.uuid) == saved


async def test_restoring_nothing_undefines(rig: Any) -> None:
    guest = rig.definition()
    assert await rig.guests.definition(guest.uuid) is None
    await rig.guests.restore(guest.uuid, None)
    await rig.define(guest)
    async with rig.guests.events() as events, asyncio.timeout(rig.wait_s):
        assert isinstance(await anext(events), Resynced)
        await rig.guests.restore(guest.uuid, None)
        async for event in events:
            if isinstance(event, Gone):
                break
        assert event.uuid == guest.uuid
    assert all(observed.guest.uuid != guest.uuid for observed in await rig.guests.list())


async def test_a_running_guest_keeps_running_while_its_definition_is_restored(rig: Any) -> None:
    guest = rig.definition()
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    saved = await rig.guests.definition(guest.uuid)
    await rig.define(guest.model_copy(update={"memory_mib": 256}))
    await rig.guests.restore(guest.uuid, saved)
    seen = await find(rig, uuid_of(guest))
    assert (seen.guest, seen.state) == (guest, "running")
    await rig.guests.destroy(guest.uuid)


async def test_media_are_changed_in_a_running_guest(rig: Any) -> None:
    guest = rig.definition(disks=(Disk(device="cdrom"),))
    error = await refused(rig.guests.change_media(guest.uuid, 0, rig.medium))
    assert error.code == "NOT-FOUND"
    await rig.define(guest)
    await rig.guests.change_media(guest.uuid, 0, rig.medium)
    assert (await find(rig, uuid_of(guest))).guest == guest, "the definition is not its affair"
    await rig.guests.start(guest.uuid)
    for path in (rig.medium, rig.medium, None, None):
        await rig.guests.change_media(guest.uuid, 0, path)
    assert (await find(rig, uuid_of(guest))).guest == guest
    await rig.guests.destroy(guest.uuid)


async def test_a_disk_grows_only_in_a_running_guest(rig: Any) -> None:
    guest = rig.definition(disks=(Disk(path="/simulated/grow.qcow2"),))
    assert (await refused(rig.guests.grow_disk(guest.uuid, 0, 64))).code == "NOT-FOUND"
    await rig.define(guest)
    error = await refused(rig.guests.grow_disk(guest.uuid, 0, 64))
    assert (error.code, error.detail["state"]) == ("WRONG-STATE", "stopped")


async def test_what_is_adopted_is_seen_as_it_was_given(rig: Any) -> None:
    guest = rig.definition()
    assert (await refused(rig.guests.adopt(guest))).code == "NOT-FOUND"
    await rig.define(guest)
    other = guest.model_copy(update={"comments": "adopted", "tags": ("edge",)})
    for _ in range(2):
        await rig.guests.adopt(other)
        assert (await find(rig, uuid_of(guest))).guest == other


async def test_a_console_can_be_opened_before_its_guest_runs(rig: Any) -> None:
    guest = rig.definition()
    await rig.define(guest)
    async with AsyncExitStack() as stack:
        consoles = []

        async def open_console() -> None:
            consoles.append(await stack.enter_async_context(rig.guests.console(guest.uuid)))

        async with asyncio.timeout(rig.wait_s):
            await rig.guests.start(guest.uuid, open_console)
            await text_until(consoles[0], f"guestwire-guest: up {guest.name}")


async def test_a_console_has_one_reader_and_ends_with_the_guest(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with asyncio.timeout(rig.wait_s):
        error = await refused(rig.guests.console(guest.uuid).__aenter__())
        assert error.code == "WRONG-STATE"
        await rig.guests.start(guest.uuid)
        async with rig.guests.console(guest.uuid) as console:
            error = await refused(rig.guests.console(guest.uuid).__aenter__())
            assert (error.code, error.detail["console"]) == ("UNSUPPORTED", "busy")
            await rig.guests.destroy(guest.uuid)
            async for _ in console:
                pass
        await rig.guests.start(guest.uuid)
        async with rig.guests.console(guest.uuid) as console:
            await text_until(console, f"guestwire-guest: up {guest.name}")
        await rig.guests.destroy(guest.uuid)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disks": (Disk(path="/nonexistent/disk.qcow2"),)}, 38),
        ({"memory_mib": 1 << 24}, 1),
    ],
    ids=["missing disk", "no memory"],
)
async def test_a_start_that_fails_says_why_and_leaves_the_guest_stopped(
    rig: Any, changes: dict[str, Any], code: int
) -> None:
    guest = rig.definition(**changes)
    await rig.guests.define(guest)
    error = await refused(rig.guests.start(guest.uuid))
    assert (error.code, error.detail["code"]) == ("DRIVER-ERROR", code), error.detail
    assert error.detail["text"]
    assert (await find(rig, uuid_of(guest))).state == "stopped"


async def test_every_reader_of_events_sees_the_present_first(rig: Any) -> None:
    guest = rig.definition()
    await rig.guests.define(guest)
    async with asyncio.timeout(rig.wait_s), rig.guests.events() as one:
        await rig.guests.start(guest.uuid)
        await until(one, uuid_of(guest), is_state("running"))
        async with rig.guests.events() as other:
            first = await anext(other)
            assert isinstance(first, Resynced)
            (observed,) = [o for o in first.guests if o.guest.uuid == guest.uuid]
            assert observed.state == "running"
            await rig.guests.destroy(guest.uuid)
            for events in (one, other):
                await until(events, uuid_of(guest), is_state("stopped"))
