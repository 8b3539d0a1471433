"""`guestwire desktop`: the screens of guests on the host's own screen."""

import shlex

import click

from guestwire.cli.project_options import MAYBE_HOST
from guestwire.cli.settings import Settings, Verb, pass_settings


def _words(_ctx: click.Context, _param: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    try:
        words = tuple(shlex.split(text))
    except ValueError as err:
        raise click.BadParameter(f"{text!r} is no command: {err}.") from err
    if not words:
        raise click.BadParameter("the command is empty.")
    return words


@click.command("desktop", cls=Verb)
@MAYBE_HOST
@click.option(
    "--viewer",
    "command",
    metavar="COMMAND",
    callback=_words,
    help="Another program than virt-viewer, that stays in the foreground; {uuid} and {name} are the guest's.",
)
@click.option(
    "--once", is_flag=True, help="Open what is to be seen now, follow no changes, and end when it was closed."
)
@pass_settings
def desktop(settings: Settings, host: str | None, command: tuple[str, ...] | None, once: bool) -> None:
    """Show the guests of HOST whose autostart is console, each in a viewer on this screen, and keep the viewers open.

    Started by the desktop of the user who is logged in on the host, or instead of one (autostart.standalone). It follows the
    configuration: viewers are opened and closed as it changes, and again when they end by themselves. Ctrl-C or
    SIGTERM closes them all; the guests go on.
    """
    import asyncio

    from guestwire.cli.desktop_follow import Wish, run_desktop

    asyncio.run(run_desktop(settings, Wish(host, command, once)))
