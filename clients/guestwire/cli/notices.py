"""`guestwire notices`: what happens on the hosts, as it happens."""

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
@pass_settings
def notices(settings: Settings, hosts: tuple[str, ...], follow: bool, classes: tuple[str, ...]) -> None:
    """Show hosts coming and going, guests changing state, alarms and refused messages.

    With -o json one document on each line.
    """
    from guestwire.cli.controlled import is_controlled, with_controller
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
    if not follow:
        failures.remark(settings, "that is how they stand; -f goes on with what happens")
