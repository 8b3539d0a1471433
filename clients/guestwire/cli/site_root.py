"""`guestwire site root` and `enroller`: new keys for those who sign the trust document itself."""

from pathlib import Path

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.site_options import directory, now_ms, read_signature, tell_draft

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("root", cls=Noun)
def root() -> None:
    """The root that signs the trust document: rotate."""


@root.command("rotate")
@directory
@click.option(
    "--new-public", type=_FILE, help="The public key of a new root that is elsewhere (PEM, or a file of ours)."
)
@click.option("--old-signature", type=_FILE, help="The old root's raw signature, made elsewhere.")
@click.option("--new-signature", type=_FILE, help="The new root's raw signature, made elsewhere.")
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what both roots sign to this file, where a signature is missing.",
)
@pass_settings
def rotate(
    settings: Settings, directory: Path, new_public: Path | None, old_signature: Path | None,
    new_signature: Path | None, export: Path | None,
) -> None:  # fmt: skip
    """Draft that another root follows: both roots sign that, and the new one signs the next trust document.

    Hosts and clients that pinned the old root follow by themselves, those that are away now whenever they are back. Each root
    signs by its key in DIRECTORY/root where that is there; else give its signature over what --export wrote.
    """
    from guestwire.site import drafts
    from guestwire.site.layout import Layout
    from guestwire.site.public_keys import given_public_key
    from guestwire.site.publishing import site_open
    from guestwire.site.succession import follow

    layout = Layout(directory)
    with site_open(layout):
        followed = follow(
            layout, now_ms(),
            new_public=given_public_key(new_public) if new_public else None,
            old_signature=read_signature(old_signature) if old_signature else None,
            new_signature=read_signature(new_signature) if new_signature else None,
        )  # fmt: skip
        draft = drafts.draft(layout) if not followed.missing else None
    failures.remark(settings, f"root {followed.new.id.hex()} follows root {followed.old.id.hex()}")
    if not followed.missing:
        tell_draft(settings, directory, draft)
        return
    if export is not None:
        export.write_bytes(followed.to_sign)
    where = str(export) if export is not None else "what --export FILE writes"
    options = " ".join(f"--{who}-signature FILE" for who in followed.missing)
    failures.remark(settings, f"Have the {' and the '.join(followed.missing)} root sign {where}, then:")
    failures.remark(settings, f"  guestwire site root rotate {directory} {options}")


@click.group("enroller", cls=Noun)
def enroller() -> None:
    """The key that signs the hosts that enrol online: rotate."""


@enroller.command("rotate")
@directory
@pass_settings
def rotate_enroller(settings: Settings, directory: Path) -> None:
    """Draft a new enroller's key in place of the old one. Published, it signs every enrolled host anew."""
    from guestwire.site import drafts
    from guestwire.site import enroller as keys
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        key = keys.make_next(layout)
        draft = drafts.change(layout, lambda document: keys.replaced(document, key), now_ms())
    tell_draft(settings, directory, draft)
