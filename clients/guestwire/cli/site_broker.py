"""`guestwire site broker-config`: the configuration of the site's broker, from its trust document. Needs no root key."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.site.broker_config import Written
    from guestwire.site.mosquitto_files import MosquittoOptions

_THEN = {
    "nothing": "Nothing changed.",
    "reload": "Let the broker read it again: systemctl reload mosquitto",
    "restart": "Start the broker anew: systemctl daemon-reload; systemctl restart mosquitto",
}


def broker_options(prefix: str = "--") -> "Sequence[Callable[[Any], Any]]":
    """Where the broker listens and runs: options for `options_of`, the last one first."""
    path = click.Path(path_type=Path, file_okay=False)
    return (
        click.option(
            f"{prefix}data",
            type=path,
            default="/var/lib/mosquitto",
            show_default=True,
            help="The folder it keeps sessions and retained messages in.",
        ),
        click.option(
            f"{prefix}user",
            default="mosquitto",
            show_default=True,
            help="The user the broker runs as, with a group of that name.",
        ),
        click.option(
            f"{prefix}at", type=path, help="The folder the files will be in, when they are carried to another machine."
        ),
        click.option(
            f"{prefix}listen",
            metavar="ADDRESS:PORT",
            default=":8883",
            show_default=True,
            help="Where the broker listens; no address: all.",
        ),
    )


def options_of(values: dict[str, Any], prefix: str = "") -> "MosquittoOptions":
    """What these options say. Raises CONFIG-INVALID."""
    from guestwire.site.mosquitto_files import MosquittoOptions, listen_at

    address, port = listen_at(values[f"{prefix}listen"])
    return MosquittoOptions(
        address=address, port=port, at=values[f"{prefix}at"], user=values[f"{prefix}user"], data=values[f"{prefix}data"]
    )


def _with_broker_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    for option in broker_options():
        command = option(command)
    return command


@click.command("broker-config", cls=Verb)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--for", "broker", type=click.Choice(["mosquitto"]), required=True, help="Which broker it is for.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write into. Run it again after every change of the site: it writes what changed.",
)
@_with_broker_options
@pass_settings
def broker_config(settings: Settings, /, directory: Path, broker: str, out: Path, **where: Any) -> None:
    """Write the whole configuration of the site's broker: TLS with client certificates only, and to everybody in the trust
    document exactly what his role may do."""
    from guestwire.sdk.credentials import read_trust
    from guestwire.site.broker_config import write_broker_config
    from guestwire.site.layout import Layout

    layout = Layout(directory)
    trust = read_trust(layout.trust, layout.root_public)
    options = options_of(where)
    _tell(settings, out, write_broker_config(layout, trust, out, options, time.time_ns() // 1_000_000))


def _tell(settings: Settings, out: Path, written: "Written") -> None:
    from guestwire.cli.output import write_document

    if settings.for_programs:
        document = {"directory": str(out), "changed": list(written.changed), "action": written.action}
        write_document(settings, {**document, "readable_by_group": written.group})
        return
    for name in written.changed:
        click.echo(str(out / name))
    if not written.group:
        failures.remark(
            settings, "Only you can read the key and the access list: the broker's group is not on this machine."
        )
    failures.remark(settings, _THEN[written.action])
