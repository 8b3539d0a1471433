"""`guestwire project history|review|restore`: who changed what, what others say of it, and back to an earlier draft."""

import json
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import is_controlled, with_controller
from guestwire.cli.project_options import HOST
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestwire.cli.output import View
    from guestwire.model.plan import PlanItem, Revision
    from guestwire.sdk.client import Client
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_plans import ChangedValue, DraftRevision, KeptPlan, KeptRevision, Remark

VERBS = ("request", "approve", "reject", "comment")
REVIEW_STYLES = {"approved": "good", "requested": "warn", "rejected": "bad"}


@click.command("history", cls=Verb)
@HOST
@click.option("-n", "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many.")
@click.option("--draft", "of_draft", is_flag=True, help="With a controller: who edited the draft, and what.")
@pass_settings
def history(settings: Settings, host: str, limit: int, of_draft: bool) -> None:
    """The revisions that the host keeps, newest first; `project diff HOST --revision N` shows what one changed.

    With a context of a controller it also says who had them applied; the controller tells them of a host that is away, too.
    """
    from guestwire.cli.config_views import revision_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.config_models import ConfigQuery

    if of_draft:
        write_all(settings, draft_view(), draft_history(settings, host, limit))
        return
    if is_controlled(settings):
        kept, live = with_controller(settings, lambda controller: controller.plans(host).revisions(limit))
        write_all(settings, _kept_view(), kept)
        if not live:
            failures.remark(settings, f"{host} is away: these are those that it has told of before")
        return

    async def work(client: "Client") -> "tuple[Revision, ...]":
        api = client.host(one_host(client, host))
        return (await api.config_history(ConfigQuery(limit=limit), options(settings))).reply.revisions

    write_all(settings, revision_view(), with_client(settings, work))


@click.command("review", cls=Verb)
@HOST
@click.argument("verb", type=click.Choice(VERBS), required=False)
@click.option("--note", default="", help="What there is to say.")
@click.option("--plan", "plan_id", metavar="ID", help="This plan; else the last one of the draft.")
@pass_settings
def review(settings: Settings, host: str, verb: Any, note: str, plan_id: str | None) -> None:
    """What people say of a plan that a controller keeps: ask somebody to look (request), approve, reject, or comment.

    Without a word it shows the plan and what was said. Who edited the draft cannot approve its plan.
    """
    from guestwire.cli import controller_changes
    from guestwire.cli.config_views import write_plan
    from guestwire.cli.output import write_all, write_document

    kept = controller_changes.review(settings, host, verb, plan_id, note)
    if settings.for_programs:
        write_document(settings, kept.document)
        return
    if verb is None:
        write_plan(settings, kept.made)
        if settings.output == "name":
            return
        click.echo()
    facts = _review_facts(kept)
    width = max(len(name) for name, _ in facts) + 2
    click.echo("\n".join(f"{name + ':':<{width}}{text}" for name, text in facts))
    if kept.review.remarks:
        write_all(settings, _remark_view(), kept.review.remarks)


@click.command("restore", cls=Verb)
@HOST
@click.argument("revision", type=click.IntRange(1))
@pass_settings
def restore(settings: Settings, host: str, revision: int) -> None:
    """Make the draft at a controller what it was in an earlier REVISION of it (`project history HOST --draft`)."""
    with_controller(settings, lambda controller: controller.plans(host).restore(revision))
    failures.remark(settings, f"the draft of {host} is what it was in revision {revision}")


def draft_history(settings: Settings, host: str, limit: int) -> "list[DraftRevision]":
    """The newest revisions of a draft at the controller. Raises CONTEXT-NEEDS-CONTROLLER."""

    async def work(controller: "Controller") -> "list[DraftRevision]":
        return await controller.plans(host).draft_history(limit)

    return with_controller(settings, work)


def changed_in_draft(settings: Settings, host: str, revision: int) -> "Sequence[ChangedValue]":
    """What a revision of the draft changed. Raises NOT-FOUND."""
    from guestwire.model.errors import GuestwireError

    async def work(controller: "Controller") -> "list[DraftRevision]":
        async for one in controller.http.pages(f"/drafts/{controller.ref(host)}/history"):
            if one["revision"] == revision:
                from guestwire.sdk.controller_models import answered
                from guestwire.sdk.controller_plans import DraftRevision

                return [answered(DraftRevision, one)]
        return []

    found = with_controller(settings, work)
    if not found:
        raise GuestwireError(
            "NOT-FOUND", f"The draft of {host} has no revision {revision}: `project history {host} --draft`."
        )
    if found[0].more:
        failures.remark(settings, f"and {found[0].more} more")
    return found[0].changes


def changed_on_host(settings: Settings, host: str, revision: int) -> "tuple[PlanItem, ...]":
    """What a revision of the host changed against the one before. Raises NOT-FOUND."""
    from guestwire.cli import applying
    from guestwire.cli.run import options, with_client
    from guestwire.model.errors import GuestwireError
    from guestwire.model.planning import diff
    from guestwire.protocol.config_models import ConfigQuery

    async def work(client: "Client") -> "tuple[Revision, ...]":
        return (await client.host(host).config_history(ConfigQuery(limit=200), options(settings))).reply.revisions

    older = [one.number for one in with_client(settings, work) if one.number < revision]
    if not older:
        raise GuestwireError("NOT-FOUND", f"{host} keeps nothing before revision {revision} to compare it with.")
    now = applying.shown(settings, host, revision).desired
    return diff(applying.shown(settings, host, max(older)).desired, now)


def draft_view() -> "View[DraftRevision]":
    """The columns of a draft's revisions."""
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    return View(
        columns=(
            Column("REVISION", lambda r: str(r.revision), right=True),
            Column("AT", lambda r: clock_time(r.at)),
            Column("BY", lambda r: r.author),
            Column("WHAT", lambda r: r.kind or "-"),
            Column("FROM", lambda r: "-" if r.base_revision is None else str(r.base_revision), right=True),
            Column("CHANGES", lambda r: str(len(r.changes) + r.more), right=True),
            Column("SUMMARY", lambda r: r.summary or "-"),
        ),
        name=lambda r: str(r.revision),
        document=lambda r: r.document,
        none="no revisions",
    )


def value_view() -> "View[ChangedValue]":
    """The columns of values that an edit changed."""
    from guestwire.cli.output import Column, View

    def text(value: Any) -> str:
        return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return View(
        columns=(
            Column("PLACE", lambda c: c.path),
            Column("BEFORE", lambda c: _short(text(c.before))),
            Column("AFTER", lambda c: _short(text(c.after))),
        ),
        name=lambda c: c.path,
        document=lambda c: c.document,
        none="no changes",
    )


def _kept_view() -> "View[KeptRevision]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    return View(
        columns=(
            Column("REVISION", lambda r: str(r.number), right=True),
            Column("APPLIED", lambda r: clock_time(r.applied_at or None)),
            Column("ORIGIN", lambda r: r.origin),
            Column("BY", lambda r: r.person or r.author),
            Column("HASH", lambda r: r.hash[:12]),
            Column("JOB", lambda r: r.job_id or "-", wide=True),
            Column("COMMENT", lambda r: r.comment or "-"),
        ),
        name=lambda r: str(r.number),
        document=lambda r: r.document,
        none="no revisions",
    )


def _remark_view() -> "View[Remark]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    return View(
        columns=(
            Column("AT", lambda r: clock_time(r.at)),
            Column("BY", lambda r: r.author),
            Column("SAID", lambda r: r.verb),
            Column("NOTE", lambda r: r.note or "-"),
        ),
        name=lambda r: r.author,
        document=lambda r: r.document,
    )


def _review_facts(kept: "KeptPlan") -> list[tuple[str, str]]:
    from guestwire.cli.times import clock_time

    by = f" by {kept.review.by}" if kept.review.by else ""
    of = f"draft revision {kept.draft_revision}" if kept.origin == "apply" else f"back to revision {kept.to_revision}"
    return [
        ("plan", f"{kept.id}, {of}, made {clock_time(kept.at)} by {kept.author}"),
        ("review", f"{kept.review.state}{by}{', and it takes one' if kept.review_required else ''}"),
        *(("in its way", f"{one.code}: {one.message}") for one in kept.obstacles),
    ]


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
