"""A guestwire-comm for the benches, with what they share over it; and the programs that use it, compiled here and now."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from children import HERE, Child

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
    own = {"signal": (HOST,), "wait": (HOST,)}
    anybodys = {"signal": (HOST, GUEST), "wait": (HOST, GUEST)}
    queue = {"area": "queues", "writers": (HOST,), "reader": HOST}
    return CommDocument(
        guests=(CommGuest(name=GUEST, uuid="00000000-0000-4000-8000-000000000001"),),
        areas=(
            MemoryArea(name="queues", size=8 << 20, default_access="----", overrides={HOST: "RWC-"}),
            MemoryArea(name="everybodys", size=65536, default_access="RWC-"),
        ),
        events=(
            *(Event(name=name, **own) for name in NATIVE),
            *(Event(name=name, **anybodys) for name in ARBITRATED),
        ),
        queues=(
            Queue(name=RATE, slots=1024, slot_bytes=64, **queue),
            Queue(name=THERE, slots=64, slot_bytes=64, **queue),
            Queue(name=BACK, slots=64, slot_bytes=64, **queue),
            Queue(name=LOAN_64, slots=64, slot_bytes=64, **queue),
            Queue(name=LOAN_64K, slots=64, slot_bytes=65536, **queue),
        ),
        locks=(Lock(name=SHARED_LOCK, area="everybodys"), Lock(name=ROBUST_LOCK, area="queues")),
    )  # fmt: skip


@contextlib.contextmanager
def serving(folder: Path, document: CommDocument) -> Iterator[Child]:
    """A guestwire-comm below `folder` that has taken the document; `attach(folder)` is where it is."""
    config = folder / "comm.toml"
    config.write_text(
        f'host = "h1"\nsite = "bench"\ndir = "{folder / "run"}"\nstate_dir = "{folder / "state"}"\n'
        f'trace_dir = "{folder / "traces"}"\nsimulated_guests = true\nrequests_per_s = {UNTHROTTLED}\n'
    )
    command = [sys.executable, "-m", "guestwire.comm.main", "run", "--config", str(config)]
    with Child(command, "broker", log=folder / "comm.log") as child:
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


def library(folder: Path) -> Path:
    """Builds the guest library into `folder`: libguestwire.a and libguestwire.so."""
    subprocess.run(["make", "-s", "-C", str(LIBRARY), f"BUILD={folder}"], check=True, stdout=subprocess.DEVNULL)
    return folder


def compiled(name: str, folder: Path, *more: str) -> str:
    """NAME.c as a program in `folder`."""
    program = folder / name
    command = ["gcc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-pthread", f"-I{LIBRARY / 'include'}", "-o", str(program),
               str(HERE / f"{name}.c"), *more]  # fmt: skip
    subprocess.run(command, check=True)
    return str(program)
