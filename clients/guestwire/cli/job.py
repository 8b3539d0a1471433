"""`guestwire job`: requests that hosts have accepted, or with a controller the controller's jobs.

A host's job is HOST/ID, its id being that of its request; a controller's is known by its id.
"""

from typing import TYPE_CHECKING

import click

from guestwire.cli.controlled import is_controlled, names
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.cli.job_views import JobRow
    from guestwire.protocol.operation_models import JobGet
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client

STATES = (
    "accepted", "running", "succeeded", "failed", "rolled-back", "canceled", "timed-out", "rejected", "indeterminate",
)  # fmt: skip
WAITING = ("queued", "waiting-approval", "waiting-window", "sent", "waiting-reboot", "overdue")
"""States that only a controller has."""

_job = click.argument("name", metavar="JOB", shell_complete=names("jobs", "id"))


@click.group("job", cls=Noun)
def job() -> None:
    """Requests that hosts have accepted; with a controller its jobs."""


@job.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option(
    "--state",
    "states",
    type=click.Choice((*STATES, *WAITING)),
    multiple=True,
    help="Only jobs in this state. Repeatable.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many of each host."
)
@watch_option
@pass_settings
def list_jobs(settings: Settings, hosts: tuple[str, ...], states: tuple[str, ...], limit: int, watch: bool) -> None:
    """Jobs, newest first. Without HOST those of every host that is there.

    With a context of a controller its jobs: HOST may be SITE/HOST then, and --watch shows them as they change.
    """
    if is_controlled(settings):
        from guestwire.cli import controller_job

        controller_job.list_jobs(settings, hosts, states, limit, watch=watch)
        return
    if watch or set(states) & set(WAITING):
        only_controllers(settings)
    from guestwire.cli.job_views import JobRow, job_view
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import all_hosts
    from guestwire.protocol.operation_models import JobQuery
    from guestwire.sdk.bulk import each

    query = JobQuery(states=states, limit=limit)  # type: ignore[arg-type]

    async def work(client: "Client") -> "tuple[Outcome[str, list[JobRow]], ...]":
        async def one(host: str) -> list[JobRow]:
            answer = await client.host(host).job_list(query, options(settings))
            return [JobRow(host, found) for found in answer.reply.jobs]

        return await each(await all_hosts(client, hosts, settings), one)

    outcomes = with_client(settings, work)
    rows = [row for outcome in outcomes for row in outcome.result or ()]
    if rows or settings.for_programs or all(outcome.error is None for outcome in outcomes):
        write_all(settings, job_view(), sorted(rows, key=lambda row: -row.job.accepted_at))
    end_with(settings, outcomes)


@job.command("show")
@_job
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One job, HOST/ID, and its result once there is one; with a controller the one of that ID."""
    if is_controlled(settings):
        from guestwire.cli import controller_job

        controller_job.show(settings, name)
        return
    from guestwire.cli.job_views import JobRow, job_facts, job_view, result_of
    from guestwire.cli.output import write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import job_reference

    async def work(client: "Client") -> "JobRow":
        host, reference = job_reference(client, name)
        answer = await client.host(host).job_get(reference, options(settings))
        reply: JobGet = answer.reply
        return JobRow(host, reply, result_of(reply.final, client.trust, host))

    row = with_client(settings, work)
    write_one(settings, row, job_view(), job_facts(row))


@job.command("cancel")
@_job
@pass_settings
def cancel(settings: Settings, name: str) -> None:
    """Cancel a job that waits, or at its next step when it runs. The answer tells how it stands."""
    if is_controlled(settings):
        from guestwire.cli import controller_job

        controller_job.done_with(settings, name, "cancel")
        return
    from guestwire.cli.job_views import JobRow, job_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import job_reference

    async def work(client: "Client") -> "JobRow":
        host, reference = job_reference(client, name)
        answer = await client.host(host).job_cancel(reference, options(settings))
        return JobRow(host, answer.reply)

    write_all(settings, job_view(), [with_client(settings, work)])


@job.command("retry")
@_job
@pass_settings
def retry(settings: Settings, name: str) -> None:
    """Try a job of the controller again, as a new one."""
    only_controllers(settings)
    from guestwire.cli import controller_job

    controller_job.done_with(settings, name, "retry")


@job.command("wait")
@_job
@pass_settings
def wait(settings: Settings, name: str) -> None:
    """Follow a job of the controller to its end, --timeout at most. What it failed with is what the command ends with."""
    only_controllers(settings)
    from guestwire.cli import controller_job

    controller_job.wait(settings, name)


@job.command("approve")
@_job
@click.option("--key", metavar="FILE", type=click.Path(), help="The key to sign with, instead of the context's.")
@pass_settings
def approve(settings: Settings, name: str, key: str | None) -> None:
    """Sign what a job of the controller waits for, with a key of your own (`guestwire key enrol`)."""
    only_controllers(settings)
    from guestwire.cli import controller_job

    controller_job.approve(settings, name, key)


def only_controllers(settings: Settings) -> None:
    """Raises CONTEXT-NEEDS-CONTROLLER where the context is not one's."""
    from guestwire.cli.controlled import controller_context

    controller_context(settings)
