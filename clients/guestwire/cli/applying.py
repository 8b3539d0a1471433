"""From a document to a changed host: plan, show, ask, apply, confirm. Three connections, none of them open while a person
reads: the last one shows that the host can still be reached."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from guestwire.cli import drafts, failures
from guestwire.cli.confirm import ask
from guestwire.cli.progress import progress
from guestwire.cli.run import options, with_client
from guestwire.cli.settings import Settings
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan, SyncState
from guestwire.model.rules.table import CONFIRMABLE
from guestwire.protocol.config_models import (
    ConfigApplied,
    ConfigApply,
    ConfigConfirm,
    ConfigPlan,
    ConfigRef,
    ConfigShown,
)
from guestwire.sdk.draft_state import changes, substantial
from guestwire.sdk.project_store import AppliedPlan

if TYPE_CHECKING:
    from guestwire.sdk.client import Client

ALWAYS_ASK = 3
UNREACHED = frozenset(
    {"LINK-LOST", "NO-ANSWER", "HOST-UNREACHABLE", "BROKER-UNREACHABLE", "SOCKET-UNREACHABLE", "LISTENER-UNREACHABLE"}
)
"""What can happen to a link whose network the apply changes: the host may well have done its part."""
UNDONE: Mapping[SyncState, str] = {"rolled_back": "ROLLED-BACK", "failed": "ROLLBACK-INCOMPLETE"}
"""How a host stands whose last change came to nothing, and the error that it is."""
AGAIN_S = 2.0
REBOOT_S = 1800.0
SETTLE_S = 60.0
"""How long to look for an apply whose answer was lost."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is wanted of a host. `destroy`: disks that go with it. `base_revision` None: edited from no revision, so from the
    one that is planned against. `draft`: the project file that it is from."""

    host: str
    desired: Desired
    base_revision: int | None = None
    restart: bool = False
    confirm_s: int | None = None
    confirms: bool = True
    destroy: tuple[str, ...] = ()
    origin: Literal["apply", "rollback"] = "apply"
    comment: str = ""
    wait: bool = False
    draft: Path | None = None


async def planned(client: "Client", settings: Settings, change: Change, *, include_disabled: bool = False) -> Plan:
    """The host's plan for it. Raises GuestwireError."""
    request = ConfigPlan(
        desired=change.desired, hash=content_hash(change.desired), restart=change.restart,
        include_disabled=include_disabled, remove_disks=change.destroy,
    )  # fmt: skip
    return (await client.host(change.host).config_plan(request, options(settings))).reply


def carry_out(settings: Settings, change: Change, plan: Plan) -> ConfigApplied | None:
    """Show the plan, ask, apply and confirm; None where there is nothing to change.
    Raises VALIDATION-FAILED, CONFIRM-REQUIRED, DESTROY-DISK, BASE-REVISION before anything is done, and the host's errors."""
    from guestwire.cli.config_views import talk_plan

    if not substantial(plan.items) and not changes(shown(settings, change.host).desired, change.desired, change.host):
        return None  # without items there may be one thing to do: to agree with what was done behind the host's back
    if change.base_revision is not None and change.base_revision != plan.base_revision:
        raise GuestwireError(
            "BASE-REVISION",
            f"The draft was edited from revision {change.base_revision}, {change.host} has {plan.base_revision} now.",
        )
    refuse(change, plan)
    talk_plan(settings, plan)
    count = len(plan.items)
    what = f"make {count} change{'' if count == 1 else 's'} on" if count else "keep as it is, as a new revision,"
    ask(settings, what, ALWAYS_ASK, [change.host])
    return _finished(settings, change, _applied(settings, change, plan), plan)


def confirm(settings: Settings, host: str, plan_id: str, until_s: float) -> ConfigApplied:
    """Confirm over a new connection, again and again until the monotonic time `until_s`: its network may just be coming up.
    Raises the host's refusal, or why it could not be reached."""

    async def work(client: "Client") -> ConfigApplied:
        return (await client.host(host).config_confirm(ConfigConfirm(plan_id=plan_id), options(settings))).reply

    while True:
        try:
            return with_client(settings, work)
        except GuestwireError as err:
            wait_s = AGAIN_S if err.after_ms is None else err.after_ms / 1000
            again = err.code in UNREACHED or err.after_ms is not None
            if not again or time.monotonic() + wait_s >= until_s:
                raise
            time.sleep(wait_s)


def shown(settings: Settings, host: str, revision: int | None = None) -> ConfigShown:
    """The host's configuration. Raises GuestwireError."""

    async def work(client: "Client") -> ConfigShown:
        return (await client.host(host).config_show(ConfigRef(revision=revision), options(settings))).reply

    return with_client(settings, work)


def refuse(change: Change, plan: Plan) -> None:
    """Say no to what the host would refuse, in words that name this command's options."""
    from guestwire.cli.config_views import left_out

    errors = [issue for issue in plan.issues if issue.severity == "E"]
    waived = CONFIRMABLE if change.confirm_s is not None else frozenset[str]()
    if blocking := [issue for issue in errors if issue.code not in waived]:
        if change.confirm_s is None and all(issue.code in CONFIRMABLE for issue in blocking):
            raise GuestwireError(
                "CONFIRM-REQUIRED",
                "The change touches the way the host is managed: give --confirm-within SECONDS, and it is undone when "
                "the host cannot be reached afterwards.",
                detail={"issues": [issue.model_dump() for issue in blocking]},
            )
        more = f" These are not all: there are {left_out(plan.more_issues)}." if plan.more_issues else ""
        raise GuestwireError(
            "VALIDATION-FAILED",
            f"The draft breaks rules; nothing was applied.{more}",
            detail={"issues": [issue.model_dump() for issue in blocking]},
        )
    if plan.confirm and change.confirm_s is None:
        raise GuestwireError(
            "CONFIRM-REQUIRED", "The change touches the way the host is managed: give --confirm-within SECONDS."
        )
    if lost := [path for path in plan.destructive if path not in change.destroy]:
        flags = " ".join(f"--destroy {path}" for path in lost)
        raise GuestwireError(
            "DESTROY-DISK", f"The content of disks would be lost; if that is meant: {flags}", detail={"disks": lost}
        )


def _applied(settings: Settings, change: Change, plan: Plan) -> ConfigApplied:
    request = ConfigApply(
        desired=change.desired, hash=content_hash(change.desired), restart=change.restart, plan_id=plan.plan_id,
        base_revision=plan.base_revision, confirm_s=change.confirm_s, remove_disks=change.destroy, destroy=change.destroy,
        origin=change.origin, comment=change.comment,
    )  # fmt: skip

    async def work(client: "Client") -> ConfigApplied:
        async with progress(settings, "apply", 1) as seen:
            seen.begin(change.host)
            hearing = options(settings).hearing(lambda report: seen.report(change.host, report))
            answer = await client.host(change.host).config_apply(request, hearing)
            seen.end(change.host)
            return answer.reply

    # before it is sent: whatever becomes of this process, `project confirm` and `project cancel` know the plan
    drafts.store(settings).remember_plan(change.host, AppliedPlan(plan.plan_id, change.draft))
    try:
        return with_client(settings, work)
    except GuestwireError as err:
        if change.confirm_s is None or err.code not in UNREACHED:
            raise
        return _after_loss(settings, change, plan, err)


def _after_loss(settings: Settings, change: Change, plan: Plan, lost: GuestwireError) -> ConfigApplied:
    """How the apply ended whose answer did not come; raises `lost` where that cannot be learnt."""
    until = time.monotonic() + min(SETTLE_S, change.confirm_s or SETTLE_S)
    while time.monotonic() < until:
        try:
            now = shown(settings, change.host)
        except GuestwireError as err:
            if err.code not in UNREACHED:
                raise
        else:
            if now.state == "confirm_wait" and now.plan_id == plan.plan_id:
                return ConfigApplied(
                    revision=now.revision, state=now.state, items=len(plan.items), confirm_by=now.confirm_by
                )
            if now.state != "applying":
                raise lost
        time.sleep(AGAIN_S)
    raise lost


def _finished(settings: Settings, change: Change, applied: ConfigApplied, plan: Plan) -> ConfigApplied:
    if applied.state == "waiting_reboot" and change.wait:
        applied = after_reboot(settings, change.host, applied, plan)
    if applied.state == "confirm_wait":
        if not change.confirms:
            failures.remark(
                settings,
                f"undone unless it is confirmed: `project confirm {change.host}` here, with --plan {plan.plan_id} elsewhere",
            )
            return applied
        return _confirmed(settings, change, plan)
    return applied


def _confirmed(settings: Settings, change: Change, plan: Plan) -> ConfigApplied:
    try:
        return confirm(settings, change.host, plan.plan_id, time.monotonic() + (change.confirm_s or 0))
    except GuestwireError as err:
        if err.code != "CONFIRM-REQUIRED":
            raise
        raise GuestwireError(
            "CONFIRM-REQUIRED",
            f"It is done, and undone unless it is confirmed in time: give `guestwire project confirm {change.host} --plan "
            f"{plan.plan_id}` over the broker. {change.host} says: {err.message}",
        ) from err


def after_reboot(settings: Settings, host: str, applied: ConfigApplied, plan: Plan) -> ConfigApplied:
    """How it ended once the host was rebooted by somebody. Raises TIMED-OUT, ROLLED-BACK or ROLLBACK-INCOMPLETE where the
    change came to nothing, and CANCELED where somebody undid it and the host has become something else."""
    failures.remark(settings, f"waiting for {host} to be rebooted")
    until = time.monotonic() + (settings.timeout or REBOOT_S)
    while time.monotonic() < until:
        try:
            now = shown(settings, host)
        except GuestwireError as err:
            if err.code not in UNREACHED:
                raise
        else:
            if now.state in UNDONE:
                code = UNDONE[now.state]
                raise GuestwireError(code, now.last_failure.removeprefix(f"{code}: "))
            if now.state not in ("waiting_reboot", "applying"):
                return _kept(settings, host, applied, now)
            if now.plan_id not in (None, plan.plan_id):
                raise GuestwireError("CANCELED", f"The change was undone, and another one waits on {host} now.")
        time.sleep(AGAIN_S)
    raise GuestwireError("TIMED-OUT", f"{host} was not rebooted in time; `project status {host}` tells how it stands.")


def _kept(settings: Settings, host: str, applied: ConfigApplied, now: ConfigShown) -> ConfigApplied:
    """How the host stands whose revision this was to be. Raises CANCELED where it keeps no such revision."""
    ours = applied.revision
    if (now.revision.number, now.revision.hash) == (ours.number, ours.hash):
        return ConfigApplied(revision=now.revision, state=now.state, items=applied.items)
    try:
        kept = shown(settings, host, ours.number).revision
    except GuestwireError as err:
        if err.code != "NOT-FOUND":
            raise
    else:
        if kept.hash == ours.hash:  # and others came after it
            return ConfigApplied(revision=kept, state=now.state, items=applied.items)
    raise GuestwireError(
        "CANCELED",
        f"The change was undone before the reboot completed it: {host} has revision {now.revision.number} of "
        f"{now.revision.author or 'nobody'} now (`project history {host}`).",
    )
