"""`guestwire key`: key pairs that are made where they are used, and that a controller is told of."""

from pathlib import Path

import click

from guestwire.cli import key_enrol
from guestwire.cli.settings import Noun, Settings, pass_settings


@click.group("key", cls=Noun)
def key() -> None:
    """Key pairs: make, show, enrol at a controller, ..."""


for _command in (key_enrol.enrol, key_enrol.list_keys, key_enrol.revoke):
    key.add_command(_command)


@key.command("make")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--remark", default="", help="Whose it is: a line in both files that decides nothing.")
@pass_settings
def make(settings: Settings, file: Path, remark: str) -> None:
    """Make an Ed25519 key pair: the private key in FILE, closed to other users, the public one in FILE.pub.

    Give FILE.pub to who keeps the site (`guestwire site signer add --key-file`). FILE never leaves this machine.
    """
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.key_files import format_private, format_public
    from guestwire.protocol.signing import SigningKey
    from guestwire.site.files import PRIVATE, PUBLIC, write_new

    made = SigningKey.generate()
    public = file.with_name(f"{file.name}.pub")
    if public.exists():
        raise GuestwireError("EXISTS", f"{public} exists already; nothing was overwritten.")
    write_new(file, format_private(made, remark).encode(), PRIVATE)
    write_new(public, format_public(made.public, remark).encode(), PUBLIC)
    _tell(settings, public, made.id.hex())


@key.command("show")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@pass_settings
def show(settings: Settings, file: Path) -> None:
    """The id of a public key: of a file of ours, or PEM."""
    from guestwire.site.public_keys import given_public_key

    _tell(settings, file, given_public_key(file).id.hex())


def _tell(settings: Settings, public: Path, identifier: str) -> None:
    from guestwire.cli.output import View, write_one

    values = {"key_id": identifier, "public": str(public)}
    view: View[str] = View((), name=lambda key: key, document=lambda _: values)
    write_one(settings, identifier, view, list(values.items()))
