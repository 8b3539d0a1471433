"""A plan: every change that an apply would make, with its effect, and every issue. The shapes; `planning` makes them."""

from collections.abc import Mapping
from typing import Literal

from guestwire.model.base import Model
from guestwire.model.issues import Issue

Effect = Literal["live", "guest_restart", "host_reboot"]
"""What it takes for a change to be true: nothing, the guest off and on, the host."""
Risk = Literal[0, 1, 2, 3]
"""0 read, 1 reversible, 2 disruptive, 3 destructive."""
Op = Literal["create", "update", "delete", "attach", "detach", "tune"]


PLAN_ISSUES: Mapping[str, str] = {
    "GUESTS-RUNNING": "A guest runs that must be off for the change: shut it down first, or let the apply restart it.",
    "DESTROY-DISK": "An image that is to be removed belongs to somebody, or to nobody of the project, or is in use.",
    "OVERRIDES-INVALID": "An override does not fit the guest's domain, or the file overrides.toml in its folder has mistakes.",
    "GUEST-ID-CHANGED": "A guest keeps its identifier: leave it out, or write the one it has.",
    "DISK-UNCLEAR": "It cannot be told which disk of a guest this is: write its path.",
}
"""Codes of issues that are about the way from one document to the next, and not about a document: no rule has them."""


class PlanItem(Model):
    """One change. `object` is its place ("guests.rtlinux"), `field` the field of it (None: the whole). `before` and `after`
    are JSON texts, None where there is nothing. `outage_s`: how long what runs now is interrupted, estimated; 0: not at
    all. `drift`: it takes back an edit made behind our back. `waits`: it takes effect when the guest is next started. `left`:
    it is ours no longer, and stays on the host as it is."""

    op: Op
    object: str
    field: str | None = None
    before: str | None = None
    after: str | None = None
    effect: Effect = "live"
    outage_s: int = 0
    risk: Risk = 1
    drift: bool = False
    waits: bool = False
    left: bool = False


class Plan(Model):
    """`plan_id` is a hash over the active and the desired document, topology, capabilities, options, the agent's version,
    the items and what is to be done for them: an apply that carries it does what was read here or nothing (PLAN-STALE).
    `risk`: the highest of the items. `destructive`: disk images whose content would be lost (they need to be confirmed by
    name). `confirm`: the change touches the way the host is managed, and is undone unless it is confirmed afterwards.
    `more_issues`: at least so many were left out."""

    host: str
    base_revision: int
    target_hash: str
    plan_id: str
    items: tuple[PlanItem, ...] = ()
    issues: tuple[Issue, ...] = ()
    more_issues: int = 0
    not_checked: tuple[str, ...] = ()
    requires_reboot: bool = False
    risk: Risk = 0
    destructive: tuple[str, ...] = ()
    confirm: bool = False

    @property
    def applicable(self) -> bool:
        return not any(issue.severity == "E" for issue in self.issues)


class Revision(Model):
    """A configuration that was active. `hash` is `desired.content_hash`; `applied_at` in Unix ms."""

    number: int
    hash: str
    author: str
    applied_at: int
    origin: Literal["apply", "rollback", "adopt", "first"] = "apply"
    comment: str = ""


SyncState = Literal["in_sync", "drifted", "applying", "confirm_wait", "waiting_reboot", "failed", "rolled_back"]
