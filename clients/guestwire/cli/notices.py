"""`guestwire notices`: what happens on the hosts, as it happens."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.client import Client
    from guestwire.sdk.controller import Controller

CLASSES = ("presence", "guest", "comm", "config", "audit", "alarm")


@click.command("notices", cls=Verb)
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C; without it: how the hosts stand now.")
@click.option("--class", "classes", type=click.Choice(CLASSES), multiple=True, help="Only these. Repeatable.")
@click.option(
    "--since", metavar="TIME", help="With a controller: those that it keeps, from then on: 2h, 7d, or a date and time."
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="With --since: how many at most.",
)
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With a controller: all that it keeps into this file.",
)
@click.option("--clear", is_flag=True, help="With a controller: have it forget what HOST has said until now.")
@pass_settings
def notices(
    settings: Settings, hosts: tuple[str, ...], follow: bool, classes: tuple[str, ...], since: str | None, limit: int,
    file: Path | None, clear: bool,
) -> None:  # fmt: skip
    """Show hosts coming and going, guests changing state, alarms and refused messages.

    With -o json one document on each line.
    """
    from guestwire.cli.controlled import is_controlled, with_controller

    if sum((follow, since is not None and file is None, file is not None, clear)) > 1:
        raise click.UsageError("Give one of --follow, --since, --export and --clear.")
    if since is not None or file is not None or clear:
        _kept(settings, frozenset(hosts), classes, since, limit, file, clear=clear)
        return
    from guestwire.cli.notice_lines import follow_notices
    from guestwire.cli.run import with_client

    wanted = frozenset(hosts), frozenset(classes or CLASSES)

    async def told(controller: "Controller") -> None:
        from guestwire.cli import controller_notices

        await controller_notices.follow_notices(controller, settings, *wanted, follow=follow)

    async def work(client: "Client") -> None:
        await follow_notices(client, settings, *wanted, follow=follow)

    if is_controlled(settings):
        with_controller(settings, told)
    else:
        with_client(settings, work)
    if not follow and not settings.for_programs:
        failures.remark(settings, "that is how they stand; -f goes on with what happens")


def _kept(
    settings: Settings, hosts: frozenset[str], classes: tuple[str, ...], since: str | None, limit: int, file: Path | None,
    *, clear: bool,
) -> None:  # fmt: skip
    """What a controller keeps of them: shown, into a file, or forgotten."""
    from guestwire.cli import notice_keeping
    from guestwire.cli.confirm import ask
    from guestwire.cli.controlled import with_controller
    from guestwire.cli.moments import moment_ms
    from guestwire.cli.output import write_all
    from guestwire.link.clock import now

    if "presence" in classes:
        raise click.UsageError(
            "How hosts come and go is not kept as notices: `guestwire alarm history` has what was wrong."
        )
    wanted = {"class": classes, "since": None if since is None else moment_ms(since, now().wall_ms)}
    if clear:
        if not hosts:
            raise click.UsageError("Of which host? Name it.")
        ask(settings, "forget the notices of", 3, sorted(hosts))
        with_controller(settings, lambda controller: notice_keeping.clear(controller, settings, hosts))
    elif file is not None:
        with_controller(settings, lambda controller: notice_keeping.export(controller, settings, hosts, wanted, file))
    else:
        found = with_controller(settings, lambda controller: notice_keeping.kept(controller, hosts, wanted, limit))
        write_all(settings, notice_keeping.view(), found)
