"""What a simulated guest was defined as, and what it was started with."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.drivers.simulated.definitions import from_text, to_text
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults, Settings
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import Pinning, pinning

TOPOLOGY = MACHINES["4-core"].topology


def host(directory: Path | None = None, **options: Any) -> SimulatedHost:
    return SimulatedHost(
        MACHINES["4-core"],
        directory,
        clock=lambda: 1_700_000_000_000,
        settings=Settings(boot_s=3600.0),
        **options,
    )


def definition(**changes: Any) -> Guest:
    return Guest(**{"name": "a", "id": "GUEST0001", "uuid": str(uuid4()), **changes})


async def places(simulated: SimulatedHost, uuid: str) -> list[tuple[str, str]]:
    return [(thread.cpus, thread.policy) for thread in await simulated.threads(uuid)]


async def test_a_running_guest_keeps_the_pins_it_was_started_with_until_it_is_retuned(tmp_path: Path) -> None:
    guest = definition(kind="rt", cpuset="1-2")
    moved = guest.model_copy(update={"cpuset": "3", "kind": "gp", "vcpus": 2})
    uuid = guest.uuid or ""
    async with host(tmp_path) as simulated:
        await simulated.define(guest, pinning(guest, TOPOLOGY))
        await simulated.retune(uuid)  # it does not run: nothing to do
        await simulated.start(uuid)
        started = [("2", "other"), ("1", "fifo")]
        assert await places(simulated, uuid) == started
        await simulated.define(moved, pinning(moved, TOPOLOGY))
        assert await places(simulated, uuid) == started
    async with host(tmp_path) as simulated:
        assert await places(simulated, uuid) == started
        for _ in range(2):
            await simulated.retune(uuid)
            assert await places(simulated, uuid) == [("3", "other"), ("3", "other")]  # one vCPU until it starts anew
    async with host(tmp_path) as simulated:
        assert len(await places(simulated, uuid)) == 2
        await simulated.destroy(uuid)
        await simulated.start(uuid)
        assert len(await places(simulated, uuid)) == 3
        await simulated.destroy(uuid)


async def test_what_was_started_survives_a_log_that_was_written_anew(tmp_path: Path) -> None:
    guest = definition(cpuset="1")
    uuid = guest.uuid or ""
    async with host(tmp_path) as simulated:
        await simulated.define(guest, pinning(guest, TOPOLOGY))
        await simulated.start(uuid)
        moved = guest.model_copy(update={"cpuset": "2", "vcpus": 2})
        await simulated.define(moved, pinning(moved, TOPOLOGY))
        for _ in range(4000):
            await simulated.reset(uuid)
        assert (tmp_path / "guests.jsonl").stat().st_size < 300_000
    async with host(tmp_path) as simulated:
        assert await places(simulated, uuid) == [("1", "other"), ("1", "other")]
        assert (await simulated.list())[0].guest == moved
        await simulated.destroy(uuid)


async def test_a_running_guest_keeps_its_memory() -> None:
    guest = definition(memory_mib=1000)
    async with host() as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        free = (await simulated.facts()).memory_free_mib
        await simulated.define(guest.model_copy(update={"memory_mib": 2000}))
        assert (await simulated.facts()).memory_free_mib == free


async def test_a_definition_is_restored_with_its_pins_or_taken_away() -> None:
    guest = definition(cpuset="1")
    uuid = guest.uuid or ""
    async with host() as simulated:
        assert await simulated.definition(uuid) is None
        await simulated.define(guest, pinning(guest, TOPOLOGY))
        before = await simulated.definition(uuid)
        await simulated.define(guest.model_copy(update={"name": "b", "cpuset": "2"}))
        assert await simulated.definition(uuid) != before
        for _ in range(2):
            await simulated.restore(uuid, before)
            assert await simulated.definition(uuid) == before
        await simulated.start(uuid)
        assert [cpus for cpus, _ in await places(simulated, uuid)] == ["1", "1"]
        await simulated.destroy(uuid)
        for _ in range(2):
            await simulated.restore(uuid, None)
            assert await simulated.list() == ()
        await simulated.restore(uuid, before)
        assert await simulated.definition(uuid) == before


async def test_another_text_is_no_definition() -> None:
    async with host() as simulated:
        for text in ("", "{}", "[]", '{"guest": {"name": 1}, "pins": null}', "<domain/>"):
            with pytest.raises(GuestwireError) as caught:
                await simulated.restore(str(uuid4()), text)
            assert caught.value.code == "DRIVER-ERROR"


CPUS = st.frozensets(st.integers(0, 255), max_size=8)


@given(st.none() | st.builds(Pinning, st.lists(CPUS, max_size=4).map(tuple), CPUS, st.booleans(), CPUS))
def test_the_text_of_a_definition_is_the_definition(pins: Pinning | None) -> None:
    guest = definition(vcpus=2, comments="ü\n")
    assert from_text(to_text(guest, pins)) == (guest, pins)


async def test_a_call_fails_for_the_guest_it_is_injected_for() -> None:
    one, two = definition(), definition(name="b", id="GUEST0002")
    async with host(faults=Faults(fail_calls={"guests.define:b": "injected", "guests.start:a": "too"})) as simulated:
        await simulated.define(one)
        with pytest.raises(GuestwireError):
            await simulated.define(two)
        with pytest.raises(GuestwireError) as caught:
            await simulated.start(one.uuid or "")
        assert caught.value.detail["text"] == "too"
        assert [(o.guest.name, o.state) for o in await simulated.list()] == [("a", "stopped")]
