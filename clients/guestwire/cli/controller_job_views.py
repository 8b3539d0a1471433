"""How the jobs of a controller are written."""

from guestwire.cli.job_views import STYLES
from guestwire.cli.output import Column, View
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.sdk.controller_models import ControllerJob

WAITING = {"queued": "busy", "sent": "busy", "waiting-approval": "warn", "waiting-window": "warn", "overdue": "bad"}


def controller_job_view() -> View[ControllerJob]:
    """The columns of jobs."""
    at = now().wall_ms
    return View(
        columns=(
            Column("JOB", lambda j: j.id),
            Column("HOST", lambda j: j.host),
            Column("OPERATION", lambda j: j.operation),
            Column("STATE", lambda j: j.state, style=lambda j: (STYLES | WAITING).get(j.state)),
            Column("AGE", lambda j: ago(j.created_at, at)),
            Column("BY", lambda j: j.person or j.origin),
            Column("CODE", lambda j: j.code or "-"),
            Column("DEADLINE", lambda j: clock_time(j.deadline_at), wide=True),
            Column("FINISHED", lambda j: clock_time(j.finished_at), wide=True),
            Column("ROLLOUT", lambda j: j.rollout or "-", wide=True),
            Column("APPROVAL", lambda j: j.approval or "-", wide=True),
            Column("PROGRESS", progress_text, wide=True),
        ),
        name=lambda j: j.id,
        document=lambda j: j.document,
        none="no jobs",
    )


def controller_job_facts(job: ControllerJob) -> list[tuple[str, str]]:
    """A job in full."""
    facts = [
        ("job", job.id),
        ("host", job.host),
        ("operation", f"{job.operation} (R{job.risk})"),
        ("state", job.state),
        ("by", job.person or job.origin),
        ("made", clock_time(job.created_at)),
        ("deadline", clock_time(job.deadline_at)),
        ("finished", clock_time(job.finished_at)),
        ("at the host", job.request_id or "not sent"),
        ("sent", f"{job.attempts} times"),
    ]
    if job.progress is not None:
        facts.append(("progress", progress_text(job)))
    if job.approval:
        facts.append(("approval", job.approval))
    if job.rollout:
        facts.append(("rollout", job.rollout))
    if job.note:
        facts.append(("note", job.note))
    if job.code:
        facts.append(("error" if job.finished else "last trouble", f"{job.code}: {job.message or ''}"))
    if job.retried_by:
        facts.append(("tried again by", job.retried_by))
    if job.finished:
        facts.append(("proof", "signed by the host" if job.verified else "none"))
    return facts


def progress_text(job: ControllerJob) -> str:
    """How far it is."""
    said = job.progress
    if said is None:
        return "-"
    percent = "" if said.percent is None else f"{said.percent} %"
    return " ".join(part for part in (percent, said.step, said.message) if part) or "-"
