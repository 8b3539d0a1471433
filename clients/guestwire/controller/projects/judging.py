"""What is to be said of a draft while it is edited: what rules it breaks, what an apply would change, how it stands to its
host. Pure, and without asking the host."""

from typing import NamedTuple

from guestwire.controller.projects.host_facts import NOT_REMAPPED, KnownHost, Remapped, facts_of
from guestwire.model.base import Model
from guestwire.model.desired import Desired
from guestwire.model.issues import Issue
from guestwire.model.plan import PlanItem
from guestwire.sdk import draft_state
from guestwire.sdk.draft_rules import verdict
from guestwire.sdk.project_store import Base


class Findings(Model):
    """What the rules say. `not_checked`: codes that need a fact which only the host has; `more`: at least so many issues were
    left out. `facts_at`: when the host was last asked (Unix ms); null: never."""

    issues: tuple[Issue, ...] = ()
    not_checked: tuple[str, ...] = ()
    more: int = 0
    errors: int = 0
    warnings: int = 0
    facts_at: int | None = None


class Judged(NamedTuple):
    """`items`: what an apply would change on the host as it was last asked; of one that never was, everything."""

    findings: Findings
    items: tuple[PlanItem, ...]
    state: draft_state.State


def judged(
    draft: Desired,
    base: Desired | None,
    known: KnownHost,
    host: str,
    *,
    include_disabled: bool = False,
    remapped: Remapped = NOT_REMAPPED,
) -> Judged:
    """Judge a draft. `base`: what it was edited from; None: not known. `remapped`: CPU sets that it was just given for another
    machine; the rules warn of them."""
    found = verdict(draft, facts_of(known, remapped), host, include_disabled=include_disabled)
    errors = len(found.errors)
    findings = Findings(
        issues=found.issues, not_checked=found.not_checked, more=found.more, errors=errors,
        warnings=len(found.issues) - errors, facts_at=known.at,
    )  # fmt: skip
    items = draft_state.changes(known.active, draft, host)
    return Judged(findings, items, _state(draft, base, known, host))


def _state(draft: Desired, base: Desired | None, known: KnownHost, host: str) -> draft_state.State:
    if known.shown is None:
        return "dirty" if draft_state.changes(Desired(), draft, host) else "clean"
    was = None if base is None or draft.base_revision is None else Base(revision=draft.base_revision, desired=base)
    return draft_state.state(draft, was, known.shown, host)


def unapplied(draft: Desired, base: Desired | None, active: Desired, host: str) -> bool:
    """Whether a draft has edits that neither what it was edited from nor the host has: they would be lost with it."""
    was = active if base is None else base
    return bool(draft_state.changes(was, draft, host)) and bool(draft_state.changes(active, draft, host))
