"""How rollouts are written: in lists, in full, and while they go on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guestwire.cli.failures import remark
from guestwire.cli.output import Column, View
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import person_watches, printable
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.sdk.controller_models import Approval, Rollout, RolloutTarget, RolloutWave

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from guestwire.sdk.controller import Controller

STYLES = {"running": "busy", "paused": "warn", "aborting": "warn", "aborted": "bad", "finished": "good", "draft": None}
TARGETS = {
    "succeeded": "good",
    "failed": "bad",
    "timed-out": "bad",
    "rejected": "bad",
    "overdue": "bad",
    "skipped": "faint",
}
ENDED = ("finished", "aborted")
SETTLED = frozenset(
    {"succeeded", "alarmed", "failed", "timed-out", "rejected", "indeterminate", "rolled-back", "skipped", "canceled", "overdue"}
)  # fmt: skip


def rollout_view() -> View[Rollout]:
    """The columns of rollouts."""
    at = now().wall_ms
    return View(
        columns=(
            Column("ROLLOUT", lambda r: r.id),
            Column("NAME", lambda r: r.name),
            Column("STATE", lambda r: state_text(r), style=lambda r: STYLES.get(r.state)),
            Column("WAVE", lambda r: wave_name(r.wave), right=True),
            Column("DONE", lambda r: f"{r.done}/{r.hosts}", right=True),
            Column("COUNTS", counts_text),
            Column("AGE", lambda r: ago(r.created_at, at)),
            Column("BY", lambda r: r.person),
            Column("WHAT", lambda r: r.operation or r.project or "-", wide=True),
            Column("RATE", lambda r: "-" if r.rate is None else f"{r.rate}/min", wide=True),
            Column("REASON", lambda r: r.reason or "-", wide=True),
        ),
        name=lambda r: r.id,
        document=lambda r: r.document,
        none="no rollouts",
    )


def state_text(rollout: Rollout) -> str:
    """Its state, and what came of it or what it is about."""
    more = rollout.outcome if rollout.state in ENDED else rollout.doing
    return f"{rollout.state} ({more})" if more else rollout.state


def wave_name(wave: int | None) -> str:
    """A wave as people call it."""
    return "-" if wave is None else "canary" if wave == 0 else str(wave)


def counts_text(thing: Rollout | RolloutWave) -> str:
    """Hosts by state, those first that there are most of."""
    found = sorted(thing.counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {state}" for state, count in found if count) or "-"


def rollout_facts(rollout: Rollout, unsigned: Sequence[Approval] = ()) -> list[tuple[str, str]]:
    """A rollout in full, and what it waits for."""
    facts = [
        ("rollout", f"{rollout.name} ({rollout.id})"),
        ("what", rollout.operation or f"project {rollout.project}"),
        ("state", state_text(rollout)),
        *([("reason", rollout.reason)] if rollout.reason else []),
        ("hosts", f"{rollout.done} of {rollout.hosts} done: {counts_text(rollout)}"),
        ("rate", "all at once" if rollout.rate is None else f"{rollout.rate} hosts a minute"),
        ("by", rollout.person),
        ("begun", clock_time(rollout.started_at)),
        ("ended", clock_time(rollout.ended_at)),
    ]
    if rollout.next_at is not None and rollout.state == "running":
        facts.append(("goes on", clock_time(rollout.next_at)))
    for one in rollout.waves:
        name = "later" if one.wave is None else f"wave {wave_name(one.wave)}"
        facts.append((name, f"{one.hosts}: {counts_text(one)}"))
    return facts + [("waits", waiting_text(one)) for one in unsigned]


def target_view() -> View[RolloutTarget]:
    """The columns of a rollout's hosts."""
    return View(
        columns=(
            Column("HOST", lambda t: f"{t.site}/{t.host}"),
            Column("STATE", lambda t: t.state, style=lambda t: TARGETS.get(t.state)),
            Column("WAVE", lambda t: wave_name(t.wave), right=True),
            Column("ATTEMPT", lambda t: str(t.attempt), right=True),
            Column("CODE", lambda t: t.code or "-"),
            Column("JOB", lambda t: t.job_id or "-"),
            Column("WHY", lambda t: t.message or "-"),
        ),
        name=lambda t: f"{t.site}/{t.host}",
        document=lambda t: t.document,
        none="no hosts",
    )


def preview_facts(said: dict[str, Any]) -> list[tuple[str, str]]:
    """What a rollout would do."""
    risk = "by each host's plan" if said.get("risk") is None else f"R{said['risk']}"
    facts = [
        ("hosts", f"{said['hosts']}, of which {said['away']['hosts']} are away now"),
        ("risk", risk),
        ("approvals", f"{said['approvals']['hosts']} hosts need a signature first"),
        ("ends", f"about {clock_time(said.get('begun_at'))}"),
    ]
    if said.get("opens_at") is not None:
        facts.append(("window opens", clock_time(said["opens_at"])))
    for wave in said["waves"]:
        rate = "all at once" if wave["rate"] is None else f"{wave['rate']} a minute"
        first = ", ".join(wave["first"][:5]) + (", ..." if wave["hosts"] > 5 else "")
        begins = "when its window opens" if wave["begins_at"] is None else f"about {clock_time(wave['begins_at'])}"
        facts.append((f"wave {wave_name(wave['wave'])}", f"{wave['hosts']} hosts, {rate}, {begins}: {first}"))
    facts += [
        ("takes no part", f"{one['hosts']} hosts ({one['code']}): {', '.join(one['first'][:5])}")
        for one in said["skipped"]
    ]
    return facts


async def follow(controller: "Controller", settings: Settings, rollout_id: str) -> Rollout:
    """Wait until the rollout stands still: ended, or paused. Who watches sees a bar for each wave on stderr, a log what happened."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from guestwire.cli.waking import waking

    drawn = person_watches() and not settings.quiet
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[said]}", markup=False), console=Console(stderr=True), disable=not drawn,
    )  # fmt: skip
    lines: dict[str, TaskID] = {}
    told, rollout = "", await controller.rollouts.show(rollout_id)
    asked: set[str] = set()
    looks = True
    async with waking(controller, settings, "rollout", "approval") as wake:
        with bars:
            while True:
                unsigned: list[Approval] | None = []
                if looks and rollout.state == "running":
                    unsigned = await wake.look(lambda: controller.unsigned(rollout_id))
                for one in unsigned or ():
                    if one.id not in asked:
                        if drawn:
                            bars.console.print(waiting_text(one), markup=False, highlight=False)
                        else:
                            remark(settings, waiting_text(one))
                        asked.add(one.id)
                draw(bars, lines, rollout)
                said = plain_line(rollout)
                if not drawn and said != told:
                    remark(settings, said)
                told = said
                if rollout.state in (*ENDED, "paused", "draft"):
                    return rollout
                changes = [change for heard in await wake.wait() for change in heard.changes]
                looks = unsigned is None or not changes or any(change.kind == "approval" for change in changes)
                rollout = await wake.look(lambda: controller.rollouts.show(rollout_id)) or rollout


def waiting_text(approval: Approval) -> str:
    """That somebody has to sign."""
    what = f"{', '.join(approval.operations)} on {approval.hosts_total} host{'' if approval.hosts_total == 1 else 's'}"
    return f"it waits for a signature for {what}: guestwire approval sign {approval.id}"


def plain_line(rollout: Rollout) -> str:
    """How it stands, on one line."""
    return f"{printable(rollout.name)}: {state_text(rollout)}, {rollout.done} of {rollout.hosts} done: {counts_text(rollout)}"


def draw(bars: "Progress", lines: "dict[str, TaskID]", rollout: Rollout) -> None:
    """Bring the bars up to date: the whole, then each wave."""
    rows = [(printable(rollout.name), rollout.hosts, rollout.done, state_text(rollout))]
    for wave in rollout.waves:
        if wave.wave is not None:
            settled = sum(count for state, count in wave.counts.items() if state in SETTLED)
            rows.append((f"  {wave_name(wave.wave)}", wave.hosts, settled, counts_text(wave)))
    for name, total, done, said in rows:
        if name not in lines:
            lines[name] = bars.add_task(name, total=total, said=said)
        bars.update(lines[name], total=total, completed=done, said=said)
