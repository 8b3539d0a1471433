"""Real QEMU guests through an agent process on libvirt, by signed commands over mosquitto; and libvirt's own end."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet, Sections, fleet

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Guest, ReadyWhen
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import CallOptions

pytestmark = pytest.mark.libvirt

BOOT_S = 120
"""A guest without KVM boots in a few seconds, on a busy machine in more."""
HOST = {"driver": "libvirt", "boot_roots": ["/var/tmp"]}


async def _site(stack: AsyncExitStack, base: Path, uri: str) -> Fleet:
    require_mosquitto()
    broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
    sections: Sections = {"host": HOST, "libvirt": {"uri": uri, "hypervisor_type": "qemu"}}
    return await stack.enter_async_context(fleet(base, broker, {"h1": sections}))


@pytest.fixture
async def site(tmp_path: Path, private_libvirt: Any) -> AsyncIterator[Fleet]:
    """On a libvirt of its own: an agent takes the guests of a hypervisor into its configuration, also those that other
    tests make on the system's."""
    await private_libvirt.start()
    async with AsyncExitStack() as stack:
        yield await _site(stack, tmp_path, private_libvirt.uri)


def definition(libvirt_host: Any) -> Guest:
    """A guest with a name and identifiers that nobody else on this machine has."""
    identity = uuid.uuid4()
    name = f"gwt-{identity.hex[:8]}"
    boot = DirectBoot(kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline=libvirt_host.cmdline(name))
    ready = ReadyWhen(by="console_text", text=f"guestwire-guest: up {name}", within_s=BOOT_S)
    number = 9000 + int(identity.hex[:4], 16) % 999
    return Guest(name=name, id=f"GUEST{number}", uuid=str(identity), memory_mib=192, boot=boot, ready_when=ready)


async def _gone(site: Fleet, guests: list[Guest]) -> None:
    """Leave nothing on this machine, however the test ended."""
    api = site.client.host("h1")
    for guest in guests:
        for call in (api.guest_destroy, api.guest_undefine):
            with contextlib.suppress(GuestwireError):  # gone already, as a test that went well leaves it
                await call(m.GuestRef(guest=guest.name))
    left = {view.guest.name for view in (await api.guest_list()).reply.guests}
    assert not left & {guest.name for guest in guests}


async def test_two_guests_boot_say_they_are_up_and_shut_down(site: Fleet, libvirt_host: Any) -> None:
    api = site.client.host("h1")
    guests = [definition(libvirt_host) for _ in range(2)]
    waiting = CallOptions(timeout_s=BOOT_S + 30)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_gone, site, guests)
        for guest in guests:
            assert (await api.guest_define(m.GuestDefine(guest=guest))).verified
        up = await asyncio.gather(
            *(api.guest_start(m.GuestStart(guest=guest.name, wait="ready"), waiting) for guest in guests)
        )
        assert all(answer.verified for answer in up), "the host signs what it did"
        assert [answer.reply.status.state for answer in up] == ["ready", "ready"], "its console said so, to libvirt"
        for guest in guests:
            threads = (await api.guest_threads(m.GuestRef(guest=guest.name))).reply.threads
            assert {"vcpu", "emulator"} <= {thread.role for thread in threads}
            assert all(Path(f"/proc/{thread.tid}").exists() for thread in threads)
        off = await asyncio.gather(
            *(api.guest_shutdown(m.GuestShutdown(guest=guest.name), waiting) for guest in guests)
        )
        assert [answer.reply.status.state for answer in off] == ["stopped", "stopped"]
        for guest in guests:
            await api.guest_undefine(m.GuestRef(guest=guest.name))
        left = {view.guest.name for view in (await api.guest_list()).reply.guests}
        assert not left & {guest.name for guest in guests}


async def test_the_command_line_drives_a_real_guest(site: Fleet, libvirt_host: Any) -> None:
    guest = definition(libvirt_host)
    assert guest.boot is not None
    assert guest.ready_when.text is not None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_gone, site, [guest])
        flags = ("--kernel", guest.boot.kernel, "--initrd", str(guest.boot.initrd), "--cmdline", guest.boot.cmdline)
        await site.cli.good(
            "guest",
            "define",
            "h1",
            "--name",
            guest.name,
            "--memory",
            "192",
            "--ready-console",
            guest.ready_when.text,
            *flags,
        )
        async with site.cli.following("notices", "-f", "h1") as notices:
            await notices.line(r"h1\s+online")
            said = await site.cli("guest", "start", f"h1/{guest.name}", "--wait", "ready", timeout_s=BOOT_S + 30)
            assert said.code == 0, said
            await notices.line(rf"{guest.name} .*-> ready")
        states = {one["guest"]["name"]: one["status"]["state"] for one in await site.cli.good("guest", "list", "h1")}
        assert states[guest.name] == "ready"
        assert (await site.cli("guest", "pause", f"h1/{guest.name}")).code == 0
        assert (await site.cli("guest", "resume", f"h1/{guest.name}")).code == 0
        assert (await site.cli("guest", "destroy", f"h1/{guest.name}")).code == 0


async def test_libvirtd_is_killed_and_comes_back(tmp_path: Path, private_libvirt: Any) -> None:
    """Its guests are unknown, not stopped, and commands say what is wrong; with a new daemon all is as before."""
    await private_libvirt.start()
    async with AsyncExitStack() as stack:
        site = await _site(stack, tmp_path, private_libvirt.uri)
        api = site.client.host("h1")
        guest = Guest(name=f"gwt-{uuid.uuid4().hex[:8]}", memory_mib=32)
        await api.guest_define(m.GuestDefine(guest=guest))
        notices = await stack.enter_async_context(site.cli.following("notices", "-f", "h1"))
        await notices.line(r"h1\s+online")
        private_libvirt.kill()
        await notices.line(rf"{guest.name} .*-> unknown", BOOT_S)
        refused = await site.cli("guest", "start", f"h1/{guest.name}")
        assert refused.code == 1
        assert "error: DRIVER-LOST: " in refused.err
        assert "is libvirtd running?" in refused.err
        assert site.agents["h1"].running
        await private_libvirt.start()
        await notices.line(rf"{guest.name} .*unknown -> stopped", BOOT_S)
        await api.guest_undefine(m.GuestRef(guest=guest.name))
