"""Real guests for the benches: under libvirt, with a guestwire-comm of their own and the guest library's program inside; the
same as the tests of communication have (tests/support)."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import HERE, Missing
from communication_host import LIBRARY

from guestwire.comm.client import CommClient
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import DIRECT_ROW, DIRECTORY, NUMBERS, REGION

SUPPORT = HERE.parent / "support"
HOST_ID = "bench-host"
BUILT_WITHIN_S = 120
KERNEL_HEADERS = ("-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu")


@dataclass(frozen=True)
class Bench:
    """Guests are made by `host` (a CommHost), told of by `client`, and started by `host.guests`."""

    host: Any
    client: CommClient


@contextlib.contextmanager
def prepared(folder: Path) -> Iterator[tuple[str, Any]]:
    """The URI of libvirt, and the guest's files with gwguest in them (CommFiles). Raises Missing."""
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))
    try:
        import libvirt_host
        import pytest
        from comm_guest import comm_files
    except ImportError as err:
        raise Missing(f"real guests: {err.name} is not installed") from err
    if shutil.which("musl-gcc") is None:
        raise Missing("real guests: musl-gcc is not installed")
    with contextlib.ExitStack() as stack:
        try:
            libvirt = contextlib.contextmanager(libvirt_host.libvirt_host.__wrapped__)
            found = stack.enter_context(libvirt(("", "")))
            files = stack.enter_context(comm_files(_gwguest(folder)))
        except pytest.skip.Exception as err:
            raise Missing(f"real guests: {err}") from err
        yield found.uri, files


def _gwguest(folder: Path) -> Path:
    subprocess.run(
        ["make", "-s", "-C", str(LIBRARY), f"BUILD={folder}", "static"],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=BUILT_WITHIN_S,
    )  # fmt: skip
    return folder / "gwguest-static"


def static_program(name: str, folder: Path) -> bytes:
    """One of our C files as a program that runs in a guest."""
    program = folder / name
    flags = ["-O2", "-std=gnu11", "-D_GNU_SOURCE", *KERNEL_HEADERS, "-static", "-s"]
    subprocess.run(
        ["musl-gcc", *flags, "-o", str(program), str(HERE / f"{name}.c")], check=True, timeout=BUILT_WITHIN_S
    )
    return program.read_bytes()


@contextlib.asynccontextmanager
async def benched(uri: str, files: Any) -> AsyncIterator[Bench]:
    """The services and the driver, while the block lasts; then every guest that was made is gone."""
    from comm_guest import CommHost
    from comm_process import CommProcess

    from guestwire.agent.comm_areas import CommAreas
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests
    from guestwire.agent.drivers.linux.threads import threads_of

    folder = Path(tempfile.mkdtemp(prefix="gwt-", dir="/tmp"))  # a socket's path has 107 bytes
    folder.chmod(0o755)
    (folder / "comm.toml").write_text(
        f'host = "{HOST_ID}"\nsite = "bench"\ndir = "{folder}/r"\nstate_dir = "{folder}/s"\ntrace_dir = "{folder}/t"\n'
    )
    comm = CommProcess(folder)
    try:
        await comm.start()
        async with (
            CommClient(comm.dir) as client,
            LibvirtGuests(
                uri, threads_of=threads_of, clock=lambda: time.time_ns() // 1_000_000, areas=CommAreas(client),
                comm_dir=comm.dir, host=HOST_ID, bridges=dict,
            ) as guests,
        ):  # fmt: skip
            host = CommHost(guests, None, None, folder, files)  # type: ignore[arg-type]
            try:
                yield Bench(host, client)
            finally:
                for guest in host.made:
                    guest.forget()
                    if any(seen.guest.uuid == guest.uuid for seen in await guests.list()):
                        with contextlib.suppress(GuestwireError):  # it may be off
                            await guests.destroy(guest.uuid)
                        await guests.undefine(guest.uuid)
                await client.apply(CommDocument())
    finally:
        await comm.end()
        shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Direct:
    """Where a direct event arrives: the waiter's ivshmem peer id, and its vector."""

    peer: int
    vector: int


async def directs(client: CommClient, guest: str) -> dict[str, Direct]:
    """The direct events of a guest, by name, as its directory has them."""
    async with client.file(guest, NUMBERS["GW_DIRECTORY_INDEX"], writable=False) as file:
        with open(file, "rb", closefd=False) as region:
            data = region.read()
    directory = DIRECTORY.unpack(data, REGION.size)
    rows = (DIRECT_ROW.unpack(data, directory["directs_at"] + n * DIRECT_ROW.size) for n in range(directory["directs"]))
    return {row["name"]: Direct(row["peer"], row["vector"]) for row in rows}


async def put(client: CommClient, guest: str, area: str, data: bytes) -> None:
    """The host writes into an area that the guest has."""
    index = next(plug.index for plug in (await client.plugs(guest)).plugs if plug.name == area)
    async with client.file(guest, index, writable=True) as file:
        os.pwrite(file, data, NUMBERS["GW_DATA_OFFSET"])
