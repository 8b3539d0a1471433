"""What is known of every guest of this host, kept from the driver's events. Pure state: events in, notices out.

`unknown` never hides a guess: when the connection is lost every state is unknown until everything is listed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from guestwire.agent.services.ports import OFF, Changed, Gone, GuestEvent, Lost, Observed, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestState, GuestStatus, GuestView, StateSource, is_guest_id


@dataclass(frozen=True, slots=True)
class Row:
    """A guest: as observed last, its state, whether it has shown its readiness since it was turned on, and how often
    it was seen to reboot."""

    observed: Observed
    status: GuestStatus
    proven_ready: bool = False
    reboots: int = 0

    @property
    def guest(self) -> Guest:
        return self.observed.guest

    @property
    def uuid(self) -> str:
        assert self.observed.guest.uuid is not None
        return self.observed.guest.uuid

    @property
    def view(self) -> GuestView:
        return GuestView(guest=self.guest, status=self.status)


@dataclass(frozen=True, slots=True)
class Transition:
    """A guest's state changed (`before` None: it appeared; `after` None: it is gone)."""

    guest: Guest
    before: GuestState | None
    after: GuestState | None
    at: int
    source: StateSource
    reason: str = ""


class GuestTable:
    """The guests by uuid. Times in Unix ms."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._starting: set[str] = set()
        self.epoch = 0
        self.connected = False

    # -- questions

    def rows(self) -> list[Row]:
        """In order of identifier, guests without one last, by name."""
        return sorted(self._rows.values(), key=lambda row: (row.guest.id is None, row.guest.id or "", row.guest.name))

    def find(self, reference: str) -> Row:
        """The guest behind GUESTnnnn, a name or a uuid. Raises NOT-FOUND."""
        if is_guest_id(reference):
            for row in self._rows.values():
                if row.observed.guest.id == reference:
                    return row
        for row in self._rows.values():
            if row.observed.guest.name == reference:
                return row
        if reference in self._rows:
            return self._rows[reference]
        raise GuestwireError("NOT-FOUND", f"There is no guest {reference!r} on this host.", detail={"guest": reference})

    def by_uuid(self, uuid: str) -> Row | None:
        return self._rows.get(uuid)

    def by_name(self, name: str) -> Row | None:
        return next((row for row in self._rows.values() if row.guest.name == name), None)

    # -- what happens

    def apply(self, event: GuestEvent, now_ms: int) -> list[Transition]:
        """Take in what the driver says; the changes it made."""
        match event:
            case Resynced(epoch, guests):
                self.epoch, self.connected = epoch, True
                return self._resync(guests, now_ms)
            case Lost(_, reason):
                self.connected = False
                return [self._set(row, "unknown", now_ms, "event", reason) for row in self.rows()]
            case Changed(_, at_ms, observed, rebooted):
                return self._observe(observed, at_ms, "event", rebooted=rebooted)
            case Gone(_, at_ms, uuid):
                self._starting.discard(uuid)
                gone = self._rows.pop(uuid, None)
                return [] if gone is None else [Transition(gone.guest, gone.status.state, None, at_ms, "event")]

    def starting(self, uuid: str, now_ms: int) -> list[Transition]:
        """A start was asked for: `starting` until the power is on or `start_ended`."""
        self._starting.add(uuid)
        row = self._rows.get(uuid)
        return [] if row is None else self._observe(row.observed, now_ms, "event")

    def start_ended(self, uuid: str, now_ms: int) -> list[Transition]:
        """The start is over, well or not: from now on the state is what was observed."""
        self._starting.discard(uuid)
        row = self._rows.get(uuid)
        return [] if row is None else self._observe(row.observed, now_ms, "event")

    def proven_ready(self, uuid: str, now_ms: int) -> list[Transition]:
        """The guest showed what its `ready_when` asks for."""
        row = self._rows.get(uuid)
        if row is None or row.proven_ready or row.observed.state != "running":
            return []
        self._rows[uuid] = replace(row, proven_ready=True)
        return self._observe(row.observed, now_ms, "event")

    # -- pieces

    def _resync(self, guests: Iterable[Observed], now_ms: int) -> list[Transition]:
        listed = {observed.guest.uuid for observed in guests}
        changes = []
        for uuid in [uuid for uuid in self._rows if uuid not in listed]:
            row = self._rows.pop(uuid)
            changes.append(Transition(row.guest, row.status.state, None, now_ms, "poll"))
        for observed in guests:
            changes += self._observe(observed, now_ms, "poll")
        return changes

    def _observe(
        self, observed: Observed, at_ms: int, source: StateSource, *, rebooted: bool = False
    ) -> list[Transition]:
        uuid = observed.guest.uuid
        assert uuid is not None
        row = self._rows.get(uuid)
        ready = row is not None and row.proven_ready and not rebooted
        if observed.state in OFF:
            ready = False
        if observed.guest.ready_when.by == "guest_agent" and observed.state == "running":
            ready = ready or observed.agent_connected
        state = self._state(uuid, observed, ready=ready)
        before = row.status.state if row is not None else None
        reboots = (row.reboots if row is not None else 0) + rebooted
        if row is not None and before == state:
            self._rows[uuid] = replace(row, observed=observed, proven_ready=ready, reboots=reboots)
            return []
        status = GuestStatus(state=state, as_of=at_ms, source=source, reason=observed.reason)
        self._rows[uuid] = Row(observed, status, ready, reboots)
        return [Transition(observed.guest, before, state, at_ms, source, observed.reason)]

    def _state(self, uuid: str, observed: Observed, *, ready: bool) -> GuestState:
        if observed.state == "running":
            self._starting.discard(uuid)
            return "ready" if ready else "running"
        if observed.state in OFF and uuid in self._starting:
            return "starting"
        return observed.state

    def _set(self, row: Row, state: GuestState, at_ms: int, source: StateSource, reason: str) -> Transition:
        status = GuestStatus(state=state, as_of=at_ms, source=source, reason=reason)
        # the guest may reboot or stop unseen: it must earn `ready` again
        self._rows[row.uuid] = replace(row, status=status, proven_ready=False)
        return Transition(row.guest, row.status.state, state, at_ms, source, reason)
