"""How guests and their threads are written."""

from dataclasses import dataclass
from typing import Any

from guestwire.cli.output import Column, View, plain
from guestwire.cli.times import clock_time
from guestwire.model.guest import Disk, GuestThread, GuestView
from guestwire.protocol import ids

STATE_STYLES = {
    "running": "good", "ready": "good", "starting": "busy", "stopping": "busy", "paused": "warn",
    "crashed": "bad", "unknown": "warn", "stopped": "faint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest of a host. `view` is None once it is undefined; then `name` tells which it was."""

    host: str
    view: GuestView | None
    verified: bool
    name: str = ""
    request_id: bytes | None = None

    @property
    def address(self) -> str:
        return f"{self.host}/{self.view.guest.name if self.view else self.name}"

    @property
    def state(self) -> str:
        return self.view.status.state if self.view else "undefined"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        made: dict[str, Any] = {"host": self.host, "verified": self.verified}
        if self.request_id is not None:
            made["request_id"] = ids.text(self.request_id)
        if self.view is None:
            return {**made, "name": self.name, "state": "undefined"}
        return {**made, **plain(self.view)}


def guest_view() -> View[GuestRow]:
    """The columns of guests."""

    def of(read: Any, none: str = "-") -> Any:
        return lambda row: none if row.view is None else str(read(row.view) or none)

    return View(
        columns=(
            Column("GUEST", lambda row: row.address),
            Column("ID", of(lambda v: v.guest.id)),
            Column("STATE", lambda row: row.state, style=lambda row: STATE_STYLES.get(row.state)),
            Column("KIND", of(lambda v: v.guest.kind)),
            Column("VCPUS", of(lambda v: v.guest.vcpus), right=True),
            Column("MEMORY", of(lambda v: f"{v.guest.memory_mib} MiB"), right=True),
            Column("CPUSET", of(lambda v: v.guest.cpuset), wide=True),
            Column("UUID", of(lambda v: v.guest.uuid), wide=True),
            Column("AS OF", of(lambda v: clock_time(v.status.as_of)), wide=True),
            Column("VERIFIED", lambda row: "yes" if row.verified else "no", wide=True),
            Column("REASON", of(lambda v: v.status.reason), wide=True),
        ),
        name=lambda row: row.address,
        document=GuestRow.document,
        none="no guests",
    )


def guest_facts(row: GuestRow) -> list[tuple[str, str]]:
    """A guest in full."""
    view = row.view
    assert view is not None
    guest, status = view.guest, view.status
    ready = guest.ready_when
    reason = f" ({status.reason})" if status.reason else ""
    facts = [
        ("guest", row.address),
        ("id", guest.id or "-"),
        ("uuid", guest.uuid or "-"),
        ("state", f"{status.state}{reason}, as of {clock_time(status.as_of)} by {status.source}"),
        ("kind", f"{guest.kind}, {guest.os_type}"),
        ("vcpus", str(guest.vcpus)),
        ("memory", f"{guest.memory_mib} MiB"),
        ("cpuset", guest.cpuset or "any CPU"),
        ("firmware", guest.firmware),
        (
            "ready when",
            f'its console shows "{ready.text}"' if ready.by == "console_text" else ready.by.replace("_", " "),
        ),
        ("autostart", guest.autostart),
    ]
    facts += [
        ("disk", f"{disk.path or 'empty'} ({_drive(disk)}{', read only' if disk.read_only else ''})")
        for disk in guest.disks
    ]
    if guest.boot is not None:
        facts.append(("kernel", guest.boot.kernel))
        facts.append(("initrd", guest.boot.initrd or "-"))
        facts.append(("cmdline", guest.boot.cmdline or "-"))
    if guest.comments:
        facts.append(("comments", guest.comments))
    if not row.verified:
        facts.append(("verified", "no: nobody signed this"))
    return facts


def thread_view() -> View[GuestThread]:
    """The columns of threads."""
    return View(
        columns=(
            Column("TID", lambda t: str(t.tid), right=True),
            Column("ROLE", lambda t: t.role if t.vcpu is None else f"vcpu {t.vcpu}"),
            Column("CPUS", lambda t: t.cpus),
            Column("POLICY", lambda t: t.policy),
            Column("PRIORITY", lambda t: str(t.priority), right=True),
            Column("CPU TIME", lambda t: f"{t.cpu_ms / 1000:.2f} s", right=True),
            Column("NAME", lambda t: t.name),
        ),
        name=lambda t: str(t.tid),
        document=plain,
        none="no threads",
    )


def _drive(disk: Disk) -> str:
    return f"{disk.format} {disk.device}" if disk.path is not None else disk.device
