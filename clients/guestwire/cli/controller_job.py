"""`guestwire job` with a controller: its jobs, which wait, are sent, and are known to have ended."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from guestwire.cli.controlled import with_controller
from guestwire.cli.controller_job_views import controller_job_facts, controller_job_view
from guestwire.cli.exit_codes import TIMEOUT
from guestwire.cli.failures import remark, report
from guestwire.cli.output import write_all, write_one
from guestwire.cli.progress import progress
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import printable
from guestwire.cli.watching import show as show_again
from guestwire.protocol.operation_models import Progress
from guestwire.sdk.controller_following import job_error

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Approval, ControllerJob


def list_jobs(settings: Settings, hosts: Sequence[str], states: Sequence[str], limit: int, *, watch: bool) -> None:
    """The newest jobs, of those hosts where some are named."""

    async def work(controller: "Controller") -> None:
        async def fetch() -> "list[ControllerJob]":
            refs: list[str | None] = [controller.ref(host) for host in hosts]
            found = [
                job
                for ref in refs or [None]
                for job in await controller.jobs.list(limit, host=ref, state=tuple(states))
            ]
            return sorted(found, key=lambda job: -job.created_at)

        await show_again(settings, controller, controller_job_view, fetch, "job", watch=watch)

    with_controller(settings, work)


def show(settings: Settings, name: str) -> None:
    """One job."""

    async def work(controller: "Controller") -> "ControllerJob":
        return await controller.jobs.show(job_id(name))

    job = with_controller(settings, work)
    write_one(settings, job, controller_job_view(), controller_job_facts(job))


def done_with(settings: Settings, name: str, verb: str) -> None:
    """Cancel a job, or try it again: `verb`."""

    async def work(controller: "Controller") -> "ControllerJob":
        return await controller.jobs.do(job_id(name), verb)

    write_all(settings, controller_job_view(), [with_controller(settings, work)])


def wait(settings: Settings, name: str) -> None:
    """Follow a job to its end, with what it says on the way; a job that failed ends the command as its host's answer would."""

    async def work(controller: "Controller") -> "tuple[ControllerJob, Approval | None]":
        job = await controller.jobs.show(job_id(name))
        async with progress(settings, "jobs", 1) as shown:
            target = f"{job.operation} {job.host}"
            shown.begin(target)

            def hear(heard: "ControllerJob") -> None:
                said = heard.progress
                message = heard.state.replace("-", " ") if said is None else said.message
                percent, step = (None, "") if said is None else (said.percent, said.step)
                shown.report(target, Progress(percent=percent, step=step, message=message))

            ended = await controller.jobs.wait(job, settings.timeout, hear)
        turned_down = ended.approval if ended.code == "APPROVAL-REJECTED" else None
        return ended, None if turned_down is None else await controller.approvals.show(turned_down)

    job, turned_down = with_controller(settings, work)
    write_all(settings, controller_job_view(), [job])
    if job.state == "waiting-approval":
        remark(settings, f"it waits for a signature: guestwire job approve {job.id}")
    if turned_down is not None:
        remark(
            settings, printable(f"{turned_down.decided_by} turned it down: {turned_down.reason or 'without a reason'}")
        )
    if not job.finished:
        raise click.exceptions.Exit(TIMEOUT)
    if job.state != "succeeded":
        raise click.exceptions.Exit(report(settings, job_error(job), job.host))


def approve(settings: Settings, name: str, key: str | None) -> None:
    """Sign what a job waits for, with the context's key or another one."""
    from guestwire.cli.approving import signed
    from guestwire.cli.controlled import controller_context

    context = controller_context(settings)

    async def work(controller: "Controller") -> "Approval | None":
        job = await controller.jobs.show(job_id(name))
        if job.state != "waiting-approval" or job.approval is None:
            return None
        return await signed(settings, controller, context, job.approval, key)

    approval = with_controller(settings, work)
    if approval is None:
        remark(settings, f"{name} waits for no signature")
    elif approval.state == "approved":
        remark(settings, f"{name}: approved; it goes on")
    else:
        remark(settings, f"{name}: signed; it takes the signature of somebody else as well")


def job_id(name: str) -> str:
    """The id in what somebody wrote: `SITE/HOST/ID` is taken as well."""
    return name.rpartition("/")[2]
