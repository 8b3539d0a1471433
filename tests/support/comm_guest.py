"""Real guests with communication, for tests: booted by the driver that plugs areas into them, and obeying commands.

The areas are memfds of the test; the doorbells are guestwire-comm's own server, in the test's process and with nobody behind.
"""

import asyncio
import fcntl
import grp
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import libvirt_host
from guest_ids import fresh_id

from guestwire.agent.drivers.linux.threads import find_process, threads_of
from guestwire.agent.services.ports import Plug
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.mapped import mapped as mapped_by_process
from guestwire.comm.peer_ids import PeerIds
from guestwire.comm.ways import Way
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Guest, Override
from guestwire.protocol.comm_models import Mapped

REPOSITORY = Path(__file__).parents[2]
LIBRARY = REPOSITORY / ".cache/guest-library"
BOOT_S = 90.0
COMMAND_S = 30.0
HOST = "test-host"
_LIST = """cd /sys/bus/pci/devices; for d in *; do
if [ "$(cat $d/vendor)$(cat $d/device)" = 0x1af40x1110 ] && [ -e $d/acpi_index ]; then
echo 1 >$d/enable; echo $(cat $d/acpi_index) $d $(sed -n 3p $d/resource); fi; done"""


@dataclass(frozen=True)
class CommFiles:
    """The kernel and initramfs of guests with communication."""

    kernel: str
    initrd: str


@contextmanager
def comm_files(gwguest: Path | None = None) -> Iterator[CommFiles]:
    """While the block lasts. `gwguest`: the program to put in, linked statically."""
    with libvirt_host.guest_copies("COMM", gwguest) as files:
        yield CommFiles(*files)


@contextmanager
def comm_files_with_gwguest() -> Iterator[CommFiles]:
    """With the guest library's program in it, built from the sources that are here: it ends with SIGILL at undefined
    behaviour."""
    LIBRARY.mkdir(parents=True, exist_ok=True)
    with (LIBRARY / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(
            ["make", "-s", "-C", REPOSITORY / "clients/guestwire/guest/c", f"BUILD={LIBRARY}", "trapping"],
            check=True, stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
    with comm_files(LIBRARY / "gwguest-trapping") as files:
        yield files


def static_program(source: Path, folder: Path) -> bytes:
    """A program in C that runs in a guest."""
    program = folder / source.stem
    include = REPOSITORY / "clients/guestwire/guest/c/include"
    flags = ("-Os", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{include}", "-static", "-s")
    subprocess.run(
        ["musl-gcc", *flags, "-Wl,-z,noseparate-code", "-o", program, source],
        check=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    return program.read_bytes()


def mapped(uuid: str, file: int) -> Mapped | None:
    """How a guest's QEMU has a file mapped: as guestwire-comm tells it, but by the process of that uuid."""
    pid, stat = find_process(uuid), os.fstat(file)
    return None if pid is None else mapped_by_process(pid, stat.st_dev, stat.st_ino)


class CommandFailed(Exception):
    """A command in the guest ended with another status than 0; the text is what it said."""


@dataclass(frozen=True)
class AreaDevice:
    """An area's device as the guest sees it: its name on the PCI bus, and where its memory is (0: nowhere)."""

    name: str
    address: int
    size: int


class CommGuest:
    """A guest that obeys commands (guestwire.shell=1) on the virtio port whose other end is the socket."""

    def __init__(self, guest: Guest, socket: Path) -> None:
        self.guest = guest
        self.name = guest.name
        self.uuid = guest.uuid or ""
        self._socket = socket
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, command: str, timeout: float = COMMAND_S) -> str:
        """What the command says, without blank ends; it may be of several lines. Waits for a guest that still boots as long as
        for any answer. Raises CommandFailed, TimeoutError."""
        async with self._turn, asyncio.timeout(timeout):
            if self._ends is None:
                self._ends = await asyncio.open_unix_connection(str(self._socket), limit=1 << 20)
            reader, writer = self._ends
            mark = f"{uuid4().hex[:8]}-{next(self._numbers)}"
            writer.write(f"{mark} {'; '.join(command.splitlines())}\n".encode())
            await writer.drain()
            await reader.readuntil(f"{mark} begin\n".encode())
            said = await reader.readuntil(f"\n{mark} end ".encode())
            status = int(await reader.readline())
        text = said.decode("utf-8", "replace").removesuffix(f"{mark} end ").strip()
        if status:
            raise CommandFailed(f"{command!r} ended with {status}: {text}")
        return text

    async def until(self, command: str, wanted: str, timeout: float = COMMAND_S) -> None:
        """Run the command until it says that."""
        async with asyncio.timeout(timeout):
            while (said := await self.run(command)) != wanted:
                del said
                await asyncio.sleep(0.1)

    def forget(self) -> None:
        """The connection to the guest, for one that was reset or stopped."""
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None

    async def areas(self) -> Mapping[int, AreaDevice]:
        """By acpi-index."""
        found = {}
        for line in (await self.run(_LIST.replace("do\n", "do ").replace("then\n", "then "))).splitlines():
            try:
                index, name, start, end, _ = line.split()
            except ValueError:
                raise CommandFailed(f"no device of an area: {line}") from None
            address = int(start, 16)
            found[int(index)] = AreaDevice(name, address, int(end, 16) - address + 1 if address else 0)
        return found

    async def peek(self, device: AreaDevice, offset: int) -> int:
        """A 32-bit word of an area."""
        return int(await self.run(f"devmem {device.address + offset:#x} 32"), 16)

    async def poke(self, device: AreaDevice, offset: int, value: int) -> None:
        await self.run(f"devmem {device.address + offset:#x} 32 {value:#x}")


@dataclass
class _Region:
    file: int
    plug: Plug


class MemfdAreas:
    """Areas in memory of the test (the Areas port). `grant` says who has them how."""

    def __init__(self) -> None:
        self._regions: dict[str, _Region] = {}
        self._grants: dict[str, dict[str, bool]] = {}
        self.started = True

    def make(self, name: str, size: int = 1 << 20, generation: int = 1) -> Plug:
        """A region, as guestwire-comm makes one; again: another one of that name."""
        old = self._regions.get(name)
        index = len(self._regions) + 1 if old is None else old.plug.index
        if old is not None:
            os.close(old.file)
        file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(file, size)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        os.fchown(file, -1, grp.getgrnam("kvm").gr_gid)  # the group that QEMU runs with
        os.fchmod(file, 0o660)
        self._regions[name] = _Region(file, Plug(index, name, size, False, generation))
        return self._regions[name].plug

    def grant(self, uuid: str, **access: str) -> None:
        """`access` by name: rw, ro, or - for none."""
        grants = self._grants.setdefault(uuid, {})
        for name, how in access.items():
            grants.pop(name, None)
            if how != "-":
                grants[name] = how == "rw"

    def read(self, name: str, offset: int) -> int:
        return int.from_bytes(os.pread(self._regions[name].file, 4, offset), "little")

    def write(self, name: str, offset: int, value: int) -> None:
        os.pwrite(self._regions[name].file, value.to_bytes(4, "little"), offset)

    async def wanted(self, uuid: str) -> tuple[Plug, ...]:
        if not self.started:
            raise GuestwireError("COMM-NOT-STARTED")
        if uuid not in self._grants:
            raise GuestwireError("NOT-FOUND")  # as guestwire-comm says of a guest that it was not told of
        return tuple(
            Plug(plug.index, name, plug.backing, writable, plug.generation)
            for name, writable in self._grants.get(uuid, {}).items()
            for plug in (self._regions[name].plug,)
        )

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Plug) -> AsyncIterator[int]:
        flags = os.O_RDWR if plug.writable else os.O_RDONLY
        file = os.open(f"/proc/self/fd/{self._regions[plug.name].file}", flags | os.O_CLOEXEC)
        try:
            yield file
        finally:
            os.close(file)

    def close(self) -> None:
        for region in self._regions.values():
            os.close(region.file)


class _Nobody:
    """What a doorbell gives requests to, where no services run (an Intake)."""

    def attached(self, way: Way) -> None: ...

    def requests(self, way: Way, requests: Sequence[bytes], payload: bytes = b"") -> None: ...

    def woken(self, way: Way) -> None: ...

    def detached(self, way: Way) -> None: ...


@dataclass
class CommHost:
    """The driver on real libvirt, areas, doorbells, and the guests that a test makes: they are gone after it."""

    guests: Any
    areas: MemfdAreas
    doorbells: Doorbells
    folder: Path
    files: CommFiles
    made: list[CommGuest] = field(default_factory=list)

    def definition(self, **changes: Any) -> CommGuest:
        """A guest with a doorbell's socket and a port for commands, and not defined yet."""
        uuid = str(uuid4())
        name = f"gwt-{uuid[:8]}"
        socket = self.folder / f"{uuid[:8]}.test"
        port = (
            f"<channel type='unix'><source mode='bind' path='{socket}'/>"
            "<target type='virtio' name='org.guestwire.test'/></channel>"
        )
        words = f"{libvirt_host.KERNEL_WORDS} intel_iommu=on guestwire.name={name} guestwire.shell=1"
        guest = Guest.model_validate(
            {
                "name": name,
                "id": fresh_id(),
                "uuid": uuid,
                "kind": "gp_comm",
                "memory_mib": 192,
                "boot": DirectBoot(kernel=self.files.kernel, initrd=self.files.initrd, cmdline=words),
                "overrides": (Override(op="add", sel="devices", xml=port),),
                **changes,
            }
        )
        made = CommGuest(guest, socket)
        self.made.append(made)
        return made

    def serve(self, guest: CommGuest) -> None:
        self.doorbells.serve(guest.uuid, guest.name, self.folder / f"guests/{guest.uuid}.doorbell")

    async def boot(self, **changes: Any) -> CommGuest:
        """A guest that has its areas (none, unless `grants` says so: name -> rw | ro) and answers."""
        grants = changes.pop("grants", {})
        guest = self.definition(**changes)
        self.areas.grant(guest.uuid, **grants)
        await self.guests.define(guest.guest)
        self.serve(guest)
        await self.guests.start(guest.uuid)
        await guest.run("true", BOOT_S)
        return guest


@asynccontextmanager
async def comm_host(
    uri: str,
    files: CommFiles,
    bridges: Mapping[str, str] | None = None,
    seen: Callable[[str, int], Mapped | None] = mapped,
) -> AsyncIterator[CommHost]:
    """While the block lasts. `bridges`: those of the networks that the guests have cards on; `seen`: how QEMU has regions
    mapped."""
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    folder = Path(tempfile.mkdtemp(prefix="gwcomm-", dir="/tmp"))  # a socket's path has 107 bytes
    folder.chmod(0o755)
    (folder / "guests").mkdir(mode=0o755)
    areas = MemfdAreas()
    generations = itertools.count(1)
    try:
        async with (
            Doorbells(
                _Nobody(), PeerIds(), instance=1, generation=lambda: next(generations), on_ids=lambda *_: None,
                on_refused=lambda *_: None, mode=0o666,
            ) as doorbells,
            LibvirtGuests(
                uri, threads_of=threads_of, clock=lambda: time.time_ns() // 1_000_000, areas=areas, comm_dir=folder,
                host=HOST, bridges=lambda: bridges or {}, mapped=seen, starting=folder / "starting",
            ) as guests,
        ):  # fmt: skip
            host = CommHost(guests, areas, doorbells, folder, files)
            try:
                yield host
            finally:
                for guest in host.made:
                    guest.forget()
                    if any(seen.guest.uuid == guest.uuid for seen in await guests.list()):
                        await guests.destroy(guest.uuid)
                        await guests.undefine(guest.uuid)
    finally:
        areas.close()
        shutil.rmtree(folder)
