"""Plan, apply, roll back on a real libvirt of the test's own, with real QEMU and qemu-img; `virsh` sees each stage.

The agent runs in this process, over its socket. The libvirt is a session of the user nobody, so that no other test's
domains are on the host; its images are made as nobody too. The host's settings are below a root of the test's own.
"""

import asyncio
import hashlib
import json
import os
import pwd
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import fromstring

import pytest
from boot_iso import boot_iso
from fleet import PATIENCE_S, SITE, agent_settings, make_site, toml
from in_process import Inside, inside
from libvirt_host import KERNEL_WORDS

from guestwire.agent.drivers.linux.command import Ended, run_command
from guestwire.agent.drivers.linux.control import LinuxControl
from guestwire.agent.drivers.linux.images import QemuImages
from guestwire.agent.drivers.linux.kernel_values import LinuxKernelValues
from guestwire.agent.host_parts import HostParts
from guestwire.agent.services.ports import Drivers
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest, ReadyWhen
from guestwire.model.plan import Plan
from guestwire.model.settings import HostSettings
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.host_api import HostApi

pytestmark = pytest.mark.libvirt

BOOT_S = 120
"""A guest without KVM boots in a few seconds, on a busy machine in more."""
UP = "guestwire-iso: up"
NOBODY = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")

Wrap = Callable[[Drivers], Drivers]


async def as_nobody(*arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
    return await run_command(*NOBODY, *arguments, stdin=stdin, deadline_s=deadline_s)


@dataclass
class Place:
    """One host: its libvirt, its folders, and how to run an agent on it."""

    base: Path
    uri: str
    kernel: str
    initrd: str
    images: Path
    config: Path
    context: Context

    @asynccontextmanager
    async def agent(self, wrap: Wrap = lambda drivers: drivers) -> AsyncIterator[tuple[HostApi, Inside]]:
        def ours(parts: HostParts) -> HostParts:
            drivers = replace(
                parts.drivers, images=QemuImages(run=as_nobody), control=LinuxControl(self.base / "root"),
                kernel=LinuxKernelValues(self.base / "root"),
            )  # fmt: skip
            return replace(parts, drivers=wrap(drivers))

        async with inside(self.config, ours) as made, open_client(self.context) as client:
            assert await made.agent.guests.connected_within(PATIENCE_S)
            yield client.host("h1"), made

    async def virsh(self, *arguments: str, **environment: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "virsh", "-q", "-c", self.uri, *arguments, env={**os.environ, **environment, "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def domains(self) -> dict[str, str]:
        lines = (await self.virsh("list", "--all")).splitlines()
        return {name: state for _, name, state in (line.split(maxsplit=2) for line in lines if line.strip())}

    def files(self) -> list[str]:
        return sorted(path.name for path in self.images.iterdir())

    def path(self, name: str) -> str:
        return str(self.images / name)

    def linux(self, **changes: Any) -> Guest:
        """A guest that boots the test's kernel, has a disk that the apply makes, and is pinned to CPU 1."""
        cmdline = f"{KERNEL_WORDS} guestwire.name=linux"
        values: dict[str, Any] = {
            "name": "linux", "memory_mib": 192, "cpuset": "1", "numatune": "",
            "boot": DirectBoot(kernel=self.kernel, initrd=self.initrd, cmdline=cmdline),
            "ready_when": ReadyWhen(by="console_text", text="guestwire-guest: up linux", within_s=BOOT_S),
            "disks": (Disk(path=self.path("linux.qcow2"), size_mib=64),), **changes,
        }  # fmt: skip
        return Guest(**values)

    def installer(self, **changes: Any) -> Guest:
        """A new machine: an empty disk, and the CD image that it boots from."""
        values: dict[str, Any] = {
            "name": "installer", "memory_mib": 32,
            "ready_when": ReadyWhen(by="console_text", text=UP, within_s=BOOT_S),
            "disks": (
                Disk(path=self.path("installer.raw"), format="raw", size_mib=16),
                Disk(path=self.path("boot.iso"), device="cdrom", format="raw"),
            ), **changes,
        }  # fmt: skip
        return Guest(**values)


@pytest.fixture
async def place(tmp_path: Path, private_libvirt: Any, guest_files: tuple[str, str]) -> AsyncIterator[Place]:
    await private_libvirt.start()
    layout = make_site(tmp_path, ["h1"])
    home = tmp_path / "h1"
    nobody = pwd.getpwnam("nobody")
    images = cast("Path", private_libvirt._directory) / "images"
    images.mkdir()
    os.chown(images, nobody.pw_uid, nobody.pw_gid)
    for name, text in (("boot.iso", UP), ("other.iso", "another")):
        (images / name).write_bytes(boot_iso(text))
    for file, value in (("proc/sys/net/ipv4/ip_forward", "0\n"), ("etc/sysctl.d/10-other.conf", "# theirs\n")):
        (path := tmp_path / "root" / file).parent.mkdir(parents=True)
        path.write_text(value)
    home.mkdir()
    uri = private_libvirt.uri
    sections = {
        "host": {"driver": "libvirt", "disk_roots": [str(images)], "boot_roots": [str(Path(guest_files[0]).parent)]},
        "libvirt": {"uri": uri, "hypervisor_type": "qemu"},
        "log": {"level": "error"},
    }
    config = home / "agent.toml"
    config.write_text(toml(agent_settings(layout, home, "h1", [], sections)))
    context = Context(
        site=SITE, via="socket", socket=str(home / "agent.sock"), host="h1", trust=str(layout.trust),
        root=str(layout.root_public), key=str(layout.key("operator:admin")),
    )  # fmt: skip
    made = Place(tmp_path, uri, *guest_files, images, config, context)
    try:
        yield made
    finally:
        for name, state in (await made.domains()).items():  # leave nothing on this machine, however the test ended
            if state != "shut off":
                await made.virsh("destroy", name)
            await made.virsh("undefine", name)


async def planned(api: HostApi, wanted: Desired, **options: Any) -> Plan:
    return (await api.config_plan(c.ConfigPlan(desired=wanted, hash=content_hash(wanted), **options))).reply


async def apply(api: HostApi, wanted: Desired, destroy: tuple[str, ...] = (), **options: Any) -> c.ConfigApplied:
    plan = await planned(api, wanted, **options)
    assert plan.applicable, plan.issues
    request = c.ConfigApply(
        desired=wanted, hash=content_hash(wanted), plan_id=plan.plan_id, base_revision=plan.base_revision,
        destroy=destroy, **options,
    )  # fmt: skip
    return (await api.config_apply(request, CallOptions(timeout_s=2 * BOOT_S))).reply


async def shown(api: HostApi, revision: int | None = None) -> c.ConfigShown:
    return (await api.config_show(c.ConfigRef(revision=revision))).reply


def edited(desired: Desired, who: str, **changes: Any) -> Desired:
    guests = tuple(g.model_copy(update=changes) if g.name == who else g for g in desired.guests)
    return desired.model_copy(update={"guests": guests, "base_revision": None})


async def virtual_mib(path: str) -> int:
    ended = await run_command("qemu-img", "info", "-U", "--output=json", path)
    return int(json.loads(ended.out)["virtual-size"]) >> 20


def without_metadata(xml: str) -> str:
    """The definition but for our own note in it, which says what was applied last."""
    return re.sub(r"<metadata .*</metadata>", "", xml, flags=re.DOTALL)


def pins(text: str) -> set[str]:
    """The CPU sets of `virsh vcpupin` or `virsh emulatorpin`."""
    return {line.split(":")[-1].split()[-1] for line in text.splitlines() if line.strip()}


async def test_two_guests_are_planned_applied_booted_changed_rolled_back_and_removed(place: Place) -> None:
    booting = CallOptions(timeout_s=BOOT_S + 30)
    first = Desired(guests=(place.linux(), place.installer()), settings=HostSettings(ip_forward=True))
    forward = place.base / "root/proc/sys/net/ipv4/ip_forward"
    async with place.agent() as (api, _):
        # planned: nothing is touched
        plan = await planned(api, first)
        assert [(item.op, item.object) for item in plan.items] == [
            ("create", "guests.linux"), ("create", "guests.installer"), ("tune", "settings"),
        ]  # fmt: skip
        assert (await place.domains(), place.files()) == ({}, ["boot.iso", "other.iso"])

        # applied
        assert (await apply(api, first)).revision.number == 1
        assert await place.domains() == {"linux": "shut off", "installer": "shut off"}
        assert await virtual_mib(place.path("linux.qcow2")) == 64
        assert await virtual_mib(place.path("installer.raw")) == 16
        assert forward.read_text().strip() == "1"
        assert pins(await place.virsh("vcpupin", "linux", "--config")) == {"1"}
        assert (await planned(api, (await shown(api)).desired)).items == ()

        # booted: one from its kernel, one from the CD, which says so
        for name in ("linux", "installer"):
            started = await api.guest_start(m.GuestStart(guest=name, wait="ready"), booting)
            assert started.reply.status.state == "ready"
        assert await place.domains() == {"linux": "running", "installer": "running"}
        threads = (await api.guest_threads(m.GuestRef(guest="linux"))).reply.threads
        vcpu = next(thread for thread in threads if thread.role == "vcpu")
        assert os.sched_getaffinity(vcpu.tid) == {1}

        # changed: what goes while they run is done at once, the rest waits
        now = (await shown(api)).desired
        changed = edited(
            edited(
                now, "linux", cpuset="0", memory_mib=256, disks=(Disk(path=place.path("linux.qcow2"), size_mib=96),)
            ),
            "installer",
            disks=(now.guests[1].disks[0], now.guests[1].disks[1].model_copy(update={"path": place.path("other.iso")})),
        )
        assert (await apply(api, changed)).revision.number == 2
        assert pins(await place.virsh("vcpupin", "linux", "--live")) == {"0"}
        assert os.sched_getaffinity(vcpu.tid) == {0}
        assert place.path("other.iso") in await place.virsh("domblklist", "installer")
        assert re.search(
            rf"Capacity:\s+{96 << 20}\b", await place.virsh("domblkinfo", "linux", place.path("linux.qcow2"))
        )
        inactive = fromstring(await place.virsh("dumpxml", "--inactive", "linux"))
        assert inactive.findtext("memory") == str(256 * 1024)
        assert [(item.object, item.field) for item in (await shown(api)).waits] == [("guests.linux", "memory_mib")]
        assert await place.domains() == {"linux": "running", "installer": "running"}, "nobody was interrupted"

        # rolled back, and restarted for it
        old = (await shown(api, 1)).desired.model_copy(update={"base_revision": None})
        assert (await apply(api, old, restart=True, origin="rollback")).revision.number == 3
        assert (await shown(api)).revision.hash == (await shown(api, 1)).revision.hash
        assert fromstring(await place.virsh("dumpxml", "linux")).findtext("memory") == str(192 * 1024)
        assert pins(await place.virsh("vcpupin", "linux", "--live")) == {"1"}
        assert place.path("boot.iso") in await place.virsh("domblklist", "installer")
        assert await virtual_mib(place.path("linux.qcow2")) == 96, "no disk ever shrinks"

        # removed, with one of the disks
        await api.guest_destroy(m.GuestRef(guest="installer"))  # it hears no power button
        gone = place.path("installer.raw")
        nothing = Desired(settings=HostSettings(ip_forward=False))
        done = await apply(api, nothing, restart=True, remove_disks=(gone,), destroy=(gone,))
        assert done.revision.number == 4
    assert await place.domains() == {}
    assert place.files() == ["boot.iso", "linux.qcow2", "other.iso"]
    assert forward.read_text().strip() == "0"


async def test_edits_made_with_virsh_are_drift_that_is_adopted_or_taken_back(place: Place) -> None:
    async with place.agent() as (api, _):
        await apply(api, Desired(guests=(place.installer(memory_mib=48, title="mine"),)))
        editor = "sed -i -e s/49152/65536/"
        await place.virsh("edit", "installer", EDITOR=editor, VISUAL=editor)
        async with asyncio.timeout(PATIENCE_S):
            while not (drift := (await shown(api)).drift):
                await asyncio.sleep(0.05)
        assert [(i.object, i.field, i.before, i.after, i.drift) for i in drift] == [
            ("guests.installer", "memory_mib", "64", "48", True)
        ]
        adopted = (await api.config_adopt(c.ConfigAdopt(update=True))).reply
        assert (adopted.updated, adopted.revision.origin) == (("installer",), "adopt")
        now = await shown(api)
        assert (now.drift, now.desired.guests[0].memory_mib, now.desired.guests[0].title) == ((), 64, "mine")
        assert (await planned(api, now.desired)).items == ()

        text = await place.virsh("dumpxml", "--inactive", "installer")
        (file := place.base / "changed.xml").write_text(text.replace("<title>mine</title>", "<title>theirs</title>"))
        await place.virsh("define", str(file))
        async with asyncio.timeout(PATIENCE_S):
            while not (drift := (await shown(api)).drift):
                await asyncio.sleep(0.05)
        assert [(i.field, i.before, i.after) for i in drift] == [("title", '"theirs"', '"mine"')]
        await apply(api, now.desired.model_copy(update={"base_revision": None}))
        assert without_metadata(await place.virsh("dumpxml", "--inactive", "installer")) == without_metadata(text)
        assert (await shown(api)).drift == ()


# -- a failure at each step


class Numbered:
    """A port in front of another: the call with the number that `switch` has fails."""

    def __init__(self, inner: object, name: str, methods: frozenset[str], switch: "Switch") -> None:
        self._inner = inner
        self._name = name
        self._methods = methods
        self._switch = switch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name not in self._methods:
            return value

        async def call(*arguments: Any, **options: Any) -> Any:
            fails = self._switch.meets(f"{self._name}.{name}")
            if fails and not self._switch.after:
                raise GuestwireError("DRIVER-ERROR", "injected")
            result = await value(*arguments, **options)
            if fails:
                raise GuestwireError("DRIVER-ERROR", "injected")
            return result

        return call


@dataclass
class Switch:
    """Which call fails, counted from `arm`; `calls` has their names."""

    calls: list[str]
    number: int = -1
    after: bool = False

    def arm(self, number: int, *, after: bool) -> None:
        self.calls.clear()
        self.number, self.after = number, after

    def meets(self, name: str) -> bool:
        self.calls.append(name)
        return len(self.calls) - 1 == self.number


CHANGING = {
    "guests": frozenset({"definition", "define", "undefine", "retune", "change_media", "start", "shutdown"}),
    "images": frozenset({"create", "clone", "resize", "set_aside"}),
    "control": frozenset({"capture", "set"}),
}


@dataclass(frozen=True)
class Seen:
    """The host, by tools that are not ours: canonical XML, power, and every file by its content."""

    domains: dict[str, str]
    inactive: dict[str, str]
    live: dict[str, str]
    files: dict[str, str]


async def content(image: Path, scratch: Path) -> str:
    """What a guest sees of an image: its bytes on the disk are another thing once it grew and shrank."""
    raw = scratch / "content.raw"
    assert (await run_command("qemu-img", "convert", "-U", "-O", "raw", str(image), str(raw))).code == 0
    return hashlib.sha256(raw.read_bytes()).hexdigest()


async def look(place: Place) -> Seen:
    domains = await place.domains()
    inactive = {name: await place.virsh("dumpxml", "--inactive", name) for name in domains}
    live = {}
    for name, state in domains.items():
        if state == "running":
            pinned = await place.virsh("vcpupin", name, "--live") + await place.virsh("emulatorpin", name, "--live")
            live[name] = pinned + await place.virsh("domblklist", name)
    files = {str(path): await content(path, place.base) for path in sorted(place.images.iterdir())}
    for folder in (place.base / "root", place.base / "h1/state/guests"):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return Seen(domains, inactive, live, files)


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.soak), True], ids=["before", "after"])
async def test_a_failure_at_each_step_leaves_the_host_as_it_was(place: Place, after: bool) -> None:
    switch = Switch([])

    def failing(drivers: Drivers) -> Drivers:
        ports = {name: Numbered(getattr(drivers, name), name, methods, switch) for name, methods in CHANGING.items()}
        return replace(drivers, **cast("dict[str, Any]", ports))

    old, gone = place.path("old.qcow2"), Guest(name="gone", disks=(Disk(path=place.path("old.qcow2"), size_mib=8),))
    still = Guest(name="still", disks=(Disk(path=place.path("still.qcow2"), size_mib=8),))
    runs = place.installer(cpuset="0", numatune="")
    new = Guest(name="new", disks=(
        Disk(path=place.path("new.raw"), format="raw", size_mib=4),
        Disk(path=place.path("copy.qcow2"), clone_of=place.path("still.qcow2"), size_mib=16),
    ))  # fmt: skip
    async with place.agent(failing) as (api, _):
        await apply(api, Desired(guests=(gone, still, runs), settings=HostSettings(ip_forward=False)))
        await api.guest_start(m.GuestStart(guest="installer", wait="ready"), CallOptions(timeout_s=BOOT_S + 30))
        await place.virsh("dumpxml", "installer")
        (folder,) = (place.base / "h1/state/guests").glob("guest0001")
        (folder / "notes.txt").write_text("mine")
        now = (await shown(api)).desired
        drives = (now.guests[2].disks[0], now.guests[2].disks[1].model_copy(update={"path": place.path("other.iso")}))
        wanted = edited(edited(now, "installer", cpuset="1", disks=drives), "still", name="quiet", memory_mib=64, disks=(
            still.disks[0].model_copy(update={"size_mib": 12}),
        ))  # fmt: skip
        wanted = wanted.model_copy(
            update={"guests": (*wanted.guests[1:], new), "settings": HostSettings(ip_forward=True)}
        )
        before = await look(place)
        number = 0
        while True:
            plan = await planned(api, wanted, remove_disks=(old,))
            assert plan.applicable, plan.issues
            request = c.ConfigApply(
                desired=wanted, hash=content_hash(wanted), plan_id=plan.plan_id, base_revision=1, destroy=(old,),
                remove_disks=(old,),
            )  # fmt: skip
            switch.arm(number, after=after)
            try:
                await api.config_apply(request, CallOptions(timeout_s=BOOT_S))
            except GuestwireError as err:
                failed = err
            else:
                break
            name = switch.calls[number]
            switch.arm(-1, after=after)
            assert failed.code == "ROLLED-BACK", (name, failed.detail)
            seen = await look(place)
            assert seen == before, name
            number += 1
        assert number >= len(switch.calls) - 1, "only what follows the commit goes unnoticed"
        assert {call for call in switch.calls if call not in ("guests.start", "guests.shutdown")} >= {
            f"{port}.{method}" for port, methods in CHANGING.items() for method in methods
            if method not in ("start", "shutdown")
        }  # fmt: skip
        assert (await shown(api)).drift == ()
        assert set(await place.domains()) == {"quiet", "installer", "new"}
