"""`guestwire template`: the images and templates that guests are made from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.project_options import FILE, MAYBE_HOST
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.model.images import Image, Template


@click.group("template", cls=Noun)
def template() -> None:
    """Images and templates that guests are made from."""


@template.command("list")
@MAYBE_HOST
@FILE
@click.option("--active", is_flag=True, help="Those that the host has, not those of the draft.")
@pass_settings
def list_templates(settings: Settings, host: str | None, file: Path | None, active: bool) -> None:
    """The registries of a draft: templates, and the images that fit them."""
    from guestwire.cli import applying, drafts
    from guestwire.cli.output import write_all

    draft = drafts.chosen(settings, host, file)
    desired = applying.shown(settings, draft.host).desired if active else draft.desired()
    rows: list[Template | Image] = [*desired.templates, *desired.images]
    write_all(settings, _view(), rows)


@template.command("import")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path, dir_okay=False))
@MAYBE_HOST
@FILE
@pass_settings
def import_templates(settings: Settings, source: Path, host: str | None, file: Path | None) -> None:
    """Take images and templates into a draft: from the System Manager's os.xml or images.xml, or from a TOML file."""
    from guestwire.cli import drafts
    from guestwire.sdk import registries
    from guestwire.sdk.project_store import read

    draft = drafts.chosen(settings, host, file)
    text = read(source)
    now = draft.amend(lambda desired: registries.taken(text, desired))
    failures.remark(settings, f"{draft.path}: {len(now.templates)} templates, {len(now.images)} images")


def _view() -> "View[Template | Image]":
    from guestwire.cli.output import Column, View, plain
    from guestwire.model.images import Image

    def is_image(row: "Template | Image") -> bool:
        return isinstance(row, Image)

    return View(
        columns=(
            Column("WHAT", lambda row: "image" if is_image(row) else "template"),
            Column("ID", lambda row: row.id),
            Column("NAME", lambda row: row.name or "-"),
            Column("TYPE", lambda row: row.os_type),
            Column("KIND", lambda row: "-" if isinstance(row, Image) else row.kind),
            Column("MEMORY", lambda row: f"{row.min_memory_mib} MiB" if isinstance(row, Image) else "-", right=True),
            Column("PATH", lambda row: row.path if isinstance(row, Image) else "-"),
        ),
        name=lambda row: row.id,
        document=lambda row: {"what": "image" if is_image(row) else "template", **plain(row)},
        none="no templates and no images",
    )
