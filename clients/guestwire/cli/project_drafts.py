"""`guestwire project new|list|show|set|add|remove|edit`: drafts on this machine. Nothing here changes a host."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.project_options import FILE, HOST, MAYBE_HOST
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.model.desired import Desired
    from guestwire.sdk.project_store import Draft

NOUNS = ("guest", "area", "event", "queue", "lock", "network", "image", "template")


@click.command("new", cls=Verb)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--host", help="The host it is for.")
@FILE
@pass_settings
def new(settings: Settings, name: str | None, host: str | None, file: Path | None) -> None:
    """An empty draft for a host. With -f a project file, or one host more in it.

    To begin with what a host has now, use `project pull`.
    """
    from guestwire.cli import drafts
    from guestwire.model.desired import Desired
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk.project_store import loaded

    if host is None:
        raise click.UsageError("Which host is it for? Give --host HOST.")
    draft = drafts.chosen(settings, host, file)
    if draft.exists and (text := draft.text()).strip() and host in loaded(text, draft.path).hosts:
        raise GuestwireError("EXISTS", f"{draft.where} has a draft for {host} already.")
    draft.amend(lambda _: Desired(), name=name or "")
    failures.remark(settings, f"an empty draft for {host}: {draft.where}")


@click.command("list", cls=Verb)
@pass_settings
def list_drafts(settings: Settings) -> None:
    """The drafts of the context, and when each was last touched."""
    from guestwire.cli import drafts
    from guestwire.cli.output import write_all

    write_all(settings, _drafts_view(), [_row(draft) for draft in drafts.store(settings).read().values()])


@click.command("delete", cls=Verb)
@HOST
@pass_settings
def delete(settings: Settings, host: str) -> None:
    """Throw the draft of a host away. The host itself is not touched."""
    from guestwire.cli import drafts
    from guestwire.cli.confirm import ask

    store = drafts.store(settings)
    if store.draft(host).exists:
        ask(settings, "delete the draft of", 3, [host])
    store.forget(host)
    failures.remark(settings, f"the draft of {host} is deleted")


@click.command("show", cls=Verb)
@MAYBE_HOST
@FILE
@click.option("--active", is_flag=True, help="What the host has, not the draft.")
@click.option("--revision", type=click.IntRange(0), metavar="NUMBER", help="An earlier revision that the host keeps.")
@pass_settings
def show(settings: Settings, host: str | None, file: Path | None, active: bool, revision: int | None) -> None:
    """A configuration, as TOML; -o json or yaml gives the host's part as values."""
    from guestwire.cli import applying, drafts
    from guestwire.cli.output import plain, write_document
    from guestwire.formats import project_toml
    from guestwire.model.desired import Project

    draft = drafts.chosen(settings, host, file)
    if active or revision is not None:
        desired = applying.shown(settings, draft.host, revision).desired
        text = project_toml.dump(Project(hosts={draft.host: desired}))
    else:
        text = draft.text()
        desired = draft.desired()
    if settings.output == "name":
        click.echo("".join(f"{draft.host}/{guest.name}\n" for guest in desired.guests), nl=False)
    elif settings.for_programs:
        write_document(settings, plain(desired))
    else:
        click.echo(text, nl=not text.endswith("\n"))


@click.command("set", cls=Verb)
@click.argument("words", metavar="HOST PATH=VALUE...", nargs=-1, required=True)
@FILE
@pass_settings
def set_values(settings: Settings, words: tuple[str, ...], file: Path | None) -> None:
    """Change values of a draft, many at once: all of them or, where one is wrong, none. Remarks in the file stay.

    \b
    guest.rtlinux.memory_mib=256            set; GUEST0001 finds a guest by its identifier
    guest.rtlinux.disks.0.size_mib=4096     an entry of a list, counted from 0
    guest.rtlinux.nics+={network="lan"}     append to a list; -= takes a value out of one
    guest.rtlinux.cpuset-                   back to the default
    settings.swap_mib=2048                  policy, autostart, host_cpuset: the host's own
    """
    from guestwire.cli import drafts
    from guestwire.formats import project_edits

    host, edits = drafts.split_host(words)
    if not edits:
        raise click.UsageError("What is to be set? Give PATH=VALUE, once or more.")
    draft = drafts.chosen(settings, host, file)
    draft.text()  # a draft that is not there is not made
    draft.change(lambda text: project_edits.edit(text, draft.host, edits))
    count = len(edits)
    failures.remark(settings, f"{count} value{'' if count == 1 else 's'} set in {draft.where}")


@click.command("add", cls=Verb)
@HOST
@click.argument("noun", type=click.Choice(NOUNS))
@click.argument("name")
@click.argument("values", metavar="[KEY=VALUE]...", nargs=-1)
@FILE
@pass_settings
def add(settings: Settings, host: str, noun: str, name: str, values: tuple[str, ...], file: Path | None) -> None:  # fmt: skip
    """Add a guest, an area, an event, ... to a draft."""
    from guestwire.cli import drafts
    from guestwire.formats import project_edits

    draft = drafts.chosen(settings, host, file)
    draft.text()
    table = pairs(values)
    draft.change(lambda text: project_edits.add(text, draft.host, noun, name, table))
    failures.remark(settings, f"{noun} {name} added in {draft.where}")


@click.command("remove", cls=Verb)
@HOST
@click.argument("noun", type=click.Choice(NOUNS))
@click.argument("name")
@FILE
@pass_settings
def remove(settings: Settings, host: str, noun: str, name: str, file: Path | None) -> None:  # fmt: skip
    """Take a guest, an area, an event, ... out of a draft. The host keeps it until an apply; disks stay even then."""
    from guestwire.cli import drafts
    from guestwire.formats import project_edits

    draft = drafts.chosen(settings, host, file)
    draft.text()
    draft.change(lambda text: project_edits.remove(text, draft.host, noun, name))
    failures.remark(settings, f"{noun} {name} removed in {draft.where}")


@click.command("rename", cls=Verb)
@HOST
@click.argument("noun", type=click.Choice(NOUNS))
@click.argument("old", metavar="NAME")
@click.argument("new", metavar="NEW")
@FILE
@pass_settings
def rename(settings: Settings, host: str, noun: str, old: str, new: str, file: Path | None) -> None:  # fmt: skip
    """Give a guest, an area, an event, ... of a draft another name, wherever it is named."""
    from guestwire.cli import drafts
    from guestwire.formats import project_edits

    draft = drafts.chosen(settings, host, file)
    draft.text()
    draft.change(lambda text: project_edits.rename(text, draft.host, noun, old, new))
    failures.remark(settings, f"{noun} {old} is {new} in {draft.where}")


@click.command("edit", cls=Verb)
@MAYBE_HOST
@FILE
@pass_settings
def edit(settings: Settings, host: str | None, file: Path | None) -> None:
    """Open a draft in $VISUAL or $EDITOR, and check it afterwards. A text with mistakes is kept aside, to go on with."""
    from guestwire.cli import drafts, editor
    from guestwire.cli.config_views import counted, write_issues
    from guestwire.cli.offline import facts_of
    from guestwire.sdk.draft_rules import verdict

    draft = drafts.chosen(settings, host, file)
    if not editor.edited(draft):
        failures.remark(settings, "nothing was changed")
        return
    found = verdict(draft.desired(), facts_of(None, drafts.store(settings).base(draft.host)), draft.host)
    if found.issues:
        write_issues(settings, found.issues, found.more)
    failures.remark(settings, f"{draft.where}: {counted(found.issues, found.more)}")


def pairs(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """KEY=VALUE words, in order; only KEY+=VALUE may come more than once. Raises click.UsageError."""
    table: list[tuple[str, str]] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{word!r} is not KEY=VALUE.")
        if not key.endswith("+") and any(key == given for given, _ in table):
            raise click.UsageError(f"{key} is given twice.")
        table.append((key, value))
    return table


def _row(draft: "Draft") -> "tuple[Draft, str, Desired | None]":
    """A draft, its project's name, and its configuration, None where the file has mistakes."""
    from guestwire.model.errors import GuestwireError

    try:
        project = draft.project()
        return draft, project.name, draft.of(project)
    except GuestwireError:
        return draft, "", None


def _drafts_view() -> "View[tuple[Draft, str, Desired | None]]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    def of(read: Any, none: str = "-") -> Any:
        return lambda row: none if row[2] is None else str(none if read(row[2]) is None else read(row[2]))

    return View(
        columns=(
            Column("HOST", lambda row: row[0].host),
            Column("NAME", lambda row: row[1] or "-"),
            Column("GUESTS", of(lambda desired: len(desired.guests), "mistakes"), right=True),
            Column("REVISION", of(lambda desired: desired.base_revision), right=True),
            Column("TOUCHED", lambda row: clock_time(row[0].touched_ms)),
            Column("FILE", lambda row: str(row[0].path), wide=True),
        ),
        name=lambda row: row[0].host,
        document=lambda row: {
            "host": row[0].host,
            "name": row[1],
            "valid": row[2] is not None,
            "guests": None if row[2] is None else len(row[2].guests),
            "base_revision": None if row[2] is None else row[2].base_revision,
            "touched_ms": row[0].touched_ms,
            "file": str(row[0].path),
        },
        none="no drafts: `guestwire project pull HOST` makes one",
    )
