"""A guestwire-comm for the benches, with what they share over it; and the programs that use it, compiled here and now."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from children import HERE, Child, python, scratch

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST, Event

LIBRARY = HERE.parents[1] / "clients/guestwire/guest/c"
STARTS_WITHIN_S = 20.0
UNTHROTTLED = 1e9
"""Requests in a second: no bench is to be made to wait by the token bucket."""
GUEST = "guest"
NATIVE, ARBITRATED = ("native-there", "native-back"), ("arbitrated-there", "arbitrated-back")
RATE, THERE, BACK, LOAN_64, LOAN_64K = "rate", "there", "back", "loan-64", "loan-64k"
SHARED_LOCK, ROBUST_LOCK = "shared", "robust"


def shared() -> CommDocument:
    """What the pairs use. An event that a guest may have too is arbitrated, a lock in the host's own area is a robust
    mutex."""
    own, anybodys = (HOST,), (HOST, GUEST)
    return CommDocument(
        guests=(CommGuest(name=GUEST, uuid="00000000-0000-4000-8000-000000000001"),),
        areas=(
            MemoryArea(name="queues", size=8 << 20, default_access="----", overrides={HOST: "RWC-"}),
            MemoryArea(name="everybodys", size=65536, default_access="RWC-"),
        ),
        events=(
            *(Event(name=name, signal=own, wait=own) for name in NATIVE),
            *(Event(name=name, signal=anybodys, wait=anybodys) for name in ARBITRATED),
        ),
        queues=(
            _queue(RATE, 1024, 64),
            _queue(THERE, 64, 64),
            _queue(BACK, 64, 64),
            _queue(LOAN_64, 64, 64),
            _queue(LOAN_64K, 64, 65536),
        ),
        locks=(Lock(name=SHARED_LOCK, area="everybodys"), Lock(name=ROBUST_LOCK, area="queues")),
    )  # fmt: skip


def _queue(name: str, slots: int, slot_bytes: int) -> Queue:
    return Queue(name=name, area="queues", slots=slots, slot_bytes=slot_bytes, writers=(HOST,), reader=HOST)


@contextlib.contextmanager
def serving(folder: Path, document: CommDocument) -> Iterator[Child]:
    """A guestwire-comm below `folder` that has taken the document; `attach(folder)` is where it is."""
    config = folder / "comm.toml"
    config.write_text(
        f'host = "h1"\nsite = "bench"\ndir = "{folder / "run"}"\nstate_dir = "{folder / "state"}"\n'
        f'trace_dir = "{folder / "traces"}"\nsimulated_guests = true\nrequests_per_s = {UNTHROTTLED}\n'
    )
    with Child(
        python("comm_as_installed.py", "run", "--config", str(config)), "broker", log=folder / "comm.log"
    ) as child:
        asyncio.run(_give(folder / "run", document))
        yield child


def attach(folder: Path) -> str:
    """`where` for the guest library."""
    return f"unix:{folder / 'run/attach.sock'}"


async def _give(folder: Path, document: CommDocument) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    async with CommClient(folder) as client:
        while True:
            try:
                await client.apply(document)
            except GuestwireError as err:
                if err.code != "COMM-NOT-STARTED" or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.05)
            else:
                return


@dataclass(frozen=True, slots=True)
class Programs:
    """The C ends: with our library, and with what the kernel and libc have."""

    ours: str
    raw: str


@contextlib.contextmanager
def shared_ends() -> Iterator[tuple[str, Programs]]:
    """`where` of a guestwire-comm that serves what is shared while the block lasts, and the C ends."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        ends = programs(folder)
        stack.enter_context(serving(folder, shared()))
        yield attach(folder), ends


def programs(folder: Path) -> Programs:
    """Builds the guest library, which Python finds from now on too, and the C ends."""
    built = folder / "library"
    subprocess.run(["make", "-s", "-C", str(LIBRARY), f"BUILD={built}"], check=True, stdout=subprocess.DEVNULL)
    os.environ["GUESTWIRE_LIBRARY"] = str(built / "libguestwire.so")
    ours = _compiled("pair_ours", folder, f"-I{LIBRARY / 'include'}", str(built / "libguestwire.a"))
    return Programs(ours, _compiled("pair_raw", folder))


def _compiled(name: str, folder: Path, *more: str) -> str:
    program = folder / name
    source = str(HERE / f"{name}.c")
    flags = ["-O2", "-std=gnu11", "-D_GNU_SOURCE", "-pthread"]
    subprocess.run(["gcc", *flags, "-o", str(program), source, *more], check=True)
    return str(program)
