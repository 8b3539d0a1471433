"""`guestwire project pull|apply|confirm|rollback|adopt`: a draft from a host, and a host from a draft."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.project_options import (
    COMMENT,
    CONFIRM_WITHIN,
    DESTROY,
    DISCARD,
    FILE,
    GUESTS,
    HOST,
    MAYBE_HOST,
    NO_CONFIRM,
    RESTART,
    WAIT,
)
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.applying import Change
    from guestwire.model.plan import Plan
    from guestwire.protocol.config_models import ConfigAdopted, ConfigApplied, ConfigHistory, ConfigShown
    from guestwire.sdk.client import Client

PLAN = click.option("--plan", "plan_id", metavar="ID", help="The plan that was applied; else the last one from here.")


@click.command("pull", cls=Verb)
@HOST
@FILE
@DISCARD
@click.option("--merge", is_flag=True, help="With a controller: what HOST has now, with the draft's edits on top.")
@pass_settings
def pull(settings: Settings, host: str, file: Path | None, discard: bool, merge: bool) -> None:
    """Make the draft what HOST has now. A draft with edits that were not applied is only replaced with --discard."""
    if merge:
        _merged(settings, host, file, discard=discard)
        return
    from guestwire.cli import drafts, pulling
    from guestwire.model.errors import GuestwireError

    draft = drafts.chosen(settings, host, file)
    store = drafts.store(settings)
    shown, machine = pulling.fetch(settings, host)
    if not discard and pulling.unapplied(draft, store, shown.desired):
        raise GuestwireError(
            "EXISTS",
            f"{draft.where} has edits that were not applied: `project diff {host}` shows them, --discard drops them.",
        )
    pulling.take(draft, store, shown, machine)
    count = len(shown.desired.guests)
    failures.remark(
        settings, f"revision {shown.revision.number}, {count} guest{'' if count == 1 else 's'}: {draft.where}"
    )
    if shown.drift:
        failures.remark(
            settings, f"{host} was changed behind our back, which the draft does not have: `project status {host}`"
        )


def _merged(settings: Settings, host: str, file: Path | None, *, discard: bool) -> None:
    from guestwire.cli import drafts, pulling
    from guestwire.cli.controlled import controller_context
    from guestwire.sdk.controller_drafts import ControllerDraft

    if file is not None or discard:
        raise click.UsageError("--merge goes with neither --file nor --discard.")
    controller_context(settings)
    draft = drafts.chosen(settings, host, None)
    assert isinstance(draft, ControllerDraft)
    draft.pull("merge")
    pulling.keep(draft, drafts.store(settings), *pulling.fetch(settings, host))
    failures.remark(settings, f"the edits of {draft.where} are on top of what {host} has: `project diff {host}`")


@click.command("apply", cls=Verb)
@MAYBE_HOST
@FILE
@RESTART
@CONFIRM_WITHIN
@NO_CONFIRM
@DESTROY
@COMMENT
@WAIT
@click.option("--plan", "plan_id", metavar="ID", help="With a controller: this plan, as it was reviewed.")
@pass_settings
def apply(settings: Settings, /, host: str | None, file: Path | None, plan_id: str | None, **flags: Any) -> None:
    """Make a draft true: plan it, show the plan, ask, and do exactly that or nothing.

    A failure on the way undoes what was done. Disks are never deleted unless --destroy names them.

    With a context of a controller it is the draft there, and a plan that somebody has approved is carried out as it was read.
    """
    from guestwire.cli.controlled import is_controlled

    if is_controlled(settings):
        from guestwire.cli import controller_changes, drafts

        if file is not None:
            raise controller_changes.file_refused(host, file)
        named = drafts.chosen(settings, host, None).host
        _said(settings, named, controller_changes.apply(settings, named, flags, plan_id))
        return
    if plan_id is not None:
        raise click.UsageError("--plan is for a controller, which keeps plans.")
    from guestwire.cli import drafts, pulling
    from guestwire.cli.applying import planned
    from guestwire.cli.run import with_client

    draft = drafts.chosen(settings, host, file)
    desired = draft.desired()
    change = change_of(draft.host, desired, desired.base_revision, flags, draft=draft.path.absolute())
    plan = with_client(settings, lambda client: planned(client, settings, change))
    applied = carried_out(settings, change, plan)
    shown, machine = pulling.fetch(settings, draft.host)
    if applied is None or shown.revision.number == applied.revision.number:
        pulling.rebase(draft, drafts.store(settings), shown, machine)


@click.command("confirm", cls=Verb)
@HOST
@PLAN
@pass_settings
def confirm(settings: Settings, host: str, plan_id: str | None) -> None:
    """Keep what an apply did that waits for a confirmation; without one it is undone.

    The draft that was applied from here is then one of the new revision.
    """
    from guestwire.cli import applying, drafts, pulling
    from guestwire.cli.controlled import is_controlled
    from guestwire.sdk.project_store import Draft

    if is_controlled(settings):
        from guestwire.cli import controller_changes

        _write_applied(settings, host, controller_changes.ended(settings, host, plan_id, keep=True))
        return
    plan_id = _plan_of(settings, host, plan_id)
    applied = applying.confirm(settings, host, plan_id, time.monotonic())
    _write_applied(settings, host, applied)
    store = drafts.store(settings)
    ours = store.last_plan(host)
    if ours is None or ours.plan_id != plan_id or ours.draft is None:
        return
    own = store.draft(host)
    draft = own if own.path.absolute() == ours.draft else Draft(ours.draft, host)
    if not draft.exists:
        return
    shown, machine = pulling.fetch(settings, host)
    if shown.revision.number == applied.revision.number:
        pulling.rebase(draft, store, shown, machine)


@click.command("cancel", cls=Verb)
@HOST
@PLAN
@pass_settings
def cancel(settings: Settings, host: str, plan_id: str | None) -> None:
    """Undo an apply that waits for a confirmation or for a reboot."""
    from guestwire.cli.controlled import is_controlled

    if is_controlled(settings):
        from guestwire.cli import controller_changes

        _write_applied(settings, host, controller_changes.ended(settings, host, plan_id, keep=False))
        return
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.config_models import ConfigCancel

    request = ConfigCancel(plan_id=_plan_of(settings, host, plan_id))

    async def work(client: "Client") -> "ConfigApplied":
        return (await client.host(one_host(client, host)).config_cancel(request, options(settings))).reply

    _write_applied(settings, host, with_client(settings, work))


@click.command("rollback", cls=Verb)
@HOST
@click.option("--to", "number", type=click.IntRange(0), metavar="REVISION", help="To this one; else the one before.")
@RESTART
@CONFIRM_WITHIN
@NO_CONFIRM
@DESTROY
@COMMENT
@WAIT
@pass_settings
def rollback(settings: Settings, /, host: str, number: int | None, **flags: Any) -> None:
    """Make an earlier revision of HOST true again, as a new revision: planned, shown and asked like any change.

    Disks that are gone do not come back, and a host setting that the earlier revision did not have is left as it is.
    """
    from guestwire.cli.controlled import is_controlled

    if is_controlled(settings):
        from guestwire.cli import controller_changes

        _said(settings, host, controller_changes.rollback(settings, host, number, flags))
        return
    from guestwire.cli.applying import planned
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.config_models import ConfigQuery, ConfigRef

    async def work(client: "Client") -> "tuple[Change, Plan]":
        api = client.host(one_host(client, host))
        active = (await api.config_show(ConfigRef(), options(settings))).reply
        history = (await api.config_history(ConfigQuery(limit=200), options(settings))).reply
        wanted = number if number is not None else _before(active, history)
        old = (await api.config_show(ConfigRef(revision=wanted), options(settings))).reply
        comment = flags.pop("comment") or f"rollback to revision {wanted}"
        change = change_of(
            host, old.desired, active.revision.number, {**flags, "comment": comment}, origin="rollback"
        )  # fmt: skip
        return change, await planned(client, settings, change)

    carried_out(settings, *with_client(settings, work))


@click.command("adopt", cls=Verb)
@HOST
@GUESTS
@click.option("--update", is_flag=True, help="Also take edits that were made by hand on guests that are ours already.")
@pass_settings
def adopt(settings: Settings, host: str, guests: tuple[str, ...], update: bool) -> None:
    """Take domains of other tools into HOST's configuration, and with --update edits made behind our back."""
    adopting(settings, host, guests, update=update)


def adopting(settings: Settings, host: str, guests: tuple[str, ...], *, update: bool) -> None:
    """What `project adopt` and `guest import` do."""
    from guestwire.cli.output import View, plain, write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.config_models import ConfigAdopt

    request = ConfigAdopt(guests=guests, update=update)

    async def work(client: "Client") -> "ConfigAdopted":
        return (await client.host(one_host(client, host)).config_adopt(request, options(settings))).reply

    adopted = with_client(settings, work)
    view: View[ConfigAdopted] = View(
        (), name=lambda a: "\n".join(f"{host}/{name}" for name in (*a.adopted, *a.updated)), document=plain
    )
    facts = [
        ("revision", str(adopted.revision.number)),
        ("adopted", ", ".join(adopted.adopted) or "none"),
        ("updated", ", ".join(adopted.updated) or "none"),
        ("removed, folders set aside", ", ".join(adopted.removed) or "none"),
        ("left as they are", ", ".join(adopted.skipped) or "none"),
    ]
    write_one(settings, adopted, view, facts)


def carried_out(settings: Settings, change: "Change", plan: "Plan") -> "ConfigApplied | None":
    """Carry a planned change out and say how it ended; None: there was nothing to change."""
    from guestwire.cli.applying import carry_out

    applied = carry_out(settings, change, plan)
    if applied is None:
        failures.remark(settings, f"{change.host} is like that already: nothing to change")
    else:
        _write_applied(settings, change.host, applied)
    return applied


def _said(settings: Settings, host: str, applied: "ConfigApplied | None") -> None:
    if applied is not None:
        _write_applied(settings, host, applied)


def change_of(host: str, desired: Any, base_revision: int | None, flags: dict[str, Any], **more: Any) -> "Change":
    """The change that the options of an apply ask for."""
    from guestwire.cli.applying import Change

    return Change(
        host, desired, base_revision=base_revision, restart=flags["restart"], confirm_s=flags["confirm_s"],
        confirms=not flags["no_confirm"], destroy=flags["destroy"], comment=flags["comment"], wait=flags["wait"], **more,
    )  # fmt: skip


def _plan_of(settings: Settings, host: str, plan_id: str | None) -> str:
    """The plan named, or the one that the host has under way, or the one that was applied last from here. Raises NOT-FOUND,
    and what reaching the host does; click.UsageError for what is none."""
    from guestwire.cli import applying, drafts
    from guestwire.model.errors import GuestwireError

    if plan_id is not None and not 16 <= len(plan_id) <= 64:
        raise click.UsageError(f"{plan_id!r} is no plan id.")
    if plan_id is not None:
        return plan_id
    last = drafts.store(settings).last_plan(host)
    under_way = applying.shown(settings, host).plan_id
    if under_way is not None:
        if last is None or last.plan_id != under_way:
            failures.remark(settings, f"the change that waits on {host} was not applied from here: plan {under_way}")
        return under_way
    if last is None:
        raise GuestwireError("NOT-FOUND", f"Nothing waits on {host}, and nothing was applied to it from here.")
    return last.plan_id


def _before(active: "ConfigShown", history: "ConfigHistory") -> int:
    """The newest revision that is kept and older than the active one. Raises NOT-FOUND."""
    from guestwire.model.errors import GuestwireError

    older = [revision.number for revision in history.revisions if revision.number < active.revision.number]
    if not older:
        raise GuestwireError("NOT-FOUND", "The host keeps no earlier revision: there is nothing to go back to.")
    return max(older)


def _write_applied(settings: Settings, host: str, applied: "ConfigApplied") -> None:
    from guestwire.cli.output import View, plain, write_one
    from guestwire.cli.times import clock_time

    view: View[ConfigApplied] = View(
        (), name=lambda a: str(a.revision.number), document=lambda a: {"host": host, **plain(a)}
    )
    facts = [
        ("host", host),
        ("revision", str(applied.revision.number)),
        ("state", applied.state.replace("_", " ")),
    ]
    if applied.items:
        facts.append(("changes", str(applied.items)))
    if applied.confirm_by is not None:
        facts.append(("confirm by", clock_time(applied.confirm_by)))
    write_one(settings, applied, view, facts)
