"""`guestwire fleet`: the hosts that a controller knows, of all its sites: which there are, what they are called, who lets them in."""

from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.fleet_groups import group
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import FleetHost

_hosts = click.argument(
    "hosts", metavar="[SITE/]HOST...", nargs=-1, required=True, shell_complete=names("hosts", "ref")
)
_host = click.argument("host", metavar="[SITE/]HOST", shell_complete=names("hosts", "ref"))


@click.group("fleet", cls=Noun)
def fleet() -> None:
    """The hosts that a controller knows: list, show, label, approve, ..."""


fleet.add_command(group)


@fleet.command("list")
@click.argument("selection", nargs=-1)
@click.option(
    "--sort",
    default="host",
    show_default=True,
    help="By host, label, state, agent or heard; with - in front downwards.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="How many at most."
)
@watch_option
@pass_settings
def list_hosts(settings: Settings, selection: tuple[str, ...], sort: str, limit: int, watch: bool) -> None:
    """Hosts by a SELECTION, as `site=plant label.line=3 state=online agent<0.2 guest=rtlinux`; without one all of them.

    Words beside each other must all hold; `or`, `not` and parentheses do as expected. A word without an operator is searched for in
    all that is known of a host.
    """
    from guestwire.cli.fleet_views import fleet_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        await show(
            settings,
            controller,
            fleet_view,
            lambda: controller.hosts.list(limit, q=" ".join(selection), sort=sort),
            "host",
            watch=watch,
        )

    with_controller(settings, work)


@fleet.command("show")
@_host
@pass_settings
def show_host(settings: Settings, host: str) -> None:
    """One host, with its guests, as the controller knows it."""
    from guestwire.cli.fleet_views import fleet_facts, fleet_view
    from guestwire.cli.output import write_one

    async def work(controller: "Controller") -> "FleetHost":
        return await controller.hosts.show(controller.ref(host))

    found = with_controller(settings, work)
    write_one(settings, found, fleet_view(), fleet_facts(found))


@fleet.command("label")
@_host
@click.argument("labels", metavar="NAME=VALUE|NAME-...", nargs=-1)
@click.option("--name", "called", metavar="TEXT", help="What people call the host; an empty text: nothing of its own.")
@click.option("--notes", metavar="TEXT", help="Whatever is to be known of it.")
@pass_settings
def label(settings: Settings, host: str, labels: tuple[str, ...], called: str | None, notes: str | None) -> None:
    """Put labels on a host: `line=3 rack=b`; `line-` takes one away. Other labels stay."""
    from guestwire.cli.fleet_views import fleet_facts, fleet_view
    from guestwire.cli.output import write_one

    said: dict[str, object] = {"label": called, "notes": notes, "labels": _labels(labels) or None}
    said = {name: value for name, value in said.items() if value is not None}
    if not said:
        raise click.UsageError("Say which labels, --name or --notes.")

    async def work(controller: "Controller") -> "FleetHost":
        return await controller.hosts.change(controller.ref(host), said)

    changed = with_controller(settings, work)
    write_one(settings, changed, fleet_view(), fleet_facts(changed))


def _labels(words: tuple[str, ...]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            raise click.UsageError(f"{word!r} is no label: write NAME=VALUE, or NAME- to take one away.")
        found[name if equals else word[:-1]] = value if equals else None
    return found


@fleet.command("approve")
@click.argument("hosts", metavar="[SITE/]HOST...", nargs=-1, shell_complete=names("hosts", "ref"))
@click.option(
    "--select",
    "selection",
    metavar="SELECTION",
    help='Instead of hosts: those of a selection that wait for it, as "site=plant"; "" is all of them.',
)
@pass_settings
def approve(settings: Settings, hosts: tuple[str, ...], selection: str | None) -> None:
    """Let hosts in: from then on they are asked, and what they say is kept."""
    if bool(hosts) == (selection is not None):
        raise click.UsageError("Name hosts, or say which with --select.")
    if selection is None:
        _each(settings, hosts, lambda controller: lambda ref: controller.hosts.do(ref, "approve"))
    else:
        _let_in(settings, selection)


@fleet.command("reject")
@_hosts
@pass_settings
def reject(settings: Settings, hosts: tuple[str, ...]) -> None:
    """Turn hosts away: what they say is kept no more."""
    from guestwire.cli.confirm import ask

    ask(settings, "turn away", 2, hosts)
    _each(settings, hosts, lambda controller: lambda ref: controller.hosts.do(ref, "reject"))


@fleet.command("refresh")
@_hosts
@pass_settings
def refresh(settings: Settings, hosts: tuple[str, ...]) -> None:
    """Have the controller read anew what hosts have."""

    async def work(controller: "Controller", ref: str) -> "FleetHost":
        await controller.http.ask("POST", f"{controller.hosts.at(ref)}/refresh")
        return await controller.hosts.show(ref)

    _each(settings, hosts, lambda controller: lambda ref: work(controller, ref))


@fleet.command("forget")
@_hosts
@pass_settings
def forget(settings: Settings, hosts: tuple[str, ...]) -> None:
    """Forget hosts that are gone for good, with all that was kept of them."""
    from guestwire.cli.confirm import ask
    from guestwire.cli.outcomes import end_with
    from guestwire.sdk.bulk import Outcome, each

    ask(settings, "forget", 3, hosts)

    async def work(controller: "Controller") -> "tuple[Outcome[str, None], ...]":
        refs = [controller.ref(host) for host in hosts]
        return await each(refs, lambda ref: controller.hosts.remove(ref, revised=False), at_a_time=4)

    outcomes = with_controller(settings, work)
    for outcome in outcomes:
        if outcome.error is None:
            failures.remark(settings, f"{outcome.target}: forgotten")
    end_with(settings, outcomes)


def _let_in(settings: Settings, selection: str) -> None:
    """All of a selection that wait, with how far it is."""
    from guestwire.cli.fleet_views import fleet_view
    from guestwire.cli.output import write_all
    from guestwire.cli.progress import progress
    from guestwire.protocol.operation_models import Progress

    async def work(controller: "Controller") -> "list[FleetHost]":
        found: list[FleetHost] = []
        async with progress(settings, "hosts", 1) as shown:
            shown.begin("hosts")
            async for some in controller.let_in(selection):
                found += some.hosts
                whole = len(found) + some.left
                said = Progress(percent=100 * len(found) // max(1, whole), message=f"{len(found)} of {whole} let in")
                shown.report("hosts", said)
            shown.end("hosts")
        return found

    write_all(settings, fleet_view(), with_controller(settings, work))


def _each(
    settings: Settings, hosts: tuple[str, ...],
    action: "Callable[[Controller], Callable[[str], Awaitable[FleetHost]]]",
) -> None:  # fmt: skip
    """The same with each of the hosts, which are written as they are then."""
    from guestwire.cli.fleet_views import fleet_view
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import write_all
    from guestwire.cli.progress import progress
    from guestwire.sdk.bulk import Outcome, each

    async def work(controller: "Controller") -> "tuple[Outcome[str, FleetHost], ...]":
        refs = list(dict.fromkeys(controller.ref(host) for host in hosts))
        async with progress(settings, "hosts", len(refs)) as shown:
            for ref in refs:
                shown.begin(ref)
            return await each(refs, action(controller), at_a_time=4, on_end=lambda outcome: shown.end(outcome.target))

    outcomes = with_controller(settings, work)
    write_all(settings, fleet_view(), [outcome.result for outcome in outcomes if outcome.result is not None])
    end_with(settings, outcomes)
