"""`guestwire site broker-config`: the configuration of the site's broker, from its trust document. Needs no root key."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.site.broker_config import Written

_THEN = {
    "nothing": "Nothing changed.",
    "reload": "Let the broker read it again: systemctl reload mosquitto",
    "restart": "Start the broker anew: systemctl daemon-reload; systemctl restart mosquitto",
}


@click.command("broker-config", cls=Verb)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--for", "broker", type=click.Choice(["mosquitto"]), required=True, help="Which broker it is for.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write into. Run it again after every change of the site: it writes what changed.",
)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    default=":8883",
    show_default=True,
    help="Where the broker listens; no address: all.",
)
@click.option(
    "--at",
    type=click.Path(path_type=Path),
    help="The folder the files will be in, when they are carried to another machine.",
)
@click.option(
    "--user", default="mosquitto", show_default=True, help="The user the broker runs as, with a group of that name."
)
@pass_settings
def broker_config(
    settings: Settings, directory: Path, broker: str, out: Path, listen: str, at: Path | None, user: str
) -> None:
    """Write the whole configuration of the site's broker: TLS with client certificates only, and to everybody in the trust
    document exactly what his role may do."""
    from guestwire.sdk.credentials import read_trust
    from guestwire.site.broker_config import write_broker_config
    from guestwire.site.layout import Layout
    from guestwire.site.mosquitto_files import MosquittoOptions, listen_at

    address, port = listen_at(listen)
    layout = Layout(directory)
    trust = read_trust(layout.trust, layout.root_public)
    options = MosquittoOptions(address=address, port=port, at=at, user=user)
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
