"""`guestwire rollout`: one thing done on many hosts, in waves, by a controller."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.rollout_options import rollout_options, spec
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Rollout, RolloutTarget

STATES = ("draft", "running", "paused", "aborting", "aborted", "finished")
_rollout = click.argument("name", metavar="ROLLOUT", shell_complete=names("rollouts", "id"))


@click.group("rollout", cls=Noun)
def rollout() -> None:
    """One thing on many hosts, in waves: preview, start, status, pause, ..."""


@rollout.command("list")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only those. Repeatable.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@watch_option
@pass_settings
def list_rollouts(settings: Settings, states: tuple[str, ...], limit: int, watch: bool) -> None:
    """Rollouts, newest first."""
    from guestwire.cli.rollout_views import rollout_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        await show(
            settings,
            controller,
            rollout_view,
            lambda: controller.rollouts.list(limit, state=states),
            "rollout",
            watch=watch,
        )

    with_controller(settings, work)


@rollout.command("preview")
@click.argument("name", default="preview", required=False)
@rollout_options
@pass_settings
def preview(settings: Settings, /, name: str, **given: Any) -> None:
    """What a rollout would do now: which hosts, in which waves, and who would have to sign. Nothing is begun."""
    from guestwire.cli.output import View, write_one
    from guestwire.cli.rollout_views import preview_facts

    async def work(controller: "Controller") -> dict[str, Any]:
        said = await controller.http.ask(
            "POST", "/rollouts/preview", body=spec(name, controller.ref, given), reads=True
        )
        found: dict[str, Any] = said.document
        return found

    found = with_controller(settings, work)
    view: View[dict[str, Any]] = View((), name=lambda _: name, document=lambda said: said)
    write_one(settings, found, view, preview_facts(found))


@rollout.command("start")
@click.argument("name", required=False)
@rollout_options
@click.option("--draft", is_flag=True, help="Only keep it: `rollout go` begins it.")
@click.option("-w", "--watch", "--wait", is_flag=True, help="Follow it to its end, with a bar for each wave.")
@pass_settings
def start(settings: Settings, /, name: str | None, draft: bool, watch: bool, **given: Any) -> None:
    """Begin a rollout of that NAME. What it is to do stands in the options, or in a TOML file with --file.

    \b
    guestwire rollout start restart-web --operation guest-reset --body '{"guest": "web"}' \\
        --select 'label.line=3' --canary 1 --wave 10% --soak 60 --abort-at 5%
    """
    from guestwire.cli.confirm import ask
    from guestwire.protocol.operations import BY_NAME

    async def work(controller: "Controller") -> "Rollout":
        wanted = spec(name, controller.ref, given)
        row = BY_NAME.get(wanted.get("operation", ""))  # None: it is a project, whose risk only its plans tell
        if not draft and (row is None or row.risk >= 2):
            ask(settings, f"begin {wanted.get('operation') or 'a project'} on", 3, [_targets_text(wanted)])
        return await controller.rollouts.make(wanted, start=not draft)

    made = with_controller(settings, work)
    _shown(settings, made, watch=watch)


@rollout.command("status")
@_rollout
@click.option("--hosts", is_flag=True, help="Each host, and how it fares.")
@click.option("--state", "states", multiple=True, metavar="STATE", help="With --hosts: only those. Repeatable.")
@watch_option
@pass_settings
def status(settings: Settings, name: str, hosts: bool, states: tuple[str, ...], watch: bool) -> None:
    """How a rollout stands; with --watch a bar for each wave, until it stands still, or with --hosts too each host as it changes."""
    from functools import partial

    from guestwire.cli.output import write_all
    from guestwire.cli.rollout_views import target_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> "tuple[Rollout, list[RolloutTarget]]":
        found = await controller.rollouts.show(await _id(controller, name))
        return found, await controller.targets(found.id).list(state=states) if hosts else []

    async def watched(controller: "Controller") -> None:
        name_id = await _id(controller, name)
        fetch = partial(controller.targets(name_id).list, state=states)
        await show(settings, controller, target_view, fetch, "rollout", watch=True)

    if hosts and watch:
        with_controller(settings, watched)
        return
    found, targets = with_controller(settings, work)
    if hosts:
        write_all(settings, target_view(), targets)
        return
    _shown(settings, found, watch=watch)


def _verb(verb: str, summary: str, *, reason: bool) -> None:
    @rollout.command("go" if verb == "start" else verb, help=summary)
    @_rollout
    @pass_settings
    def command(settings: Settings, name: str, reason: str = "") -> None:
        from guestwire.cli.confirm import ask

        if verb == "abort":
            ask(settings, "abort", 3, [name])

        async def work(controller: "Controller") -> "Rollout":
            body = {"reason": reason} if reason else None
            return await controller.rollouts.do(await _id(controller, name), verb, body)

        _shown(settings, with_controller(settings, work), watch=False)

    if reason:
        command.params.insert(1, click.Option(["--reason"], default="", help="Why, for those who look at it later."))


for _name, _summary, _reason in (
    ("start", "Begin a rollout that was kept as a draft.", False),
    ("pause", "Begin no more hosts for now; what runs goes on.", True),
    ("resume", "Go on, in spite of what failed so far.", False),
    ("abort", "End a rollout; what runs is waited for.", True),
):
    _verb(_name, _summary, reason=_reason)


@rollout.command("retry")
@_rollout
@click.argument("hosts", metavar="[[SITE/]HOST]...", nargs=-1)
@pass_settings
def retry(settings: Settings, name: str, hosts: tuple[str, ...]) -> None:
    """Try hosts again that failed or took no part; without HOST all of them, but for those of which nobody knows how it ended."""

    async def work(controller: "Controller") -> "Rollout":
        body = {"hosts": [controller.ref(host) for host in hosts]} if hosts else None
        return await controller.rollouts.do(await _id(controller, name), "retry", body)

    _shown(settings, with_controller(settings, work), watch=False)


async def _id(controller: "Controller", name: str) -> str:
    """The id of the rollout of that id, or the newest one of that name. Raises NOT-FOUND."""
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol import ids

    if ids.from_text(name) is not None:
        return name
    async for one in controller.rollouts.every():
        if one.name == name:
            return one.id
    raise GuestwireError("NOT-FOUND", f"There is no rollout {name!r}: `guestwire rollout list` shows them.")


def _shown(settings: Settings, found: "Rollout", *, watch: bool) -> None:
    """Write it; with `watch` as it goes on. A rollout that did not succeed everywhere ends the command with 1."""
    from guestwire.cli.output import write_one
    from guestwire.cli.rollout_views import ENDED, follow, rollout_facts, rollout_view

    if watch and settings.for_programs:
        _documents(settings, found.id)
        return
    if watch:
        found = with_controller(settings, lambda controller: follow(controller, settings, found.id))
    unsigned = []
    if found.state == "running" and not settings.for_programs:
        unsigned = with_controller(settings, lambda controller: controller.unsigned(found.id))
    write_one(settings, found, rollout_view(), rollout_facts(found, unsigned))
    if found.state == "draft":
        failures.remark(settings, f"it is a draft: guestwire rollout go {found.id}")
    if found.state == "paused" and watch:
        failures.remark(settings, f"it is paused: guestwire rollout resume {found.id}")
    if watch and (found.state not in ENDED or found.outcome != "succeeded"):
        raise click.exceptions.Exit(1)


def _documents(settings: Settings, rollout_id: str) -> None:
    """A document each time that it is another."""
    from guestwire.cli.rollout_views import ENDED, rollout_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        async def fetch() -> "list[Rollout]":
            return [await controller.rollouts.show(rollout_id)]

        await show(
            settings, controller, rollout_view, fetch, "rollout", watch=True,
            until=lambda all_: all_[0].state in (*ENDED, "paused"),
        )  # fmt: skip

    with_controller(settings, work)


def _targets_text(wanted: dict[str, Any]) -> str:
    targets = wanted.get("targets", {})
    return str(targets.get("selection") or targets.get("group") or ", ".join(targets.get("hosts", ())) or "no hosts")
