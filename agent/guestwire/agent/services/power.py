"""Many guests on and off: guests-boot and guests-shutdown, as kvmrt-boot and kvmrt-shutdown do (KVM-RT 2).

Guests start in the order of their `order`: those with the same number at once, the next number when they run. They are
shut down in the reverse order, all at once unless asked otherwise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import OFF
from guestwire.agent.services.running import Running
from guestwire.agent.services.work import Part, Work
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.issues import Verdict
from guestwire.protocol.config_models import GuestOutcome, GuestOutcomes, GuestsBoot, GuestsShutdown
from guestwire.protocol.steps import Call

STARTS_AT_ONCE = 4
ASK_AGAIN_S = 5.0
NOBODY_KNOWS = frozenset({"CANCELED", "DRIVER-LOST", "INDETERMINATE"})
"""Errors after which the power is not taken: nobody could say what came of it."""

Turn = Callable[[Guest], AbstractAsyncContextManager[None]]
"""What is held while one guest is started."""


def _at_once(_guest: Guest) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(slots=True)
class _Round:
    """What has come of the guests so far."""

    work: Work
    total: int
    outcomes: list[GuestOutcome] = field(default_factory=list)
    first_error: GuestwireError | None = None

    def percent(self) -> int:
        return 100 * len(self.outcomes) // max(1, self.total)

    def part(self, guest: Guest) -> Part:
        return Part(self.work, guest.name, self.percent)

    def ended(self, outcome: GuestOutcome) -> None:
        self.outcomes.append(outcome)
        with suppress(GuestwireError):  # who cancelled is told by the checkpoint after the guests under way
            self.work.progress(outcome.name, self.percent(), outcome.code or outcome.result)


class GuestPower:
    """`active`: the active configuration, whose order and autostart hold. `validate` applies the rules to it."""

    def __init__(
        self, guests: GuestService, active: Callable[[], Desired], validate: Callable[[], Awaitable[Verdict]]
    ) -> None:
        self._guests = guests
        self._active = active
        self._validate = validate

    # -- lanes

    def boot_lanes(self, call: Call) -> tuple[str, ...]:
        """Those of the guests named, else every guest's; every one's too for a clean boot, that needs all off. Raises
        NOT-FOUND; BUSY before the hypervisor was first listed."""
        request: GuestsBoot = call.request
        return self._guests.lanes_of(() if request.clean else request.guests)

    def shutdown_lanes(self, call: Call) -> tuple[str, ...]:
        request: GuestsShutdown = call.request
        return self._guests.lanes_of(request.guests)

    # -- commands

    async def boot(self, running: Running) -> GuestOutcomes:
        """Start guests in their order; what became of each, a failure too. Raises VALIDATION-FAILED before any is started;
        with `clean` GUESTS-RUNNING, and the first failure of a guest (`detail.guests`: all until then)."""
        request: GuestsBoot = running.call.request
        rows = await self._guests.rows(running)
        await self.must_be_valid()
        wanted = await self._to_boot(running, request)
        if request.clean:
            # those that run when it is taken up again after a crash are its own work
            ours = {guest.uuid for guest in wanted} if running.again else frozenset()
            _must_be_off(row for row in rows if row.uuid not in ours)
        outcomes = await self.start_in_order(running, wanted, wait=request.wait, strict=request.clean)
        return GuestOutcomes(guests=outcomes)

    async def shutdown(self, running: Running) -> GuestOutcomes:
        """Shut guests down; what became of each: one that fails does not keep the others on."""
        request: GuestsShutdown = running.call.request
        rows = await self._guests.rows(running)
        if request.guests:
            chosen = {row.uuid: row for row in [await self._guests.find(running, name) for name in request.guests]}
        else:  # what other tools made and nobody adopted is theirs
            chosen = {row.uuid: row for row in rows if row.guest.id is not None and row.observed.state not in OFF}
        own = {guest.uuid: guest for guest in self._active().guests}
        ordered = sorted(chosen.values(), key=lambda row: _place(own.get(row.uuid, row.guest)), reverse=True)
        so_far = _Round(running, len(ordered))
        one_by_one = asyncio.Semaphore(1 if request.serial else max(1, len(ordered)))

        async def off(row: Row) -> None:
            async with one_by_one:
                so_far.ended(await self._off(so_far.part(row.guest), row, request))

        async with asyncio.TaskGroup() as tasks:
            for row in ordered:
                tasks.create_task(off(row))
        running.checkpoint()
        return GuestOutcomes(guests=_in_order(so_far.outcomes, [row.guest for row in ordered]))

    # -- what autostart does too

    async def must_be_valid(self) -> None:
        """Raises VALIDATION-FAILED, with the errors, when the active configuration breaks rules on this host."""
        errors = (await self._validate()).errors
        if errors:
            raise GuestwireError(
                "VALIDATION-FAILED",
                f"The active configuration has {len(errors)} errors, {errors[0].code} at {errors[0].path} first:"
                " no guest was started.",
                detail={"issues": [issue.model_dump(mode="json") for issue in errors]},
            )

    async def start_in_order(
        self,
        work: Work,
        guests: Sequence[Guest],
        *,
        wait: Literal["running", "ready"] = "running",
        strict: bool = False,
        at_once: int = STARTS_AT_ONCE,
        turn: Turn = _at_once,
    ) -> tuple[GuestOutcome, ...]:
        """Start these, `at_once` of the same order together; the next order follows when they run (`wait`: are ready) or
        failed. `strict`: nothing is begun after a failure, and it is raised. Raises CANCELED."""
        so_far = _Round(work, len(guests))
        ordered = sorted(guests, key=_place)
        for _, same in groupby(ordered, key=lambda guest: guest.order):
            gate = asyncio.Semaphore(at_once)

            async def on(guest: Guest, gate: asyncio.Semaphore = gate) -> None:
                async with gate:
                    if not (strict and so_far.first_error):
                        so_far.ended(await self._on(so_far, guest, wait, turn))

            async with asyncio.TaskGroup() as tasks:
                for guest in same:
                    tasks.create_task(on(guest))
            work.checkpoint()
            if strict and so_far.first_error is not None:
                raise _with_all(so_far.first_error, _in_order(so_far.outcomes, ordered))
        return _in_order(so_far.outcomes, ordered)

    # -- pieces

    async def _to_boot(self, work: Work, request: GuestsBoot) -> list[Guest]:
        """The guests that a request means: those named though disabled, else all that are to be started."""
        own = {guest.uuid: guest for guest in self._active().guests}
        if request.guests:
            rows = [await self._guests.find(work, reference) for reference in request.guests]
            return list({row.uuid: own.get(row.uuid, row.guest) for row in rows}.values())
        return [guest for guest in own.values() if not guest.disabled and (request.all or guest.autostart != "off")]

    async def _on(self, so_far: _Round, guest: Guest, wait: Literal["running", "ready"], turn: Turn) -> GuestOutcome:
        part = so_far.part(guest)
        try:
            async with turn(guest):
                row = await self._guests.find(part, guest.uuid or guest.name)
                if row.observed.state == "running":
                    return await self._retuned(part, row, guest, wait)
                if row.observed.state not in OFF:
                    return _outcome(guest, "unchanged", message=f"It is {row.observed.state}.")
                await self._guests.turn_on(part, row, wait)
                return _outcome(guest, "started")
        except GuestwireError as err:
            so_far.first_error = so_far.first_error or err
            return _failed(guest, err)

    async def _retuned(self, part: Part, row: Row, guest: Guest, wait: Literal["running", "ready"]) -> GuestOutcome:
        """A guest that ran already: what is wrong with it now does not stop a boot."""
        try:
            part.progress("tuning")
            await self._guests.retune(part, row)
            await self._guests.turn_on(part, row, wait)
        except GuestwireError as err:
            return _outcome(guest, "unchanged", code=err.code, message=err.message)
        return _outcome(guest, "retuned")

    async def _off(self, part: Part, row: Row, request: GuestsShutdown) -> GuestOutcome:
        guest = row.guest
        try:
            if row.observed.state in OFF:
                return _outcome(guest, "unchanged")
            try:
                await self._guests.turn_off(part, row, "default", request.within_s, min(ASK_AGAIN_S, request.within_s))
            except GuestwireError as err:
                if not request.force or err.code in NOBODY_KNOWS:
                    raise
                part.progress("taking its power", message=err.code)
                await self._guests.cut_power(part, row)
                return _outcome(guest, "destroyed", message=err.message)
        except GuestwireError as err:
            return _failed(guest, err)
        return _outcome(guest, "stopped")


def _place(guest: Guest) -> tuple[int, bool, str, str]:
    """Where a guest stands in the order: by `order`, then by identifier."""
    return (guest.order, guest.id is None, guest.id or "", guest.name)


def _must_be_off(rows: Iterable[Row]) -> None:
    on = [row.guest.name for row in rows if row.observed.state not in OFF]
    if on:
        text = f"Guests run, and a clean boot begins with all of them off: {', '.join(on[:16])}."
        raise GuestwireError("GUESTS-RUNNING", text, detail={"guests": on})


def _outcome(
    guest: Guest,
    result: Literal["started", "retuned", "stopped", "destroyed", "unchanged", "failed"],
    *,
    code: str | None = None,
    message: str = "",
) -> GuestOutcome:
    return GuestOutcome(guest=guest.id or guest.name, name=guest.name, result=result, code=code, message=message)


def _failed(guest: Guest, err: GuestwireError) -> GuestOutcome:
    return _outcome(guest, "failed", code=err.code, message=err.message)


def _in_order(outcomes: Sequence[GuestOutcome], guests: Sequence[Guest]) -> tuple[GuestOutcome, ...]:
    by_name = {outcome.name: outcome for outcome in outcomes}
    return tuple(by_name[guest.name] for guest in guests if guest.name in by_name)


def _with_all(error: GuestwireError, outcomes: Sequence[GuestOutcome]) -> GuestwireError:
    """The failure of one guest, with what became of all."""
    failed = next(outcome for outcome in outcomes if outcome.result == "failed")
    return GuestwireError(
        error.code,
        f"{failed.name}: {error.message}",
        field=error.field,
        detail={**error.detail, "guests": [outcome.model_dump(mode="json") for outcome in outcomes]},
        cause=error.cause,
    )
