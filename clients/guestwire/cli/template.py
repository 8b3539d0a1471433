"""`guestwire template`: the images and templates that guests are made from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.project_options import FILE, MAYBE_HOST
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestwire.cli.output import View
    from guestwire.model.images import Image, Template

    Row = tuple[str, Image | Template]
    """Whose it is, and what."""


@click.group("template", cls=Noun)
def template() -> None:
    """Images and templates that guests are made from."""


@template.command("list")
@MAYBE_HOST
@FILE
@click.option("--active", is_flag=True, help="Those that the host has, not those of the draft.")
@pass_settings
def list_templates(settings: Settings, host: str | None, file: Path | None, active: bool) -> None:
    """Templates, and the images that fit them: those of a draft; without HOST also those that come with Guestwire, which
    `template import` takes by their ID."""
    from guestwire.cli import applying, drafts
    from guestwire.cli.output import write_all
    from guestwire.formats.shipped_templates import shipped

    everything = host is None and file is None and not active
    rows: list[Row] = []
    if not everything or len(drafts.store(settings).drafts()) == 1:
        draft = drafts.chosen(settings, host, file)
        desired = applying.shown(settings, draft.host).desired if active else draft.desired()
        rows = _rows(draft.host, desired.templates, desired.images)
    if everything:
        there = {(type(one), one.id) for _, one in rows}
        rows += [row for row in _rows("guestwire", *shipped()) if (type(row[1]), row[1].id) not in there]
    write_all(settings, _view(), rows)


@template.command("import")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path, dir_okay=False))
@MAYBE_HOST
@FILE
@pass_settings
def import_templates(settings: Settings, source: Path, host: str | None, file: Path | None) -> None:
    """Take images and templates into a draft: from the System Manager's os.xml or images.xml, from a TOML file, or one that
    comes with Guestwire, by its ID."""
    from guestwire.cli import drafts
    from guestwire.sdk import registries

    draft = drafts.chosen(settings, host, file)
    text = _text(source)
    now = draft.amend(lambda desired: registries.taken(text, desired))
    failures.remark(settings, f"{draft.where}: {len(now.templates)} templates, {len(now.images)} images")


def _text(source: Path) -> str:
    """The file's; that of a shipped template where there is no such file."""
    from guestwire.formats.shipped_templates import shipped_text
    from guestwire.sdk.project_store import read

    if source.exists() or source.suffix or len(source.parts) != 1:
        return read(source)
    return shipped_text(str(source))


def _rows(whose: str, templates: "Sequence[Template]", images: "Sequence[Image]") -> "list[Row]":
    return [*((whose, one) for one in templates), *((whose, one) for one in images)]


def _view() -> "View[Row]":
    from guestwire.cli.output import Column, View, plain
    from guestwire.model.images import Image

    def is_image(row: "Row") -> bool:
        return isinstance(row[1], Image)

    def path(row: "Row") -> str:
        return row[1].path if isinstance(row[1], Image) else "-"

    def kind(row: "Row") -> str:
        return "-" if isinstance(row[1], Image) else row[1].kind

    def memory(row: "Row") -> str:
        return f"{row[1].min_memory_mib} MiB" if isinstance(row[1], Image) else "-"

    return View(
        columns=(
            Column("WHAT", lambda row: "image" if is_image(row) else "template"),
            Column("ID", lambda row: row[1].id),
            Column("NAME", lambda row: row[1].name or "-"),
            Column("TYPE", lambda row: row[1].os_type),
            Column("KIND", kind),
            Column("MEMORY", memory, right=True),
            Column("FROM", lambda row: row[0]),
            Column("PATH", path),
        ),
        name=lambda row: row[1].id,
        document=lambda row: {"what": "image" if is_image(row) else "template", "from": row[0], **plain(row[1])},
        none="no templates and no images",
    )
