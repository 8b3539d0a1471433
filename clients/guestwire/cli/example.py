"""`guestwire example`: configurations to begin with, one for each guest system of the System Manager's."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.project_options import DISCARD, FILE
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.formats.examples import Example
    from guestwire.model.desired import Desired
    from guestwire.model.guest import Guest


@click.group("example", cls=Noun)
def example() -> None:
    """Example configurations to begin with."""


@example.command("list")
@pass_settings
def list_examples(settings: Settings) -> None:
    """The examples, and what guests they have."""
    from guestwire.cli.output import Column, View, plain, write_all
    from guestwire.formats import examples

    rows = [(one, _guests(one.name)) for one in examples.EXAMPLES]
    view: View[tuple[Example, tuple[Guest, ...]]] = View(
        columns=(
            Column("EXAMPLE", lambda row: row[0].name),
            Column("GUESTS", lambda row: ", ".join(f"{guest.name} ({guest.kind})" for guest in row[1])),
            Column("WHAT", lambda row: row[0].summary),
        ),
        name=lambda row: row[0].name,
        document=lambda row: {**row[0]._asdict(), "guests": [plain(guest) for guest in row[1]]},
        none="no examples",
    )
    write_all(settings, view, rows)


@example.command("open")
@click.argument("name")
@click.argument("host", metavar="HOST")
@FILE
@DISCARD
@pass_settings
def open_example(settings: Settings, name: str, host: str, file: Path | None, discard: bool) -> None:
    """Make the draft of HOST an example, and say what an apply of it would take away there."""
    from guestwire.cli import drafts, pulling
    from guestwire.cli.applying import UNREACHED
    from guestwire.formats import examples
    from guestwire.model.desired import Desired
    from guestwire.model.errors import GuestwireError

    desired = examples.open_example(name, host).hosts[host]
    draft = drafts.chosen(settings, host, file)
    store = drafts.store(settings)
    base = store.base(host)
    try:
        shown, machine = pulling.fetch(settings, host)
    except GuestwireError as err:
        if err.code not in UNREACHED | {"CONTEXT-UNKNOWN"}:
            raise
        failures.remark(settings, f"{host} was not asked what it has ({err.code})")
        active, revision = (base.desired, base.revision) if base is not None else (Desired(), None)
    else:
        active, revision = shown.desired, shown.revision.number
    if not discard and pulling.unapplied(draft, store, active):
        raise GuestwireError("EXISTS", f"{draft.where} has edits that were not applied: --discard drops them.")
    pulling.replace(draft, desired, text=examples.example_text(name, host))
    draft.amend(lambda now: now.model_copy(update={"base_revision": revision}))
    if revision is not None and (base is None or base.revision != revision):
        pulling.keep(draft, store, shown, machine)
    failures.remark(settings, f"{name} is the draft now: {draft.where}")
    for line in _lost(active, desired, host):
        failures.remark(settings, line)


def _guests(name: str) -> "tuple[Guest, ...]":
    from guestwire.formats import examples

    return examples.open_example(name, "h1").hosts["h1"].guests


def _lost(active: "Desired", wanted: "Desired", host: str) -> list[str]:
    """What an apply would take away: guests; and their disks, which it leaves but nobody uses then."""
    from guestwire.sdk.draft_state import changes

    gone = {item.object.partition(".")[2] for item in changes(active, wanted, host) if item.op == "delete"}
    used = {disk.path for guest in wanted.guests for disk in guest.disks}
    lines = []
    for guest in active.guests:
        if guest.name not in gone:
            continue
        lines.append(f"an apply removes the guest {guest.name}")
        lines += [
            f"  its disk {disk.path} stays, unused"
            for disk in guest.disks
            if disk.device == "disk" and disk.path is not None and disk.path not in used
        ]
    return lines
