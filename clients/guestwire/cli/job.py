"""`guestwire job`: requests that hosts have accepted. A job is HOST/ID, its id being that of its request."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.job_views import JobRow
    from guestwire.protocol.operation_models import JobGet
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client

STATES = (
    "accepted", "running", "succeeded", "failed", "rolled-back", "canceled", "timed-out", "rejected", "indeterminate",
)  # fmt: skip


@click.group("job", cls=Noun)
def job() -> None:
    """Requests that hosts have accepted."""


@job.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option(
    "--state", "states", type=click.Choice(STATES), multiple=True, help="Only jobs in this state. Repeatable."
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many of each host."
)
@pass_settings
def list_jobs(settings: Settings, hosts: tuple[str, ...], states: tuple[str, ...], limit: int) -> None:
    """Jobs, newest first. Without HOST those of every host that is there."""
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
    write_all(settings, job_view(), sorted(rows, key=lambda row: -row.job.accepted_at))
    end_with(settings, outcomes)


@job.command("show")
@click.argument("name", metavar="HOST/ID")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One job, and its result once there is one."""
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
@click.argument("name", metavar="HOST/ID")
@pass_settings
def cancel(settings: Settings, name: str) -> None:
    """Cancel a job that waits, or at its next step when it runs. The answer tells how it stands."""
    from guestwire.cli.job_views import JobRow, job_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import job_reference

    async def work(client: "Client") -> "JobRow":
        host, reference = job_reference(client, name)
        answer = await client.host(host).job_cancel(reference, options(settings))
        return JobRow(host, answer.reply)

    write_all(settings, job_view(), [with_client(settings, work)])
