"""The options and arguments that several commands about configurations share. Light: read by every `--help`."""

from pathlib import Path

import click

LONGEST_NAME = 63
LONGEST_COMMENT = 512
LONGEST_PATH = 4096


def _absolute(_ctx: click.Context, _param: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/") or len(path) > LONGEST_PATH or not path.isprintable():
            raise click.BadParameter(f"{path!r} is no path of a file on the host: it begins with /.")
    return paths


def _short(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if len(text) > LONGEST_COMMENT:
        raise click.BadParameter(f"is longer than {LONGEST_COMMENT} characters.")
    return text


def _names(_ctx: click.Context, _param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not 1 <= len(name) <= LONGEST_NAME:
            raise click.BadParameter(f"{name!r} is no name of a guest.")
    return names


HOST = click.argument("host", metavar="HOST")
GUESTS = click.argument("guests", metavar="[GUEST]...", nargs=-1, callback=_names)
MAYBE_HOST = click.argument("host", metavar="[HOST]", required=False)
FILE = click.option(
    "-f", "--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="This project file, not HOST's own draft."
)  # fmt: skip
TOPOLOGY = click.option(
    "--topology",
    metavar="FILE|NAME",
    help="Ask no host: the machine is the one in this file (of `hardware show -o json`), or a known one such as 4-core.",
)
RESTART = click.option(
    "--restart",
    is_flag=True,
    help="Restart running guests where a change needs it; else it waits for their next start.",
)
CONFIRM_WITHIN = click.option(
    "--confirm-within",
    "confirm_s",
    type=click.IntRange(10, 3600),
    metavar="SECONDS",
    help="Undo everything unless it is confirmed in this time; this command confirms by itself over a new connection.",
)
NO_CONFIRM = click.option(
    "--no-confirm", is_flag=True, help="Leave the confirmation to somebody else (`project confirm`)."
)
DESTROY = click.option(
    "--destroy",
    metavar="PATH",
    multiple=True,
    callback=_absolute,
    help="Delete this disk image of a guest with the change; no other is deleted. Repeatable.",
)
COMMENT = click.option("--comment", default="", callback=_short, help="A word for the history.")
WAIT = click.option("--wait", is_flag=True, help="Where the host must be rebooted, wait until it was and all is done.")
DISCARD = click.option("--discard", is_flag=True, help="Drop the draft's edits that were not applied.")
