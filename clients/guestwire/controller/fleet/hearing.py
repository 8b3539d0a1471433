"""Takes what hosts say of what they have: capabilities, reported, and how their guests change. Whether they are there is
`registry`'s.

Of each kind the newest of a host counts, by (epoch, n); over a connection to one host alone, whose agent may count from the
beginning again, by the time at which the host said it.
"""

from collections.abc import Callable
from typing import Final

from guestwire.controller.fleet.keeping import GONE, FleetKeeping
from guestwire.controller.fleet.naming import bounded, clean
from guestwire.controller.fleet.registry import Registry
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import Condition, DocumentKind, GuestRow, StoredDocument
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.notices import GuestNotice
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.steps import Now

MOST_GUESTS_WAITING: Final = 20_000
"""Guests whose change waits for the database, of all hosts; more are dropped, and read with the next inventory."""

_Place = tuple[int, int, int]


class FleetHearing:
    """Its methods are `hear`s of Hearers. Raises MALFORMED."""

    def __init__(self, registry: Registry, keeping: FleetKeeping, clock: Callable[[], Now]) -> None:
        self._registry = registry
        self._keeping = keeping
        self._clock = clock
        self._places: dict[tuple[HostRef, str], _Place] = {}
        self._had: dict[HostRef, tuple[str, int]] = {}
        self._features: dict[HostRef, tuple[str, ...]] = {}
        self.dropped = 0

    async def load(self, database: Database) -> None:
        """Go on from what is stored."""
        async with database.read() as tx:
            self._places = await hosts.places(tx)

    def capabilities(self, said: Said) -> bool:
        body = said.statement.read(CapabilitiesBody)
        if self._newer(said, "capabilities", body.epoch) and self._features.get(said.ref) != body.features:
            self._features[said.ref] = body.features
            self._registry.errands.inventory(said.ref)
        return True

    def reported(self, said: Said) -> bool:
        body = said.statement.read(ReportedBody)
        if not self._newer(said, "reported", body.epoch):
            return True
        self._keeping.waiting.conditions[said.ref] = Condition(
            guests=bounded(body.guests), guests_running=bounded(body.guests_running), sync=body.state,
            active_revision=bounded(body.revision), drift=bounded(body.drift), reboot=body.reboot_required.required,
        )  # fmt: skip
        had, has = self._had.get(said.ref), (body.active_hash, body.guests)
        self._had[said.ref] = has
        if had is not None and had != has:
            self._registry.errands.inventory(said.ref)
        return True

    def notice(self, said: Said) -> bool:
        """Of the class guest; others are not this one's."""
        if said.part != "guest":
            return True
        body = said.statement.read(GuestNotice)
        waiting = self._keeping.waiting.guests
        uuid = clean(body.uuid or body.guest_id or body.name, 36)
        key = (said.ref, uuid)
        before = waiting.get(key)
        if before is not None and before.as_of > body.at:
            return True
        if before is None and len(waiting) >= MOST_GUESTS_WAITING:
            self.dropped += 1
            return True
        waiting[key] = GuestRow(
            uuid=uuid, guest_id=clean(body.guest_id or "", 16), name=clean(body.name, 255),
            name_low=clean(body.name.casefold(), 255), kind="", state=body.state or GONE, as_of=bounded(body.at), source="event",
            reason=clean(body.reason, 200),
        )  # fmt: skip
        self._keeping.wake()
        return True

    def forgotten(self, ref: HostRef) -> None:
        """A host is known no more."""
        for key in [key for key in self._places if key[0] == ref]:
            del self._places[key]
        self._had.pop(ref, None)
        self._features.pop(ref, None)

    def _newer(self, said: Said, kind: DocumentKind, epoch: int) -> bool:
        """Whether that is news; then it is kept."""
        statement = said.statement
        place, known = (
            (bounded(epoch), bounded(statement.n), bounded(statement.issued_at)),
            self._places.get((said.ref, kind)),
        )
        newer = known is None or place[:2] > known[:2] or (said.direct and place[2] > known[2])
        if newer:
            self._places[said.ref, kind] = place
            stored = StoredDocument(self._clock().wall_ms, statement.body, *place)
            self._keeping.waiting.documents[said.ref, kind] = stored
            self._keeping.wake()
        return newer
