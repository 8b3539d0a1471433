"""`guestwire project import|export`: configurations from and for other tools, as files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.project_options import DISCARD, FILE, HOST, MAYBE_HOST
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.model.desired import Desired
    from guestwire.sdk.interchange import Format
    from guestwire.sdk.project_store import Base, Draft

FORMATS = ("guestwire", "kvmrt", "libvirt", "templates")
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="guestwire",
    show_default=True,
    help="guestwire: a project; kvmrt: kvmrt.cfg; libvirt: domain XML; templates: images and OS templates.",
)


@click.command("import", cls=Verb)
@HOST
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False)
)
@FORMAT
@FILE
@DISCARD
@pass_settings
def import_file(
    settings: Settings, host: str, sources: tuple[Path, ...], form: "Format", file: Path | None, discard: bool
) -> None:
    """Take what files say into the draft of HOST.

    A project replaces the draft. kvmrt.cfg, domain XML and templates change what they name and leave the rest.
    """
    from guestwire.cli import drafts, pulling
    from guestwire.model.desired import Desired
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk import interchange
    from guestwire.sdk.project_store import read

    draft = drafts.chosen(settings, host, file)
    store = drafts.store(settings)
    base = store.base(host)
    active = base.desired if base is not None else Desired()
    texts = [read(source) for source in sources]
    if form in interchange.WHOLE:
        if not discard and pulling.unapplied(draft, store, active):
            raise GuestwireError("EXISTS", f"{draft.where} has edits that were not applied: --discard drops them.")
        begin = active.model_copy(update={"base_revision": base.revision if base is not None else None})
        pulling.replace(draft, interchange.taken(form, texts, begin, host))
    else:
        draft.amend(lambda now: interchange.taken(form, texts, now, host))
    count = len(draft.desired().guests)
    failures.remark(settings, f"{draft.where}: {count} guest{'' if count == 1 else 's'}")


@click.command("export", cls=Verb)
@MAYBE_HOST
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path, allow_dash=True))
@FORMAT
@FILE
@click.option("--active", is_flag=True, help="What the host has, not the draft.")
@pass_settings
def export_file(
    settings: Settings, host: str | None, target: Path, form: "Format", file: Path | None, active: bool
) -> None:
    """Write a configuration for other tools to TARGET, - being stdout; domain XML to a folder, a file for each guest.

    Files that are there are not overwritten without --yes. What the format cannot say is told.
    """
    from guestwire.cli import applying, drafts
    from guestwire.cli.text_files import write_text
    from guestwire.formats import kvmrt_cfg, project_toml
    from guestwire.model.desired import Project
    from guestwire.sdk import registries

    draft = drafts.chosen(settings, host, file)
    base = drafts.store(settings).base(draft.host)
    desired = applying.shown(settings, draft.host).desired if active else draft.desired()
    if form == "libvirt":
        _write_domains(settings, target, draft, desired, base)
        return
    if form == "guestwire":
        text = project_toml.dump(Project(hosts={draft.host: desired})) if active else draft.text()
    elif form == "kvmrt":
        text = kvmrt_cfg.dump(_settled(draft, desired, base))
        for place in kvmrt_cfg.not_carried(desired):
            failures.remark(settings, f"not in this format: {place}")
    else:
        text = registries.dump(desired)
    write_text(settings, text, target)


def _write_domains(settings: Settings, target: Path, draft: "Draft", desired: "Desired", base: "Base | None") -> None:
    """A file for each guest, all of them or none. Raises NAME-INVALID, NAME-DUP, EXISTS before anything is written."""
    from guestwire.cli.text_files import check_free, write_text
    from guestwire.sdk import interchange

    if str(target) == "-":
        raise click.UsageError("Domain XML goes to a folder, a file for each guest.")
    machine = base.topology if base is not None else None
    made = interchange.domains(_settled(draft, desired, base), machine)
    texts = {target / f"{name}.xml": xml for name, xml in made.items()}
    check_free(settings, texts)
    target.mkdir(parents=True, exist_ok=True)
    for file, xml in texts.items():
        write_text(settings, xml, file)


def _settled(draft: "Draft", desired: "Desired", base: "Base | None") -> "Desired":
    """With the identifiers that these formats cannot do without, as the host would give them."""
    from guestwire.model.desired import Desired
    from guestwire.model.settling import settle

    return settle(desired, base.desired if base is not None else Desired(), host=draft.host, disk_root=None)
