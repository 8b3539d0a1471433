"""How plans, issues, revisions and the state of configurations are written."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from guestwire.cli.output import Column, View, plain, write_all
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import coloured, paint
from guestwire.cli.times import clock_time
from guestwire.model.issues import Issue
from guestwire.model.plan import Plan, PlanItem, Revision
from guestwire.protocol.config_models import ConfigShown, GuestOutcome, Snapshot
from guestwire.sdk.draft_state import State

SEVERITIES = {"E": ("error", "bad"), "W": ("warning", "warn")}
EFFECT_STYLES = {"live": None, "guest_restart": "warn", "host_reboot": "bad"}
STATE_STYLES = {
    "in_sync": "good", "drifted": "warn", "applying": "busy", "confirm_wait": "warn", "waiting_reboot": "warn",
    "failed": "bad", "rolled_back": "warn",
}  # fmt: skip
DRAFT_STYLES = {"clean": "good", "dirty": "warn", "behind": "warn", "diverged": "bad", "mistakes": "bad"}
RESULT_STYLES = {"started": "good", "retuned": "good", "stopped": "good", "destroyed": "warn", "failed": "bad"}
CUT = 40
"""Characters of a value in a table; -o json has all of it."""


def issue_view() -> View[Issue]:
    """The columns of issues."""
    return View(
        columns=(
            Column("SEVERITY", lambda i: SEVERITIES[i.severity][0], style=lambda i: SEVERITIES[i.severity][1]),
            Column("CODE", lambda i: i.code),
            Column("PATH", lambda i: i.path or "-"),
            Column("MESSAGE", lambda i: i.message),
            Column("HINT", lambda i: i.hint or "-"),
            Column("RELATED", lambda i: ", ".join(i.related) or "-", wide=True),
        ),
        name=lambda i: i.code,
        document=plain,
        none="no issues",
        whole=True,
    )


def item_view() -> View[PlanItem]:
    """The columns of changes."""
    return View(
        columns=(
            Column("CHANGE", lambda i: i.op),
            Column("OBJECT", lambda i: i.object),
            Column("FIELD", lambda i: i.field or "-"),
            Column("BEFORE", lambda i: _cut(i.before)),
            Column("AFTER", lambda i: _cut(i.after)),
            Column("EFFECT", lambda i: _effect(i), style=lambda i: EFFECT_STYLES[i.effect]),
            Column("OUTAGE", lambda i: f"{i.outage_s}s" if i.outage_s else "-", right=True),
            Column("RISK", lambda i: f"R{i.risk}", right=True),
            Column("NOTE", lambda i: _note(i)),
        ),
        name=lambda i: i.object if i.field is None else f"{i.object}.{i.field}",
        document=plain,
        none="no changes",
    )


def revision_view() -> View[Revision]:
    """The columns of revisions."""
    return View(
        columns=(
            Column("REVISION", lambda r: str(r.number), right=True),
            Column("APPLIED", lambda r: clock_time(r.applied_at or None)),
            Column("ORIGIN", lambda r: r.origin),
            Column("BY", lambda r: r.author),
            Column("HASH", lambda r: r.hash[:12]),
            Column("COMMENT", lambda r: r.comment or "-"),
        ),
        name=lambda r: str(r.number),
        document=plain,
        none="no revisions",
    )


@dataclass(frozen=True, slots=True)
class StatusRow:
    """How a host's configuration and the draft of it stand. `draft` mistakes: it is no configuration."""

    host: str
    shown: ConfigShown
    draft: State | Literal["mistakes"]

    def document(self) -> dict[str, Any]:
        """As plain values, without the configuration itself."""
        body = plain(self.shown)
        del body["desired"]
        return {"host": self.host, **body, "draft": self.draft}


def status_view() -> View[StatusRow]:
    """The columns of configuration states."""
    return View(
        columns=(
            Column("HOST", lambda s: s.host),
            Column("STATE", lambda s: s.shown.state, style=lambda s: STATE_STYLES[s.shown.state]),
            Column("REVISION", lambda s: str(s.shown.revision.number), right=True),
            Column("APPLIED", lambda s: clock_time(s.shown.revision.applied_at or None)),
            Column("DRAFT", lambda s: s.draft, style=lambda s: DRAFT_STYLES.get(s.draft)),
            Column("DRIFT", lambda s: str(len(s.shown.drift) or "-"), right=True),
            Column("WAITING", lambda s: str(len(s.shown.waits) or "-"), right=True),
            Column("REBOOT", lambda s: "; ".join(s.shown.reboot_required.reasons) or "-"),
            Column("CONFIRM BY", lambda s: clock_time(s.shown.confirm_by), wide=True),
            Column("LAST FAILURE", lambda s: s.shown.last_failure or "-"),
        ),
        name=lambda s: s.host,
        document=StatusRow.document,
        none="no hosts",
    )


def outcome_view(host: str) -> View[GuestOutcome]:
    """The columns of what became of each guest."""
    return View(
        columns=(
            Column("GUEST", lambda o: f"{host}/{o.name or o.guest}"),
            Column("RESULT", lambda o: o.result, style=lambda o: RESULT_STYLES.get(o.result)),
            Column("CODE", lambda o: o.code or "-"),
            Column("MESSAGE", lambda o: o.message or "-"),
        ),
        name=lambda o: f"{host}/{o.name or o.guest}",
        document=lambda o: {"host": host, **plain(o)},
        none="no guests",
    )


def snapshot_view() -> View[Snapshot]:
    """The columns of snapshots."""
    return View(
        columns=(
            Column("SNAPSHOT", lambda s: s.name),
            Column("TAKEN", lambda s: clock_time(s.at)),
            Column("DISKS", lambda s: str(s.disks), right=True),
        ),
        name=lambda s: s.name,
        document=plain,
        none="no snapshots",
    )


def write_plan(settings: Settings, plan: Plan) -> None:
    """A plan in full on stdout: its changes, its issues, and what it comes to."""
    if settings.for_programs:
        from guestwire.cli.output import write_document

        write_document(settings, plain(plan))
        return
    write_all(settings, item_view(), plan.items)
    if settings.output == "name":
        return
    if plan.issues:
        print()
        write_issues(settings, plan.issues, plan.more_issues)
    for line in summary(plan):
        print(line)


def write_issues(settings: Settings, issues: Sequence[Issue], more: int) -> None:
    """Issues, and that others were left out (`Verdict.more`): after the table, on stderr where a program reads stdout."""
    write_all(settings, issue_view(), issues)
    if more:
        programs = settings.for_programs or settings.output == "name"
        print(f"and {left_out(more)}", file=sys.stderr if programs else sys.stdout)


def left_out(more: int) -> str:
    """How many issues are not told, in words that claim no more than is known: a rule stops where nobody reads on."""
    return f"at least {_number(more, 'more issue')}"


def talk_plan(settings: Settings, plan: Plan) -> None:
    """The same for the person who will be asked, on stderr."""
    if settings.for_programs or settings.output == "name" or settings.quiet:
        return
    with contextlib.redirect_stdout(sys.stderr):
        write_plan(settings, plan)


def summary(plan: Plan) -> list[str]:
    """What a plan comes to, a line for each thing worth knowing before an apply."""
    colour = coloured(sys.stdout)
    lines = []
    if waiting := sum(item.waits for item in plan.items):
        lines.append(f"{waiting} of these take effect when their guest is next started (--restart does it now)")
    if plan.requires_reboot:
        lines.append(paint("the host must be rebooted for this to be complete", "warn", colour=colour))
    if plan.confirm:
        lines.append(
            paint("it touches the way the host is managed: it needs --confirm-within SECONDS", "warn", colour=colour)
        )
    lines += [paint(f"the content of {path} would be lost", "bad", colour=colour) for path in plan.destructive]
    if plan.not_checked:
        lines.append(f"not checked, for want of facts: {', '.join(plan.not_checked)}")
    return lines


def counted(issues: Sequence[Issue], more: int) -> str:
    """How many of each severity, in words; `more` were left out."""
    errors = sum(issue.severity == "E" for issue in issues)
    told = f"{_number(errors, 'error')}, {_number(len(issues) - errors, 'warning')}"
    return f"{told} and {left_out(more)}" if more else told


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _cut(text: str | None) -> str:
    if text is None:
        return "-"
    return text if len(text) <= CUT else text[: CUT - 1] + "…"


def _note(item: PlanItem) -> str:
    if item.left:
        return "left as it is"
    return "undoes an edit made on the host" if item.drift else ""


def _effect(item: PlanItem) -> str:
    return f"{item.effect.replace('_', ' ')}, waits" if item.waits else item.effect.replace("_", " ")
