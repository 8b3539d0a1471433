"""The supervised connection, against a libvirtd of the test's own that is killed, frozen and started again.

Its guests are real (QEMU, emulated) and survive the daemon.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.linux.threads import find_process, threads_of
from guestwire.agent.services.ports import Changed, GuestEvent, Lost, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Guest

pytestmark = pytest.mark.libvirt


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


def driver(private: Any) -> Any:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    return LibvirtGuests(private.uri, threads_of=threads_of, clock=unix_ms)


def guest(guest_files: tuple[str, str], number: int = 1) -> Guest:
    kernel, initrd = guest_files
    name = f"gwt-private-{number}"
    boot = DirectBoot(kernel=kernel, initrd=initrd, cmdline=f"console=ttyS0 quiet guestwire.name={name}")
    return Guest(name=name, id=f"GUEST{number:04d}", uuid=str(uuid4()), memory_mib=192, boot=boot)


async def next_of(events: AsyncIterator[GuestEvent], *kinds: type) -> Any:
    async for event in events:
        if isinstance(event, kinds):
            return event
    raise AssertionError("the events ended")


async def code_of(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


async def test_no_libvirtd_is_lost_and_one_that_comes_is_found(private_libvirt: Any) -> None:
    async with asyncio.timeout(120), driver(private_libvirt) as guests, guests.events() as events:
        first = await anext(events)
        assert isinstance(first, Lost)
        assert not guests.connected
        assert await code_of(guests.list()) == "DRIVER-LOST"
        assert await code_of(guests.start(str(uuid4()))) == "DRIVER-LOST"
        await private_libvirt.start()
        found = await next_of(events, Resynced)
        assert (found.epoch, found.guests) == (1, ())
        assert guests.connected


async def test_a_killed_libvirtd_is_lost_and_comes_back_with_everything_that_happened(
    private_libvirt: Any, guest_files: tuple[str, str]
) -> None:
    await private_libvirt.start()
    one, two = guest(guest_files, 1), guest(guest_files, 2)
    async with asyncio.timeout(90), driver(private_libvirt) as guests, guests.events() as events:
        assert isinstance(await anext(events), Resynced)
        await guests.define(one)
        await guests.start(one.uuid)
        try:
            async with guests.console(one.uuid) as console:
                private_libvirt.kill()
                async for _ in console:  # it ends by itself
                    pass
            lost = await next_of(events, Lost)
            assert lost.epoch == 1
            assert await code_of(guests.list()) == "DRIVER-LOST"
            pid = find_process(one.uuid or "")
            assert pid is not None, "the guest survives the daemon"
            await private_libvirt.start()
            again = await next_of(events, Resynced)
            assert again.epoch == 2
            assert [(o.guest, o.state) for o in again.guests] == [(one, "running")]
            # callbacks are registered again
            await guests.define(two)
            changed = await next_of(events, Changed)
            assert (changed.epoch, changed.observed.guest) == (2, two)
            await guests.destroy(one.uuid)
            while changed.observed.state != "stopped" or changed.observed.guest != one:
                changed = await next_of(events, Changed)
        finally:
            end_process(one)


def end_process(made: Guest) -> None:
    """End a guest that outlived its test."""
    import os
    import signal

    if (pid := find_process(made.uuid or "")) is not None:
        os.kill(pid, signal.SIGKILL)


async def test_a_frozen_libvirtd_holds_up_nobody(private_libvirt: Any, guest_files: tuple[str, str]) -> None:
    await private_libvirt.start()
    made = guest(guest_files)
    async with asyncio.timeout(90), driver(private_libvirt) as guests, guests.events() as events:
        assert isinstance(await anext(events), Resynced)
        await guests.define(made)
        private_libvirt.stop_answering()
        try:
            asking = asyncio.create_task(code_of(guests.list()))
            lost = await next_of(events, Lost)
            assert "answer" in lost.reason or "keepalive" in lost.reason
            assert await asking == "DRIVER-LOST"
            assert await code_of(guests.start(made.uuid)) == "DRIVER-LOST"
        finally:
            private_libvirt.answer_again()
        again = await next_of(events, Resynced)
        assert again.epoch == 2
        await guests.destroy(made.uuid)


async def test_calls_that_hang_end_at_their_deadline_and_the_connection_is_made_anew(private_libvirt: Any) -> None:
    from guestwire.agent.drivers.libvirt.connection import Connection

    ups: list[int] = []
    lost = asyncio.Event()
    release = asyncio.Event()

    async def on_up(_connection: Any, epoch: int) -> None:
        ups.append(epoch)
        if epoch == 2:
            release.set()

    async def check(_connection: Any) -> None:
        pass

    await private_libvirt.start()
    async with asyncio.timeout(60):
        connection = Connection(private_libvirt.uri, on_up=on_up, on_lost=lambda *_: lost.set(), check=check)
        async with connection:
            hold = __import__("threading").Event()
            try:
                hung: Sequence[Any] = [
                    connection.call(lambda _: hold.wait(30), effect=True, key=str(n), deadline_s=0.1) for n in range(3)
                ]
                for result in await asyncio.gather(*hung, return_exceptions=True):
                    assert isinstance(result, GuestwireError)
                    assert result.code == "INDETERMINATE"
                # others are served meanwhile, but not on the same object
                assert await connection.call(lambda conn: conn.isAlive(), effect=False) == 1
                assert await code_of(connection.call(lambda _: 1, effect=True, key="0")) == "INDETERMINATE"
                assert (
                    await code_of(connection.call(lambda _: hold.wait(30), effect=False, deadline_s=0.1))
                    == "DRIVER-LOST"
                )
                await lost.wait()
                await release.wait()
            finally:
                hold.set()
            while await connection.call(lambda _: 1, effect=False) != 1:
                pass
        assert ups == [1, 2]
