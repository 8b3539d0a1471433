"""What a rollout would do if it began now: which hosts, in which waves, when; who would have to approve it; and which hosts could
not take part, or are not there. Asks and changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.machine import ALWAYS, Opening
from guestwire.controller.rollouts.estimate import PlannedWave, planned_waves
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.ports import Fleet, Windows
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Now

SHOWN: Final = 200
"""Hosts that a list of a preview names."""


class PreviewWave(Model):
    """A wave; 0 is the canary. `first`: some of its hosts, by name. `rate`: hosts per minute, null: all at once. `begins_at`,
    `begun_at`: about when its first and its last host would be begun, if every host did its part at once (Unix ms); null: its
    window does not open."""

    wave: int
    hosts: int
    first: tuple[str, ...]
    rate: int | None
    begins_at: int | None
    begun_at: int | None


class PreviewHosts(Model):
    """Hosts that have something in common. `code`, `message`: why they cannot take part. `first`: some of them, by name."""

    code: str = ""
    message: str = ""
    hosts: int
    first: tuple[str, ...]


class Preview(Model):
    """What a rollout would do now. `hosts`: that would take part, of which `away` are not there at the moment; each has
    `deadline_s` from when its turn comes. `skipped`: that could not, by reason. `risk`: the class of the operation, null for a
    project, where each host's plan decides. `approvals`: hosts that need somebody's mandate first. `more_hosts`: in waves that
    are not listed. `begun_at`: about when the last host would be begun, null where that cannot be told. `opens_at`:
    when its window opens next; null: it is open, or there is none."""

    hosts: int
    risk: int | None
    away: PreviewHosts
    skipped: tuple[PreviewHosts, ...]
    approvals: PreviewHosts
    waves: tuple[PreviewWave, ...]
    more_hosts: int
    begun_at: int | None
    opens_at: int | None


class Previewing:
    """Makes previews."""

    def __init__(
        self,
        database: Database,
        gathering: Gathering,
        making: Making,
        fleet: Fleet,
        windows: Windows,
        access: Access,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._gathering = gathering
        self._making = making
        self._fleet = fleet
        self._windows = windows
        self._access = access
        self._clock = clock

    async def preview(self, person: Person, spec: RolloutSpec) -> Preview:
        """What the rollout would do now. Raises DENIED, INVALID-BODY, SELECTION-INVALID, NOT-FOUND."""
        self._access.require(person, "rollout-start")
        now_ms = self._clock().wall_ms
        async with self._database.read() as tx:
            await self._gathering.check(tx, person, spec, now_ms)
            hosts = await self._gathering.matching(tx, spec, now_ms)
            targets = await self._gathering.targets(tx, person, spec, hosts)
        ready = [target for target in targets if target.state != "skipped"]
        away = [target.host for target in ready if not self._fleet.there(target.host)]
        ordered = [target.host for target in ready if self._fleet.there(target.host)] + away
        waves = planned_waves(spec, ordered, now_ms, lambda at: self._opening(spec, at))
        listed = sum(len(wave.hosts) for wave in waves)
        risk = None if spec.operation is None else BY_NAME[spec.operation].risk
        needing = [] if spec.operation is None else [target.host for target in ready if not target.ready]
        return Preview(
            hosts=len(ready), risk=risk, away=_hosts(away), skipped=_skipped(targets), approvals=_hosts(needing),
            waves=tuple(_wave(wave) for wave in waves), more_hosts=len(ready) - listed,
            begun_at=waves[-1].begun_at if waves and listed == len(ready) else None,
            opens_at=self._opening(spec, now_ms).opens_at,
        )  # fmt: skip

    def _opening(self, spec: RolloutSpec, at: int) -> Opening:
        return ALWAYS if spec.window is None else self._windows.opening(spec.window, at)


def _wave(wave: PlannedWave) -> PreviewWave:
    return PreviewWave(
        wave=wave.wave, hosts=len(wave.hosts), first=_names(wave.hosts), rate=wave.rate, begins_at=wave.begins_at,
        begun_at=wave.begun_at,
    )  # fmt: skip


def _skipped(targets: Sequence[Target]) -> tuple[PreviewHosts, ...]:
    by_reason: dict[tuple[str, str], list[HostRef]] = {}
    for target in targets:
        if target.state == "skipped":
            by_reason.setdefault((target.code or "", target.message or ""), []).append(target.host)
    return tuple(_hosts(hosts, code, message) for (code, message), hosts in sorted(by_reason.items()))


def _hosts(hosts: Sequence[HostRef], code: str = "", message: str = "") -> PreviewHosts:
    return PreviewHosts(code=code, message=message, hosts=len(hosts), first=_names(hosts))


def _names(hosts: Sequence[HostRef]) -> tuple[str, ...]:
    return tuple(str(host) for host in hosts[:SHOWN])
