"""`guestwire project validate|diff|plan|status`: what is and what would be. Nothing here changes a host or a draft."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli.exit_codes import DIFF_FOUND, VALIDATION
from guestwire.cli.project_options import DESTROY, FILE, MAYBE_HOST, RESTART, TOPOLOGY
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.config_views import StatusRow
    from guestwire.model.issues import Verdict
    from guestwire.model.plan import Plan
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client
    from guestwire.sdk.project_store import Draft


@click.command("validate", cls=Verb)
@MAYBE_HOST
@FILE
@TOPOLOGY
@click.option("--all", "include_disabled", is_flag=True, help="Look at disabled guests as well.")
@pass_settings
def validate(
    settings: Settings, host: str | None, file: Path | None, topology: str | None, include_disabled: bool
) -> None:
    """Check a draft by every rule, and list everything that is wrong.

    With HOST the host is asked, which knows its memory, files and devices. With --topology, or -f alone, nobody is asked:
    what needs a fact that is not known is named as not checked.
    """
    from guestwire.cli import drafts, failures
    from guestwire.cli.config_views import counted, write_issues

    draft = drafts.chosen(settings, host, file)
    asks = topology is None and (host is not None or file is None)
    if asks:
        plan = _planned(settings, draft, include_disabled=include_disabled)
        issues, not_checked, more = plan.issues, plan.not_checked, plan.more_issues
    else:
        found = _offline(settings, draft, topology, include_disabled=include_disabled)
        issues, not_checked, more = found.issues, found.not_checked, found.more
    if issues or settings.for_programs:
        write_issues(settings, issues, more)
    if not_checked:
        failures.remark(settings, f"not checked, for want of facts: {', '.join(not_checked)}")
    failures.remark(settings, f"{draft.where}: {counted(issues, more)}")
    if any(issue.severity == "E" for issue in issues):
        raise click.exceptions.Exit(VALIDATION)


@click.command("diff", cls=Verb)
@MAYBE_HOST
@FILE
@click.option(
    "--revision", type=click.IntRange(1), metavar="NUMBER", help="Instead: what this revision of the host changed."
)
@click.option(
    "--draft-revision",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="With a controller: what this edit of the draft changed.",
)
@pass_settings
def diff(
    settings: Settings, host: str | None, file: Path | None, revision: int | None, draft_revision: int | None
) -> None:
    """The draft against what the host has: exit code 8 where they differ."""
    from guestwire.cli import applying, drafts, project_history
    from guestwire.cli.config_views import item_view
    from guestwire.cli.output import write_all
    from guestwire.sdk.draft_state import changes

    if revision is not None or draft_revision is not None:
        if host is None:
            raise click.UsageError("Of which host? Name it.")
        if draft_revision is not None:
            edits = project_history.changed_in_draft(settings, host, draft_revision)
            write_all(settings, project_history.value_view(), edits)
        elif revision is not None:
            write_all(settings, item_view(), project_history.changed_on_host(settings, host, revision))
        return
    draft = drafts.chosen(settings, host, file)
    desired = draft.desired()
    items = changes(applying.shown(settings, draft.host).desired, desired, draft.host)
    write_all(settings, item_view(), items)
    if items:
        raise click.exceptions.Exit(DIFF_FOUND)


@click.command("plan", cls=Verb)
@MAYBE_HOST
@FILE
@TOPOLOGY
@RESTART
@DESTROY
@pass_settings
def plan(
    settings: Settings,
    host: str | None,
    file: Path | None,
    topology: str | None,
    restart: bool,
    destroy: tuple[str, ...],
) -> None:
    """What an apply of the draft would change, with effects, outages and risks, and every issue. Changes nothing.

    With --topology no host is asked: the changes are those against the host as it was pulled last. With a context of a controller
    the plan is kept there, for others to look at: `project review`.
    """
    from guestwire.cli import drafts, offline
    from guestwire.cli.config_views import write_plan
    from guestwire.cli.controlled import is_controlled

    if topology is not None and destroy:
        raise click.UsageError(
            "--destroy is for the host to plan: which images there are is not known with --topology."
        )
    draft = drafts.chosen(settings, host, file)
    if topology is None and file is None and is_controlled(settings):
        from guestwire.cli import controller_changes

        kept = controller_changes.plan(settings, draft.host, restart=restart, destroy=destroy)
        made = kept.made
        write_plan(settings, made)
        controller_changes.talk_review(settings, kept)
        if not made.applicable:
            raise click.exceptions.Exit(VALIDATION)
        return
    if topology is None:
        made = _planned(settings, draft, restart=restart, destroy=destroy)
    else:
        base = drafts.store(settings).base(draft.host)
        facts = offline.facts_of(topology, base)
        made = offline.plan(draft.desired(), base, facts, draft.host, restart=restart)
    write_plan(settings, made)
    if not made.applicable:
        raise click.exceptions.Exit(VALIDATION)


@click.command("status", cls=Verb)
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@pass_settings
def status(settings: Settings, hosts: tuple[str, ...]) -> None:
    """How configurations stand: the host's own, what was changed behind our back, and the draft. Without HOST: every host.

    DRAFT is clean, dirty (it has edits), behind (the host has a newer configuration), diverged (both), or has mistakes, which
    `project validate` lists.
    """
    import asyncio

    from guestwire.cli import drafts
    from guestwire.cli.config_views import StatusRow, item_view, status_view
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import all_hosts
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.config_models import ConfigRef
    from guestwire.sdk.bulk import each
    from guestwire.sdk.draft_state import state

    store = drafts.store(settings)

    async def work(client: "Client") -> "tuple[Outcome[str, StatusRow], ...]":
        named = await all_hosts(client, hosts, settings)
        drafted = await asyncio.to_thread(store.read, named)

        async def one(host: str) -> "StatusRow":
            shown = (await client.host(host).config_show(ConfigRef(), options(settings))).reply
            try:
                desired = drafted[host].desired() if host in drafted else None
            except GuestwireError:  # what the host said is told all the same
                return StatusRow(host, shown, "mistakes")
            return StatusRow(host, shown, state(desired, store.base(host), shown, host))

        return await each(named, one)

    outcomes = with_client(settings, work)
    rows = [outcome.result for outcome in outcomes if outcome.result is not None]
    write_all(settings, status_view(), rows)
    if settings.output in ("table", "wide"):
        for row in rows:
            for title, items in (("changed on the host", row.shown.drift), ("waits for a start", row.shown.waits)):
                if items:
                    print(f"\n{row.host}: {title}")
                    write_all(settings, item_view(), items)
    end_with(settings, outcomes)


def _planned(
    settings: Settings,
    draft: "Draft",
    *,
    restart: bool = False,
    destroy: tuple[str, ...] = (),
    include_disabled: bool = False,
) -> "Plan":
    """The host's plan for a draft."""
    from guestwire.cli.applying import Change, planned
    from guestwire.cli.run import with_client

    change = Change(draft.host, draft.desired(), restart=restart, destroy=destroy)
    return with_client(
        settings, lambda client: planned(client, settings, change, include_disabled=include_disabled)
    )  # fmt: skip


def _offline(settings: Settings, draft: "Draft", topology: str | None, *, include_disabled: bool) -> "Verdict":
    from guestwire.cli import drafts, offline
    from guestwire.sdk.draft_rules import verdict

    facts = offline.facts_of(topology, drafts.store(settings).base(draft.host))
    return verdict(draft.desired(), facts, draft.host, include_disabled=include_disabled)
