"""guest-define and guest-undefine: an edit of the active document and the apply of it, in one request."""

from guestwire.agent.services.configuration.service import Configuration
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import OFF
from guestwire.agent.services.running import Running
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestView, derived_uuid
from guestwire.protocol import operation_models as m
from guestwire.protocol.steps import Call


class Definitions:
    """One guest of the document: made, replaced, taken out."""

    def __init__(self, guests: GuestService, configuration: Configuration) -> None:
        self._guests = guests
        self._configuration = configuration

    def lanes(self, call: Call) -> tuple[str, ...]:
        """The host's configuration, and the guest's own lane where there is one. Raises BUSY before the hypervisor was first
        listed."""
        self._guests.must_be_listed()
        wanted: Guest = call.request.guest
        desired = self._configuration.peek()
        target = _named(wanted, desired.guests)
        given = wanted.model_copy(update={"uuid": wanted.uuid or (_uuid_of(call) if target is None else target.uuid)})
        others = tuple(guest for guest in desired.guests if target is None or guest.uuid != target.uuid)
        return self._configuration.lanes_of(desired.model_copy(update={"guests": (*others, given)}))

    def lanes_of_known(self, call: Call) -> tuple[str, ...]:
        """Likewise, of a guest that must be there. Raises NOT-FOUND too."""
        return ("host", "guests", *self._guests.lane_of(call))

    async def define(self, running: Running) -> GuestView:
        request: m.GuestDefine = running.call.request
        wanted = request.guest
        uuid = wanted.uuid or _uuid_of(running.call)

        def change(desired: Desired) -> tuple[Desired, str]:
            target = _named(wanted, desired.guests)
            given = wanted.model_copy(update={"uuid": uuid})
            if target is None:
                _no_namesake(given, desired)
                return desired.model_copy(update={"guests": (*desired.guests, given)}), uuid
            if target.uuid != uuid:
                _may_replace(target, wanted, replace=request.replace)
            given = given.model_copy(update={"uuid": target.uuid, "id": target.id})
            _no_namesake(given, desired)
            guests = tuple(given if guest.uuid == target.uuid else guest for guest in desired.guests)
            return desired.model_copy(update={"guests": guests}), target.uuid or ""

        desired = await self._configuration.edit(running, change, f"guest define {wanted.name}")
        found = desired.guest(wanted.id or wanted.name)
        row = None if found is None else self._guests.table.by_uuid(found.uuid or "")
        if found is None or row is None:
            raise GuestwireError("DRIVER-ERROR", "The hypervisor took the definition and does not list it.")
        return GuestView(guest=row.guest, status=row.status)

    async def undefine(self, running: Running) -> m.Empty:
        reference: str = running.call.request.guest

        def change(desired: Desired) -> tuple[Desired, str]:
            row = self._guests.table.find(reference)
            if row.observed.state not in OFF:
                raise GuestwireError("WRONG-STATE", "the guest runs", detail={"state": row.status.state})
            left = tuple(guest for guest in desired.guests if guest.uuid != row.uuid)
            if len(left) == len(desired.guests):
                text = "This is a domain of another tool: adopt it first, or remove it with that tool."
                raise GuestwireError("UNSUPPORTED", text)
            return desired.model_copy(update={"guests": left}), row.uuid

        await self._configuration.edit(running, change, f"guest undefine {reference}")
        return m.Empty()


def _named(wanted: Guest, guests: tuple[Guest, ...]) -> Guest | None:
    """The guest a definition is for: by uuid, else by identifier, else by name; None: a new one."""
    key = "uuid" if wanted.uuid is not None else "id" if wanted.id is not None else "name"
    return next((guest for guest in guests if getattr(guest, key) == getattr(wanted, key)), None)


def _may_replace(target: Guest, wanted: Guest, *, replace: bool) -> None:
    if replace:
        return
    raise GuestwireError(
        "GUEST-ID-DUP" if wanted.id is not None else "NAME-DUP",
        f"Guest {target.id or target.name} exists: ask for it to be replaced, or choose another name.",
        field="guest.id" if wanted.id is not None else "guest.name",
        detail={"guest": target.id, "name": target.name},
    )


def _no_namesake(guest: Guest, desired: Desired) -> None:
    for other in desired.guests:
        if other.name == guest.name and other.uuid != guest.uuid:
            raise GuestwireError("NAME-DUP", field="guest.name", detail={"guest": other.id})


def _uuid_of(call: Call) -> str:
    """The uuid of a guest whose definition names none: the same for every run of the same request."""
    return derived_uuid(call.issuer.encode() + b"\x00" + call.request_id)
