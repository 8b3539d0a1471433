"""How the communication services and who is attached to them are written."""

from dataclasses import dataclass
from typing import Any

from guestwire.cli.output import Column, View, plain
from guestwire.cli.sizes import size_text
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.protocol.comm_models import CommPeer, CommStatus

UNKNOWN_TO_DO = "look at the unit guestwire-comm on the host"


@dataclass(frozen=True, slots=True)
class StatusRow:
    """The communication services of a host."""

    host: str
    status: CommStatus
    verified: bool

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {"host": self.host, "verified": self.verified, **plain(self.status)}


def status_view() -> View[StatusRow]:
    """What programs get."""
    return View((), name=lambda r: f"{r.host} {r.status.state}", document=StatusRow.document)


def status_facts(row: StatusRow) -> list[tuple[str, str]]:
    """The services in full, but for who is attached; with what to do where that is something."""
    status = row.status
    since = f", since {clock_time(status.started_at)}" if status.started_at else ""
    counts = ", ".join(f"{kind} {count}" for kind, count in status.counts.items() if count)
    regions = f"{status.regions}, at most {size_text(status.region_bytes)}" if status.regions else "none"
    facts = [
        ("host", row.host),
        ("state", status.state + since),
        ("instance", f"{status.instance:x}" if status.instance else "-"),
        ("configuration", f"{counts or 'empty'} ({status.document_hash[:12] or '-'})"),
        ("regions", regions),
        *((f"no {what}", why) for what, why in sorted(status.missing.items())),
        *((f"stranded: {one.guest}", one.remedy) for one in status.stranded),
        *(("to do", what) for what in _to_do(row)),
    ]
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def peer_view() -> View[CommPeer]:
    """The columns of who is attached."""
    at = now().wall_ms
    return View(
        columns=(
            Column("ATTACHED", lambda p: p.name),
            Column("KIND", lambda p: p.kind, wide=True),
            Column("PEER", lambda p: str(p.peer), right=True, wide=True),
            Column("READY", lambda p: "yes" if p.ready else "no", wide=True),
            Column("PID", lambda p: "-" if p.pid is None else str(p.pid), right=True),
            Column("SINCE", lambda p: ago(p.since or None, at)),
            Column("REQUESTS", lambda p: str(p.requests), right=True),
            Column("DENIED", lambda p: str(p.denied), right=True, style=lambda p: "warn" if p.denied else None),
            Column(
                "THROTTLED", lambda p: str(p.throttled), right=True, style=lambda p: "warn" if p.throttled else None
            ),
            Column("WAYS", lambda p: ", ".join(p.ways) or "-"),
        ),
        name=lambda p: p.name,
        document=plain,
    )


def _to_do(row: StatusRow) -> list[str]:
    if row.status.state == "stopped":
        if "guestwire-comm" in row.status.missing:
            return []  # said there: the process itself is not there
        return [f"`guestwire comm start {row.host}`"]
    if row.status.state != "degraded":
        return []
    if not row.status.stranded:
        return [UNKNOWN_TO_DO]
    guests = " ".join(f"{row.host}/{one.guest}" for one in row.status.stranded)
    return [f"shut these guests down and start them again: {guests}"]
