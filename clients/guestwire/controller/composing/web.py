"""Users and the API: who comes in, and the routers of everything that there is."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import APIRouter, FastAPI

from guestwire.controller.api import (
    alarm_rules,
    alarms,
    approvals,
    audit,
    bindings,
    connections,
    drafts,
    exposition,
    groups,
    health,
    host_audit,
    hosts,
    jobs,
    keys,
    messages,
    metrics,
    notices,
    operations,
    plans,
    projects,
    rollouts,
    sessions,
    stream,
    tokens,
    users,
    webhooks,
    windows,
)
from guestwire.controller.api.app import Parts, application, warmed
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.gate import Identities
from guestwire.controller.api.limits import Limits
from guestwire.controller.api.origins import Names
from guestwire.controller.api.stream import Stream
from guestwire.controller.audit.host_logs import HostLogs
from guestwire.controller.audit.log import AuditLog
from guestwire.controller.composing.base import VERSION, Base
from guestwire.controller.composing.hosts import HostSide
from guestwire.controller.composing.own import own_metrics, told_of_hosts
from guestwire.controller.composing.snapshots import snapshots
from guestwire.controller.composing.work import JobSide, ProjectSide, RolloutSide
from guestwire.controller.dashboard.assets import Assets
from guestwire.controller.links.keys_in_trust import KeysInTrust
from guestwire.controller.notices.reading import Notices
from guestwire.controller.users.accounts import Accounts
from guestwire.controller.users.enrolled_keys import EnrolledKeys
from guestwire.controller.users.first_admin import FirstAdmin
from guestwire.controller.users.passwords import PasswordHashing
from guestwire.controller.users.signing_in import MINUTE_MS, SessionRules, SigningIn
from guestwire.controller.users.tokens import Tokens

TAGS = (
    ("hosts", "Hosts, groups of hosts, and the ways to them"),
    ("groups", "Selections of hosts that have a name"),
    ("connections", "The ways to sites and hosts"),
    ("operations", "What hosts can do"),
    ("jobs", "What hosts were asked to do"),
    ("approvals", "What waits for somebody's signature"),
    ("windows", "When work may be done"),
    ("rollouts", "Work on many hosts"),
    ("drafts", "What hosts shall be, as it is edited"),
    ("projects", "Saved configurations"),
    ("metrics", "Telemetry, as it is and as it was"),
    ("alarms", "What is wrong, by which rules, and who is told"),
    ("notices", "What hosts said by themselves"),
    ("messages", "Messages and logs of hosts"),
)


@dataclass(frozen=True, slots=True)
class People:
    """Users and how they come in."""

    accounts: Accounts
    signing_in: SigningIn
    tokens: Tokens
    keys: EnrolledKeys
    first: FirstAdmin
    identities: Identities


async def people(stack: AsyncExitStack, base: Base, side: HostSide) -> People:
    """Users."""
    section, serve = base.settings.users, base.settings.serve
    hashing = await stack.enter_async_context(PasswordHashing())
    accounts = Accounts(base.database, hashing, side.access, base.feed, base.clock)
    rules = SessionRules(section.session_idle_min * MINUTE_MS, section.session_hours * 60 * MINUTE_MS)
    signing_in = SigningIn(base.database, hashing, base.clock, rules)
    tokens = Tokens(base.database, side.access, base.clock)
    keys = EnrolledKeys(base.database, side.access, KeysInTrust(side.links, base.clock), base.clock)
    names = Names(serve.allowed_hosts, secure=serve.secure)
    first = FirstAdmin(base.database, accounts, base.clock)
    return People(accounts, signing_in, tokens, keys, first, Identities(signing_in, tokens, names))


async def web(
    stack: AsyncExitStack, base: Base, side: HostSide, work: JobSide, drafts_side: ProjectSide,
    rollout_side: RolloutSide, who: People,
) -> FastAPI:  # fmt: skip
    """The application."""
    doors = Doors()
    watch = Stream(base.feed, side.access, who.identities, snapshots(side, work, drafts_side, rollout_side), base.clock)
    await stack.enter_async_context(watch)
    base.vital.watch(watch.task)
    own = own_metrics(base, side, work)
    section = base.settings.users
    made = application(
        Parts(
            identities=who.identities, database=base.database, log=base.log, clock=base.clock,
            limits=Limits(person_rate=section.request_rate, person_burst=section.request_burst),
            routers=(
                *_of_people(base, side, who, doors), *_of_hosts(base, side, work, doors),
                *_of_work(side, work, drafts_side, rollout_side, doors), stream.router(watch),
            ),
            outside=(
                health.router(base.database, partial(_links, side), partial(_storing, side)),
                exposition.router(own, told_of_hosts(base, side), _token(base.settings.metrics.token_file)),
            ),
            open_too=frozenset({("GET", exposition.PATH)}), tags=TAGS, version=VERSION,
            dashboard=Assets(version=VERSION),
        )
    )  # fmt: skip
    return warmed(made)


def _of_people(base: Base, side: HostSide, who: People, doors: Doors) -> tuple[APIRouter, ...]:
    return (
        sessions.router(who.signing_in, who.first, doors, secure=base.settings.serve.secure),
        users.router(who.accounts, doors),
        bindings.router(who.accounts, doors),
        tokens.router(who.tokens, doors),
        keys.router(who.keys, doors),
        audit.router(AuditLog(base.database, side.access, side.links.trust), doors),
        host_audit.router(HostLogs(base.database, side.access), doors),
    )


def _of_hosts(base: Base, side: HostSide, work: JobSide, doors: Doors) -> tuple[APIRouter, ...]:
    return (
        hosts.router(side.hosts, doors),
        groups.router(side.groups, side.hosts, doors),
        connections.router(side.connections, doors),
        metrics.router(side.telemetry.queries, side.telemetry.current, doors),
        alarms.router(side.alarms, doors),
        alarm_rules.router(side.rules, doors),
        webhooks.router(side.webhooks, doors),
        notices.router(Notices(base.database, side.access, base.clock), doors),
        messages.router(work.asking, doors),
    )


def _of_work(
    side: HostSide, work: JobSide, drafts_side: ProjectSide, rollout_side: RolloutSide, doors: Doors
) -> tuple[APIRouter, ...]:
    return (
        operations.router(work.asking, work.jobs, doors),
        jobs.router(work.jobs, side.hosts.targets, doors),
        approvals.router(work.approvals, doors),
        windows.router(work.windows, doors),
        rollouts.router(rollout_side.rollouts, rollout_side.previewing, doors),
        drafts.router(drafts_side.drafts, drafts_side.reading, drafts_side.pulling, drafts_side.remapping, doors),
        plans.router(drafts_side.plans, drafts_side.applying, doors),
        projects.router(drafts_side.projects, drafts_side.opening, doors),
    )


def _links(side: HostSide) -> dict[str, int]:
    states: dict[str, int] = {}
    for one in side.links:
        states[one.state] = states.get(one.state, 0) + 1
    return states


def _storing(side: HostSide) -> bool:
    return side.telemetry.ingest.failure is None and side.notices.failure is None


def _token(file: Path | None) -> Callable[[], str | None]:
    """What a scraper must bring. The file is read each time: it may be replaced. One that cannot be read lets nobody in."""

    def token() -> str | None:
        if file is None:
            return None
        try:
            return file.read_text(encoding="utf-8").splitlines()[0].strip() or "\0"
        except (OSError, UnicodeDecodeError, IndexError):
            return "\0"

    return token
