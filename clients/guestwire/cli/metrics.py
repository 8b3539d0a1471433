"""`guestwire metrics`: the telemetry that a controller keeps: which there is, its history, what is highest."""

import sys
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_telemetry import GapAnswer, MetricAnswer, MetricName, TopRow

AGGREGATES = ("avg", "min", "max", "last", "sum", "count", "rate", "increase")
ACROSS = ("sum", "avg", "min", "max", "count")
POINTS = 60
"""That a query has where no step is given."""
_selector = click.argument("selector", shell_complete=names("metrics"))
_by = click.option(
    "--by", metavar="LABEL,...", help="Series that agree in these labels become one; empty: all become one."
)
_across = click.option(
    "--across", type=click.Choice(ACROSS), help="How they become one; else as it suits the aggregate."
)


@click.group("metrics", cls=Noun)
def metrics() -> None:
    """The telemetry that a controller keeps: list, query, top, gaps."""


@metrics.command("list")
@pass_settings
def list_metrics(settings: Settings) -> None:
    """The metrics of which there are series."""
    from guestwire.cli.metrics_views import name_view
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[MetricName]":
        return await controller.metrics.list()

    write_all(settings, name_view(), with_controller(settings, work))


@metrics.command("query")
@_selector
@click.option(
    "--since",
    default="1h",
    show_default=True,
    metavar="TIME",
    help="From when: 90s, 30m, 2h, 7d ago, or a date and time.",
)
@click.option("--until", metavar="TIME", help="Until when; now where left out.")
@click.option("--step", metavar="TIME", help="The length of a step, as 30s or 5m; else a sixtieth of the whole.")
@click.option(
    "--aggregate",
    type=click.Choice(AGGREGATES),
    default="avg",
    show_default=True,
    help="What a series is in one step; rate and increase are for counters.",
)
@_by
@_across
@click.option("--csv", is_flag=True, help="A row for each point.")
@pass_settings
def query(
    settings: Settings, selector: str, since: str, until: str | None, step: str | None, aggregate: str, by: str | None,
    across: str | None, csv: bool,
) -> None:  # fmt: skip
    """The history of a SELECTOR, as `guestwire_host_load{site="plant",window="1m"}`, with a curve for each series."""
    from guestwire.cli.metrics_views import history_view
    from guestwire.cli.moments import duration_ms, moment_ms
    from guestwire.cli.output import write_all, write_document
    from guestwire.link.clock import now

    at = now().wall_ms
    start, end = moment_ms(since, at), at if until is None else moment_ms(until, at)
    if end <= start:
        raise click.UsageError("--until is after --since.")
    step_ms = max(1000, (end - start) // POINTS) if step is None else duration_ms(step)
    asked: dict[str, Any] = {
        "selector": selector, "start": start, "end": end, "step": step_ms, "aggregate": aggregate, "by": _labels(by),
        "across": across,
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if value is not None}

    async def work(controller: "Controller") -> "MetricAnswer | str":
        if not csv:
            return await controller.history(asked)
        said = await controller.http.ask("POST", "/metrics/query", params={"format": "csv"}, body=asked, reads=True)
        return said.content.decode()

    found = with_controller(settings, work)
    if isinstance(found, str):
        sys.stdout.write(found)
    elif settings.for_programs:
        write_document(settings, found.document)
    else:
        write_all(settings, history_view(found), found.series)


@metrics.command("top")
@_selector
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="How many.")
@_by
@click.option("--across", type=click.Choice(ACROSS), default="sum", show_default=True, help="How series become one.")
@watch_option
@pass_settings
def top(settings: Settings, selector: str, limit: int, by: str | None, across: str, watch: bool) -> None:
    """The highest now: gauges by their values, counters by how fast they grow per second."""
    from guestwire.cli.metrics_views import top_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        async def fetch() -> "list[TopRow]":
            labels = _labels(by)
            given = None if labels is None else labels or [""]
            return await controller.highest(selector=selector, n=limit, by=given, across=across)

        await show(settings, controller, top_view, fetch, watch=watch)

    with_controller(settings, work)


@metrics.command("gaps")
@click.argument("host", metavar="[[SITE/]HOST]", required=False, shell_complete=names("hosts", "ref"))
@click.option(
    "--since", default="7d", show_default=True, metavar="TIME", help="From when: 2h, 7d ago, or a date and time."
)
@click.option("--until", metavar="TIME", help="Until when; now where left out.")
@pass_settings
def gaps(settings: Settings, host: str | None, since: str, until: str | None) -> None:
    """What is missing in the history of hosts, and why: what is not said here was kept."""
    from guestwire.cli.failures import remark
    from guestwire.cli.metrics_views import gap_view
    from guestwire.cli.moments import moment_ms
    from guestwire.cli.output import write_all, write_document
    from guestwire.link.clock import now

    at = now().wall_ms
    times = {"since": moment_ms(since, at), "until": None if until is None else moment_ms(until, at)}

    async def work(controller: "Controller") -> "GapAnswer":
        site, _, name = ("", "", "") if host is None else controller.ref(host).partition("/")
        return await controller.gaps(site=site or None, host=name or None, **times)

    found = with_controller(settings, work)
    if settings.for_programs:
        write_document(settings, found.document)
        return
    write_all(settings, gap_view(), found.gaps)
    for clock in found.clocks:
        text = (
            f"the clock of {clock.site}/{clock.host} was wrong: its times were shifted by {clock.offset_ms / 1000:g} s"
        )
        remark(settings, text)


def _labels(by: str | None) -> list[str] | None:
    return None if by is None else [label.strip() for label in by.split(",") if label.strip()]
