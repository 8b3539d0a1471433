"""`guestwire project plan|review|apply|rollback|confirm|cancel` with a controller: of the plans that it keeps, which others see, and review.

The host makes the plan and carries it out; the controller knows which draft it is of and what people said of it.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import applying, drafts, failures, pulling
from guestwire.cli.applying import AGAIN_S, ALWAYS_ASK, SETTLE_S, UNDONE, UNREACHED, Change
from guestwire.cli.config_views import talk_plan
from guestwire.cli.confirm import ask
from guestwire.cli.controlled import controller_context, with_controller
from guestwire.cli.progress import progress
from guestwire.cli.settings import Settings
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan
from guestwire.protocol.config_models import ConfigApplied
from guestwire.protocol.json_bodies import from_json
from guestwire.protocol.operation_models import Progress
from guestwire.protocol.operations import BY_NAME
from guestwire.sdk.approving import Wanted
from guestwire.sdk.controller_following import followed, job_error
from guestwire.sdk.controller_plans import KeptPlan, Verb
from guestwire.sdk.draft_state import changes, substantial

if TYPE_CHECKING:
    from guestwire.protocol.signing import SigningKey
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import ControllerJob
    from guestwire.sdk.controller_plans import Ordered

TAKING_S = 15.0
"""What a job may take beyond its host's own time."""
OTHERS_S = 3600
"""How long it waits for somebody else's signature."""
BEFORE = frozenset({"PLAN-STALE", "BASE-REVISION", "REVIEW-REQUIRED"})
"""Obstacles that only the controller knows of."""
TEXTS = {
    "BASE-REVISION": "{host} has another revision than the draft was edited from: `guestwire project pull {host} --merge` puts the "
    "edits on top of it. Look at what comes of it, and apply again.",
    "PLAN-STALE": "The draft was edited since this plan was made: apply without --plan, or plan it again.",
}
"""What to do about them here."""


def plan(settings: Settings, host: str, *, restart: bool, destroy: tuple[str, ...]) -> KeptPlan:
    """Have the host plan the draft that the controller keeps; the plan is kept there."""

    async def work(controller: "Controller") -> KeptPlan:
        async with progress(settings, "plan", 1) as shown:
            shown.begin(host)
            return await controller.plans(host).plan(restart=restart, remove_disks=destroy)

    return with_controller(settings, work)


def talk_review(settings: Settings, kept: KeptPlan) -> None:
    """Where the review of a plan stands, and what to do next, for the person who will be asked."""
    if settings.for_programs:
        return
    which = "" if kept.origin == "apply" else f" --plan {kept.id}"
    if kept.review.state != "none" or kept.review_required:
        by = f" by {kept.review.by}" if kept.review.by else ""
        failures.remark(settings, f"plan {kept.id}, review: {kept.review.state}{by}")
    if kept.review_required and kept.review.state in ("none", "rejected"):
        failures.remark(
            settings, f"somebody else has to approve it: guestwire project review {kept.host} request{which}"
        )


def review(settings: Settings, host: str, verb: Verb | None, plan_id: str | None, note: str) -> KeptPlan:
    """Say something of a plan, the last one of the draft where none is named; without `verb` only read what was said."""

    async def work(controller: "Controller") -> KeptPlan:
        plans = controller.plans(host)
        kept = await plans.show(plan_id)
        return kept if verb is None else await plans.review(kept.id, verb, note)

    return with_controller(settings, work)


def apply(settings: Settings, host: str, flags: dict[str, Any], plan_id: str | None) -> ConfigApplied | None:
    """Make the draft at the controller true; None: there was nothing to change."""
    store = drafts.store(settings)
    draft = store.draft(host)
    desired = draft.desired()
    change = _change(host, desired, flags)
    kept = _standing(settings, host, flags, plan_id) or plan(
        settings, host, restart=flags["restart"], destroy=flags["destroy"]
    )
    applied = _carried_out(settings, change, kept)
    shown, machine = pulling.fetch(settings, host)
    pulling.keep(draft, store, shown, machine)
    return applied


def rollback(settings: Settings, host: str, number: int | None, flags: dict[str, Any]) -> ConfigApplied | None:
    """Make an earlier revision of the host true again; None: it is like that."""

    async def work(controller: "Controller") -> KeptPlan:
        return await controller.plans(host).rollback(number, restart=flags["restart"], remove_disks=flags["destroy"])

    kept = with_controller(settings, work)
    assert kept.to_revision is not None
    old = applying.shown(settings, host, kept.to_revision).desired
    return _carried_out(settings, _change(host, old, flags), kept)


def ended(settings: Settings, host: str, plan_id: str | None, *, keep: bool) -> ConfigApplied:
    """Keep or undo what waits on the host."""

    async def order(controller: "Controller") -> "Ordered":
        plans = controller.plans(host)
        return await (plans.confirm(plan_id) if keep else plans.cancel(plan_id))

    return _done(settings, host, order, "config-confirm" if keep else "config-cancel")


def file_refused(host: str | None, file: Path) -> click.UsageError:
    """What is said to who would apply a file past everybody else."""
    return click.UsageError(
        "A controller applies the draft that it keeps, which others see and review. "
        f"`guestwire project import {host or 'HOST'} {file}` makes the draft that file."
    )


def _standing(settings: Settings, host: str, flags: dict[str, Any], plan_id: str | None) -> KeptPlan | None:
    """The plan that is named, or that was approved for just this; None: another one has to be made."""

    async def work(controller: "Controller") -> KeptPlan | None:
        try:
            return await controller.plans(host).show(plan_id)
        except GuestwireError as err:
            if err.code == "NOT-FOUND" and plan_id is None:
                return None
            raise

    kept = with_controller(settings, work)
    if kept is None or plan_id is not None:
        return kept
    options = kept.document.get("options", {})
    same = options.get("restart", False) == flags["restart"] and set(options.get("remove_disks", ())) == set(
        flags["destroy"]
    )
    stale = any(one.code in ("PLAN-STALE", "BASE-REVISION") for one in kept.obstacles)
    reviewed = kept.review.state == "approved" or (kept.review_required and kept.review.state != "rejected")
    return kept if same and reviewed and not stale and kept.job_id is None else None


def _carried_out(settings: Settings, change: Change, kept: KeptPlan) -> ConfigApplied | None:
    made = kept.made
    if not substantial(made.items) and not changes(
        applying.shown(settings, change.host).desired, change.desired, change.host
    ):
        failures.remark(settings, f"{change.host} is like that already: nothing to change")
        return None
    talk_plan(settings, made)
    talk_review(settings, kept)
    for one in kept.obstacles:
        if one.code in BEFORE:
            text = TEXTS.get(one.code, one.message).format(host=change.host, message=one.message)
            raise GuestwireError(one.code, text, detail={"plan": kept.id, "review": kept.review.state})
    applying.refuse(change, made)
    count = len(made.items)
    what = f"make {count} change{'' if count == 1 else 's'} on" if count else "keep as it is, as a new revision,"
    ask(settings, what, ALWAYS_ASK, [change.host])
    options = {
        "confirm_s": change.confirm_s, "confirm": "auto" if change.confirms else "manual", "destroy": list(change.destroy),
        "comment": change.comment, "deadline_s": OTHERS_S,
    }  # fmt: skip
    applied = _done(
        settings,
        change.host,
        lambda controller: controller.plans(change.host).apply(kept.id, **options),
        "config-apply",
    )
    return _finished(settings, change, applied, made)


def _finished(settings: Settings, change: Change, applied: ConfigApplied, made: Plan) -> ConfigApplied:
    if applied.state == "waiting_reboot" and change.wait:
        applied = applying.after_reboot(settings, change.host, applied, made)
    if applied.state == "confirm_wait":
        if change.confirms:
            return _confirmed(settings, change, applied)
        failures.remark(settings, f"undone unless it is confirmed: `guestwire project confirm {change.host}`")
    return applied


def _confirmed(settings: Settings, change: Change, applied: ConfigApplied) -> ConfigApplied:
    """How it ended once the controller has confirmed it, over another connection. Raises ROLLED-BACK and its like."""
    until = time.monotonic() + (change.confirm_s or 0) + SETTLE_S
    while time.monotonic() < until:
        try:
            now = applying.shown(settings, change.host)
        except GuestwireError as err:
            if err.code not in (*UNREACHED, "CONTROLLER-UNREACHABLE"):
                raise
        else:
            if now.state in UNDONE:
                raise GuestwireError(UNDONE[now.state], now.last_failure or None)
            if now.state not in ("confirm_wait", "applying"):
                return ConfigApplied(revision=now.revision, state=now.state, items=applied.items)
        time.sleep(AGAIN_S)
    raise GuestwireError(
        "TIMED-OUT", f"Nobody can say whether it was confirmed: `guestwire project status {change.host}`."
    )


def _done(settings: Settings, host: str, order: Any, operation: str) -> ConfigApplied:
    """What came of the job that `order` makes, which is signed with the context's key where it takes a signature."""
    key, within_s = _key(settings), settings.timeout or BY_NAME[operation].timeout_s + TAKING_S

    async def work(controller: "Controller") -> "ControllerJob":
        ordered = await order(controller)
        wanted = Wanted(ordered.site, ordered.host, operation, b"", ordered.plan_id)
        async with progress(settings, "apply", 1) as seen:
            seen.begin(host)

            def hear(job: "ControllerJob") -> None:
                said = job.progress
                message = job.state.replace("-", " ") if said is None else said.message
                percent, step = (None, "") if said is None else (said.percent, said.step)
                seen.report(host, Progress(percent=percent, step=step, message=message))

            job = await controller.jobs.show(ordered.job_id)
            job = await followed(controller, job, wanted, key, within_s, hear)
            seen.end(host)
            return job if job.reply or job.error else await controller.jobs.show(job.id)

    job = with_controller(settings, work)
    if job.state == "succeeded" and job.reply is not None:
        return from_json(ConfigApplied, job.reply, tolerant=True)
    raise job_error(job)


def _key(settings: Settings) -> "SigningKey | None":
    from guestwire.sdk.credentials import read_private_key

    context = controller_context(settings)
    return read_private_key(Path(context.key)) if context.key else None


def _change(host: str, desired: Any, flags: dict[str, Any]) -> Change:
    return Change(
        host, desired, restart=flags["restart"], confirm_s=flags["confirm_s"], confirms=not flags["no_confirm"],
        destroy=flags["destroy"], comment=flags["comment"], wait=flags["wait"],
    )  # fmt: skip
