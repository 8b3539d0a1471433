"""Guests: what a user manages. A guest's libvirt object is its domain.

Identifiers are the System Manager's: GUESTnnnn, lowest free, never renumbered (SM 4.6).
"""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from guestwire.model.base import Model

GuestId = Annotated[str, StringConstraints(pattern=r"^GUEST\d{4}$")]
GuestName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]
UuidText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
# no control characters, and nothing else that a domain's XML cannot carry
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f\ufffe\uffff]*$", max_length=4096)]

GuestKind = Literal["rt", "gp_comm", "gp"]
GuestState = Literal["stopped", "starting", "running", "ready", "paused", "stopping", "crashed", "unknown"]
"""`ready` only by the guest's `ready_when`; a lost hypervisor connection gives `unknown`, never a guess."""

StateSource = Literal["event", "poll"]
RUNNING_STATES: frozenset[GuestState] = frozenset({"starting", "running", "ready", "stopping"})


class Disk(Model):
    """One block device. `path` must exist: making images is the apply's work, never a side effect of define."""

    path: AbsolutePath
    format: Literal["qcow2", "raw"] = "qcow2"
    device: Literal["disk", "cdrom"] = "disk"
    read_only: bool = False


class DirectBoot(Model):
    """Boot a kernel from the host's files, without a boot loader (libvirt <os><kernel>)."""

    kernel: AbsolutePath
    initrd: AbsolutePath | None = None
    cmdline: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\ufffe\uffff]*$", max_length=2048)] = ""


class ReadyWhen(Model):
    """What makes a running guest `ready`: its guest agent answers, or its console shows `text`; never: stays running.

    `within_s` bounds a start that waits for ready; later evidence still makes the guest ready.
    """

    by: Literal["guest_agent", "console_text", "never"] = "never"
    text: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    within_s: Annotated[int, Field(ge=1, le=3600)] = 120

    @model_validator(mode="after")
    def _text_belongs_to_console(self) -> "ReadyWhen":
        if (self.by == "console_text") != (self.text is not None):
            raise ValueError("text goes with by = console_text, and only with it")
        return self


class Guest(Model):
    """A guest as it is configured. `id` and `uuid` are given by the host where a definition leaves them out."""

    name: GuestName
    id: GuestId | None = None
    uuid: UuidText | None = None
    kind: GuestKind = "gp"
    os_type: Annotated[str, StringConstraints(max_length=32)] = "linux"
    vcpus: Annotated[int, Field(ge=1, le=1024)] = 1
    memory_mib: Annotated[int, Field(ge=16, le=1 << 24)] = 512
    cpuset: Annotated[str, StringConstraints(max_length=1024)] | None = None
    firmware: Literal["bios", "uefi"] = "bios"
    disks: Annotated[tuple[Disk, ...], Field(max_length=32)] = ()
    boot: DirectBoot | None = None
    ready_when: ReadyWhen = ReadyWhen()
    autostart: Literal["off", "headless", "console"] = "off"
    comments: Annotated[str, StringConstraints(max_length=4096)] = ""


class GuestStatus(Model):
    """What is known of a guest's state: when it was learnt (Unix ms) and how."""

    state: GuestState
    as_of: int
    source: StateSource
    reason: str = ""


class GuestView(Model):
    """A guest with its identifiers settled and its state: what list and show answer."""

    guest: Guest
    status: GuestStatus


class GuestThread(Model):
    """One thread of a guest's QEMU process, as /proc shows it.

    `cpus` is its affinity as a CPU list ("0-3,7"); `policy` its scheduler; `priority` 1..99 under fifo and rr, else 0;
    `cpu_ms` the processor time used.
    """

    tid: int
    name: str
    role: Literal["vcpu", "emulator", "iothread", "vhost", "worker"]
    vcpu: int | None = None
    cpus: str
    policy: Literal["other", "fifo", "rr", "batch", "idle", "deadline"]
    priority: int = 0
    cpu_ms: int = 0


_ID = re.compile(r"^GUEST(\d{4})$")


def lowest_free_id(taken: frozenset[str]) -> str | None:
    """The lowest GUESTnnnn from GUEST0001 that is not taken; None when all 9,999 are."""
    for number in range(1, 10_000):
        if (candidate := f"GUEST{number:04d}") not in taken:
            return candidate
    return None


def is_guest_id(text: str) -> bool:
    """Whether `text` is an identifier rather than a name; a reference is looked up as identifier first, then name."""
    return _ID.match(text) is not None


def canonical_uuid(data: bytes) -> str:
    """The text form of 16 bytes (for identifiers derived from a request id)."""
    return str(UUID(bytes=data[:16]))
