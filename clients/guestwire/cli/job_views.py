"""How jobs are written, and what their stored results say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guestwire.cli.output import Column, View, plain
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.envelope import decode
from guestwire.protocol.operation_models import Job
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.signing import Domain
from guestwire.protocol.trust import Trust

STYLES = {
    "succeeded": "good", "running": "busy", "accepted": "busy", "failed": "bad", "rejected": "bad",
    "timed-out": "bad", "indeterminate": "warn", "canceled": "warn", "rolled-back": "warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """The stored final of a job: its status, its body as plain values, and whether the host's signature vouches for it."""

    status: str
    body: Any
    verified: bool


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job of a host."""

    host: str
    job: Job
    result: Result | None = None

    @property
    def address(self) -> str:
        return f"{self.host}/{ids.text(self.job.request_id)}"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        made = {"host": self.host, **plain(self.job)}
        made.pop("final", None)
        if self.result is not None:
            result = self.result
            made["result"] = {"status": result.status, "verified": result.verified, "body": plain(result.body)}
        return made


def result_of(frames: Sequence[bytes] | None, trust: Trust | None, host: str) -> Result | None:
    """What the frames of a stored final say; None when there is none, or it cannot be read."""
    if not frames:
        return None
    try:
        envelopes = [decode(frame) for frame in frames]
        body = unpack(b"".join(envelope.body for envelope in envelopes))
    except (GuestwireError, PackingError):
        return None
    at = now().wall_ms
    verified = trust is not None and all(
        any(
            (key := trust.speaks_for_host(key_id, host, at)) is not None
            and key.verifying.verifies(Domain.ENVELOPE, envelope.header_bytes, signature)
            for key_id, signature in envelope.signatures
        )
        for envelope in envelopes
    )
    return Result(envelopes[0].header.status or "ok", body, verified)


def job_view() -> View[JobRow]:
    """The columns of jobs."""
    at = now().wall_ms
    return View(
        columns=(
            Column("JOB", lambda r: r.address),
            Column("OPERATION", lambda r: r.job.operation),
            Column("STATE", lambda r: r.job.state, style=lambda r: STYLES.get(r.job.state)),
            Column("AGE", lambda r: ago(r.job.accepted_at, at)),
            Column("BY", lambda r: r.job.issuer),
            Column("CODE", lambda r: r.job.code or "-"),
            Column("LANES", lambda r: ",".join(r.job.lanes) or "-", wide=True),
            Column("ACCEPTED", lambda r: clock_time(r.job.accepted_at), wide=True),
            Column("FINISHED", lambda r: clock_time(r.job.finished_at), wide=True),
            Column("PROGRESS", _progress, wide=True),
        ),
        name=lambda r: r.address,
        document=JobRow.document,
        none="no jobs",
    )


def job_facts(row: JobRow) -> list[tuple[str, str]]:
    """A job in full."""
    job = row.job
    facts = [
        ("job", row.address),
        ("operation", job.operation),
        ("state", job.state),
        ("by", job.issuer),
        ("lanes", ", ".join(job.lanes) or "-"),
        ("accepted", clock_time(job.accepted_at)),
        ("finished", clock_time(job.finished_at)),
    ]
    if job.progress is not None:
        facts.append(("progress", _progress(row)))
    if job.code:
        facts.append(("error", f"{job.code}: {job.message or ''}"))
    if row.result is not None:
        facts.append(("result", f"{row.result.status}{', signed by the host' if row.result.verified else ''}"))
    return facts


def _progress(row: JobRow) -> str:
    said = row.job.progress
    if said is None:
        return "-"
    percent = "" if said.percent is None else f"{said.percent} %"
    return " ".join(part for part in (percent, said.step, said.message) if part) or "-"
