"""Every host that is known, and whether it is there: hears what hosts say of themselves and how the links fare.

In memory is what decides about the next word of a host; what must outlive the controller goes to the database with every
change, and after a start it goes on from there. One timer finds what time alone changes. What people do with hosts is
`hosts`' matter.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterator
from typing import Final, Literal

from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.naming import bounded, clean
from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.sources import Sources
from guestwire.controller.fleet.standing import NEVER, NOT_THERE, Standing, State
from guestwire.controller.fleet.views import presence_of
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Arrivals, Reach, Said
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import Attendance, HostRow, PeoplesWords
from guestwire.protocol.packing import pack
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.steps import Now

SAVE_EVERY_S: Final = 240.0
"""How old the written time of the last sign of life may get while nothing else changes."""
STALL_S: Final = 3.0
READ_S: Final = 1.0
"""A timer that is late by more than the one gives what hosts said meanwhile the other."""
VERSION_CHARS: Final = 64
Approval = Literal["pending", "approved", "rejected"]


class Known:
    """A host in memory."""

    __slots__ = (
        "approval", "boot", "capabilities", "due", "listed", "present", "ref", "restarted", "saved_at", "standing", "state", "state_at",
    )  # fmt: skip

    def __init__(self, ref: HostRef, approval: str, *, listed: bool) -> None:
        self.ref = ref
        self.approval = approval
        self.listed = listed
        self.standing = Standing()
        self.state: State = "offline"
        self.state_at = 0
        self.due = float("inf")
        self.saved_at = NEVER
        self.boot: tuple[int, str] | None = None
        """Epoch and boot of the host's last word."""
        self.capabilities: bytes | None = None
        """The hash that its presence names."""
        self.restarted = False
        """Whether it is to be read when it comes: its last word was of another epoch than what it was known by before, or reading it
        was given up."""
        self.present = False
        """Whether it came, and was not given up since."""


class Errands:
    """What is to be done with hosts because of what they said. None of it may wait."""

    def inventory(self, ref: HostRef) -> None:
        """Read what the host has."""

    def epoch_behind(self, ref: HostRef, known: int) -> None:
        """Tell the host that it was in a later epoch before."""

    def __len__(self) -> int:
        """How many wait or are under way."""
        return 0


class Registry:
    """The fleet in memory. Give `load` before anything is heard. `arrivals` and `errands` may be put in at any time."""

    def __init__(self, keeping: FleetKeeping, clock: Callable[[], Now]) -> None:
        self._keeping = keeping
        self._clock = clock
        self._known: dict[HostRef, Known] = {}
        self._sources = Sources()
        self._due: list[tuple[float, HostRef]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._not_before = 0.0
        self._closed = False
        self.arrivals: list[Arrivals] = []
        self.errands = Errands()

    async def load(self, database: Database) -> None:
        """Go on from what is stored. Nobody is heard yet, so that nobody knows how the hosts are."""
        async with database.read() as tx:
            rows = await hosts.every(tx)
        at = self._clock()
        for row in rows:
            known = Known(row.ref, row.words.approval, listed=row.listed)
            if (body := presence_of(row)) is not None:
                heard_at = at.mono - max(0, at.wall_ms - row.attendance.heard_at) / 1000
                known.standing.restore(body, heard_at, row.attendance.said_at)
                known.boot, known.capabilities = (body.epoch, body.boot_id), body.capabilities_hash
            known.state, known.state_at = row.attendance.state, row.attendance.state_at  # type: ignore[assignment]
            known.saved_at = at.mono
            self._known[row.ref] = known
            self._judge(known, at)

    def close(self) -> None:
        """No more timers."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def __iter__(self) -> Iterator[Known]:
        return iter(tuple(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, ref: HostRef) -> Known | None:
        """A host, if it is known."""
        return self._known.get(ref)

    def approved(self, ref: HostRef) -> bool:
        """Whether somebody let the host in."""
        known = self._known.get(ref)
        return known is not None and known.approval == "approved"

    def state(self, ref: HostRef) -> State:
        """Whether the host is there; unknown for one that is not known."""
        known = self._known.get(ref)
        return known.state if known is not None else "unknown"

    def there(self, ref: HostRef) -> bool:
        """Whether the host is there, as far as anybody knows: one that may be is."""
        known = self._known.get(ref)
        return known is not None and known.state != "offline"

    def present(self, ref: HostRef) -> bool:
        """Whether the host is known to be there."""
        return self.state(ref) not in NOT_THERE

    # -- what people do (after it is committed)

    def approval_is(self, ref: HostRef, approval: Approval) -> None:
        """Somebody let a host in, or not."""
        known = self._known.get(ref)
        if known is None or known.approval == approval:
            return
        known.approval = approval
        if approval == "approved":
            known.restarted = True  # it is to be read, now as a whole
            if known.present:
                self._came(known)

    def forgotten(self, ref: HostRef) -> None:
        """A host is known no more, until it is heard or listed again."""
        self._known.pop(ref, None)

    # -- what the links say

    def link_up(self, reach: Reach) -> None:
        at = self._clock()
        self._sources.up(reach, at.mono)
        if (ref := reach.ref) is not None:
            self.errands.inventory(self._host(ref, at).ref)
        self._judge_all(reach, at)

    def link_down(self, reach: Reach) -> None:
        at = self._clock()
        self._sources.down(reach, at.mono)
        self._judge_all(reach, at)

    def listed(self, site: str, hosts: frozenset[str]) -> None:
        at = self._clock()
        for host in hosts:
            self._list(self._host(HostRef(site, host), at), listed=True)
        for known in self:
            if known.ref.site == site and known.ref.host not in hosts:
                self._list(known, listed=False)

    def _list(self, known: Known, *, listed: bool) -> None:
        if known.listed != listed:
            known.listed = self._keeping.waiting.listed[known.ref] = listed
            self._keeping.wake()

    # -- what hosts say

    def hear_presence(self, said: Said) -> bool:
        """A Hearer's `hear`, of presence. Raises MALFORMED."""
        at = self._clock()
        known = self._host(said.ref, at)
        before = known.standing.last
        if not known.standing.receive(said.statement, at, retained=said.retained):
            if known.approval == "approved" and (behind := known.standing.behind(said.statement, at)) is not None:
                self.errands.epoch_behind(said.ref, behind)
            return True
        body = known.standing.last
        boot = (body.epoch, body.boot_id) if body is not None else None
        again = boot != known.boot
        known.boot = boot
        if body is not None and body.capabilities_hash != known.capabilities:
            known.capabilities = body.capabilities_hash
            self.errands.inventory(said.ref)
        left = before is not None and body is not None and before.online and not body.online
        self._judge(known, at, again=again, left=left)
        return True

    def _host(self, ref: HostRef, at: Now) -> Known:
        known = self._known.get(ref)
        if known is None:
            known = self._known[ref] = Known(ref, "pending", listed=False)
            known.state_at = at.wall_ms
            self._keeping.waiting.hosts[ref] = HostRow(ref, at.wall_ms, listed=False, words=PeoplesWords())
            self._judge(known, at, new=True)
        return known

    # -- judging

    def _judge_all(self, reach: Reach, at: Now) -> None:
        if (ref := reach.ref) is not None:
            self._judge(self._host(ref, at), at)
            return
        for known in self:
            if known.ref.site == reach.site:
                self._judge(known, at)

    def _judge(
        self, known: Known, at: Now, *, again: bool = False, new: bool = False, left: bool = False
    ) -> None:  # fmt: skip
        """Conclude how the host is now. `again`: it is in another epoch than before; `left`: it has said goodbye."""
        ways = self._sources.ways(known.ref)
        state, before = known.standing.state(ways, at), known.state
        if state != before:
            known.state, known.state_at = state, at.wall_ms
        if state != before or again or new or left or at.mono - known.saved_at >= SAVE_EVERY_S:
            self._save(known, at)
        known.restarted = known.restarted or again or before == "offline"
        if state in NOT_THERE:
            known.present = False
        elif state != "suspect" and (again or not known.present):
            known.present = True
            self._came(known)
        self._plan(known, known.standing.due(ways, at))

    def _came(self, known: Known) -> None:
        if known.restarted:
            known.restarted = False
            self.errands.inventory(known.ref)
        if known.approval == "approved":
            self._tell_arrival(known.ref)

    def _save(self, known: Known, at: Now) -> None:
        known.saved_at = at.mono
        body = known.standing.last
        silent_ms = (at.mono - known.standing.seen.heard_at) * 1000
        heard_at = at.wall_ms - round(silent_ms) if silent_ms != float("inf") else 0
        version = clean(body.agent_version, VERSION_CHARS) if body is not None else ""
        self._keeping.waiting.attendance[known.ref] = Attendance(
            state=known.state, state_at=known.state_at, heard_at=bounded(heard_at), said_at=bounded(known.standing.said_at),
            presence=_packed(body), epoch=bounded(known.standing.epoch), agent_version=version, agent_key=natural(version),
        )  # fmt: skip
        self._keeping.wake()

    def _tell_arrival(self, ref: HostRef) -> None:
        for arrivals in self.arrivals:
            arrivals.host_came(ref)

    # -- time

    def _plan(self, known: Known, due: float) -> None:
        """A host has one place among the timers; one that is due later by now is looked at when its place comes, and moves."""
        if due < known.due:
            known.due = due
            heapq.heappush(self._due, (due, known.ref))
        self._arm()

    def _arm(self) -> None:
        if not self._due or self._closed:
            return
        wanted = max(self._due[0][0], self._not_before)
        if self._timer is None or wanted < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            mono = self._clock().mono
            self._timer_at = max(wanted, mono)
            self._timer = asyncio.get_running_loop().call_later(self._timer_at - mono, self.tick)

    def tick(self) -> None:
        """The timer's time has come."""
        self._timer = None
        at = self._clock()
        if at.mono - self._timer_at > STALL_S:
            # the loop stood still: what came meanwhile is read before anybody is called silent
            self._not_before = at.mono + READ_S
            self._arm()
            return
        self.look(at)

    def look(self, at: Now) -> None:
        """Judge every host that time may have changed."""
        while self._due and self._due[0][0] <= at.mono:
            due, ref = heapq.heappop(self._due)
            known = self._known.get(ref)
            if known is not None and known.due == due:
                known.due = float("inf")
                self._judge(known, at)
        self._arm()


def _packed(body: PresenceBody | None) -> bytes | None:
    return None if body is None else pack(body.model_dump(exclude_none=True))
