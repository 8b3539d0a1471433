"""Taking in what is on the host: domains of other tools, and edits made behind our back (kvmrt-import [-u])."""

from collections.abc import Iterator
from typing import Final

from guestwire.agent.config_records_schema import ChangeRow
from guestwire.agent.services.configuration.active import Kept
from guestwire.agent.services.configuration.applying import Applying
from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.ports import Power
from guestwire.agent.services.configuration.prepared import Prepared, Preparer
from guestwire.agent.services.configuration.steps import Step, write_folder
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol.config_models import ConfigAdopt, ConfigAdopted, ConfigApplied

ADOPT_RISK: Final = 1


class Adoption:
    """config-adopt."""

    def __init__(self, applying: Applying, preparer: Preparer, power: Power) -> None:
        self._applying = applying
        self._around = applying.around
        self._preparer = preparer
        self._power = power

    # -- adopt

    async def adopt(self, running: Running, *, trusted: bool = False) -> ConfigAdopted:
        """Take domains of other tools, and with `update` edits made by hand, into the active document; guests of other hosts
        only by name. What is there is left as it is, but for domains that get our identifiers, and the folders of guests: they
        are made, and those of guests that are gone go aside."""
        request: ConfigAdopt = running.call.request
        if (again := await self._applying.taken_up(running)) is not None:
            return await self._taken_in(again)
        active, current = await self._preparer.current()
        known = self._power.known()
        there = known.keys() - self._power.of_others()
        ours = {guest.uuid for guest in active.guests}
        unnamed = frozenset() if request.guests else there
        chosen = [
            g for uuid, g in known.items() if uuid in unnamed or g.name in request.guests or uuid in request.guests
        ]
        if missing := set(request.guests) - {g.name for g in chosen} - {g.uuid or "" for g in chosen}:
            raise GuestwireError("NOT-FOUND", f"There is no domain {sorted(missing)[0]!r} on this host.")
        new = [] if trusted else [guest for guest in chosen if guest.uuid not in ours]
        now = {guest.uuid: guest for guest in current.guests}
        differing = {guest.uuid for guest in active.guests if guest.uuid in there and now.get(guest.uuid) != guest}
        changed = {guest.uuid for guest in chosen} & differing
        kept = tuple(now.get(g.uuid, g) if request.update and g.uuid in changed else g for g in active.guests)
        gone = (
            {g.uuid for g in active.guests if g.uuid not in there} if request.update and not request.guests else set()
        )
        target = active.model_copy(update={"guests": (*(g for g in kept if g.uuid not in gone), *new)})
        skipped = tuple(g.name for g in chosen if g.uuid in ours and not (request.update and g.uuid in changed))
        updated = tuple(g.name for g in chosen if request.update and g.uuid in changed)
        removed = tuple(g.name for g in active.guests if g.uuid in gone)
        if target == active:
            return ConfigAdopted(revision=await self._applying.active.revision(), skipped=skipped)
        prepared = await self._preparer.prepare(target, Options())
        result = await self._adopted(running, prepared, trusted=trusted)
        return ConfigAdopted(
            revision=result.revision, adopted=tuple(g.name for g in new), updated=updated, removed=removed,
            skipped=skipped,
        )  # fmt: skip

    async def _taken_in(self, result: ConfigApplied) -> ConfigAdopted:
        """What a request took in that a crash interrupted, seen from the revision before."""
        now = await self._applying.active.desired()
        try:
            _, before = await self._applying.active.earlier(result.revision.number - 1)
        except GuestwireError:  # not kept any more
            return ConfigAdopted(revision=result.revision)
        old = {guest.uuid: guest for guest in before.guests}
        adopted = tuple(guest.name for guest in now.guests if guest.uuid not in old)
        updated = tuple(guest.name for guest in now.guests if guest.uuid in old and old[guest.uuid] != guest)
        left = {guest.uuid for guest in now.guests}
        removed = tuple(guest.name for guest in before.guests if guest.uuid not in left)
        return ConfigAdopted(revision=result.revision, adopted=adopted, updated=updated, removed=removed)

    async def _adopted(self, running: Running, prepared: Prepared, *, trusted: bool) -> ConfigApplied:
        """What is on the host is not judged by the rules before it is taken in: it is there. Issues show in the next plan."""
        if not trusted:  # no domain is stopped, changed or deleted, folders are kept aside, a rollback is free
            self._around.authorise(running.call, ADOPT_RISK)
        call = running.call
        kept = Kept(prepared.target, call.request_id, call.issuer, prepared.plan.plan_id, waits=self._applying.waits)
        change = ChangeRow(
            request_id=call.request_id, issuer=call.issuer, plan_id=prepared.plan.plan_id,
            base_revision=self._applying.active.number, target=kept.pack(), origin="adopt", author=call.issuer, comment="",
            phase="forward", confirm_s=None, confirm_by_ms=None, boot_id=await self._around.boot_id(),
            started_ms=self._around.clock_ms(), options=b"", risk=ADOPT_RISK,
        )  # fmt: skip
        return await self._applying.begun(
            running, change, (*_tidying(prepared), *_labelling(prepared), *_folders(prepared))
        )


def _tidying(prepared: Prepared) -> Iterator[Step]:
    """A step for each guest that is gone: the next one with its identifier does not inherit its hooks and overrides."""
    kept = {guest.uuid for guest in prepared.target.guests}
    for guest in prepared.active.guests:
        if guest.uuid not in kept and guest.id is not None:
            yield Step("remove-folder", {"id": guest.id}, f"remove the folder of {guest.name}")


def _labelling(prepared: Prepared) -> tuple[Step, ...]:
    """A step for each domain that becomes ours: it gets our identifiers, and nothing else of it changes."""
    ours = {guest.uuid for guest in prepared.active.guests}
    return tuple(
        Step(
            "label-guest",
            {"uuid": guest.uuid, "guest": guest.model_dump_json(exclude_defaults=True)},
            f"adopt {guest.name}",
        )
        for guest in prepared.target.guests
        if guest.uuid not in ours
    )


def _folders(prepared: Prepared) -> Iterator[Step]:
    """A step for each guest that is taken in, or taken in anew: its folder says what it is. Files of a template are for guests
    that are made from it."""
    before = {guest.uuid: guest for guest in prepared.active.guests}
    for guest in prepared.target.guests:
        if guest.id is not None and before.get(guest.uuid) != guest:
            yield write_folder(guest, prepared.after[guest.uuid or ""])
