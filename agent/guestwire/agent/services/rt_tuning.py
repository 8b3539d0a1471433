"""The host tuned while rt guests run: which guests run is followed, and what `model.tuning` wants for them is so (KVM-RT 3).

Writing and putting back, over kills of the agent, is in `journalled_values`; which values, and in which order, in the model.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Literal

from guestwire.agent.audit import Log
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.journalled_values import Entry, JournalledValues, Now, Refusal
from guestwire.agent.services.ports import OFF, HostInspection, KernelValues
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.topology import Topology
from guestwire.model.tuning import (
    INTERRUPTS,
    THROTTLING,
    KernelFacts,
    KernelValue,
    cpu_of,
    left_out,
    paths,
    remembered,
    same,
    wanted,
)
from guestwire.protocol.config_models import HostTuning, TuningRow
from guestwire.protocol.steps import Call

NOTE = "rt-tuning"
"""The journal's note."""
DEADLINE_S = 60.0
AGAIN_S = 30.0
"""How long until what could not be done (the hypervisor is away, the journal's disk full) is tried again."""
_NOT_ON = (*OFF, None)
_EXHAUSTED = frozenset({12, 16, 28})
"""errno of ENOMEM, EBUSY, ENOSPC."""


@dataclass(frozen=True, slots=True)
class TunedValue:
    """A value as it is now. `wanted` None: nobody wants it, and `original` is not back; `original` None: it is as it was
    found.

    set       it is as it is wanted; refused: the kernel does not take it, `reason` says why
    changed   somebody else wrote to it since: it is left alone
    observed  never written, only shown (the throttling of real-time threads)
    """

    path: str
    why: str
    wanted: str | None
    now: str | None
    original: str | None
    state: Literal["set", "refused", "changed", "observed"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TuningReport:
    """`left_out`: what rt guests that run do without on this host, and why."""

    values: tuple[TunedValue, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is noted, what is wanted, and what the files hold."""

    boot_id: str
    entries: Mapping[str, Entry]
    desired: Desired
    topology: Topology
    kernel: KernelFacts
    now: Now

    def wanted_for(self, running: frozenset[str]) -> tuple[KernelValue, ...]:
        return wanted(self.desired, running, self.topology, self.kernel)


class RtTuning(VitalTask):
    """`async with` it: values follow the guests, in the background, until the block is left; then they stay as they are, for
    the guests run on.

    `active` is the active configuration, whose policy holds; `running` the guests that are not off, as the hypervisor has
    them, by uuid, and None while nobody can say; `note` and `set_note` are the journal's.
    """

    def __init__(
        self,
        kernel: KernelValues,
        inspection: HostInspection,
        active: Callable[[], Desired],
        running: Callable[[], Mapping[str, Guest] | None],
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
        log: Log,
        vital: Vital,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        super().__init__(vital, "rt-tuning")
        self._kernel = kernel
        self._inspection = inspection
        self._active = active
        self._running = running
        self._log = log
        self._deadline_s = deadline_s
        self._values = JournalledValues(NOTE, kernel, note, set_note, log)
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._wake.set()
        self._starting: dict[str, Guest] = {}

    # -- hooks

    def guest_changed(self, change: Transition) -> None:
        """Told of every transition: values follow in the background where another set of guests runs."""
        if change.after in _NOT_ON:
            self._starting.pop(change.guest.uuid or "", None)
        if "unknown" in (change.before, change.after) or (change.before in _NOT_ON) != (change.after in _NOT_ON):
            self.wake()

    def wake(self) -> None:
        """Something that values depend on changed (another configuration is active): they follow in the background."""
        self._wake.set()

    async def before_start(self, guest: Guest) -> None:
        """Call it before a guest is turned on: what it wants of the host is so when it returns, and stays so until the guest
        was seen off again (`guest_changed`).

        Raises UNSUPPORTED or RESOURCE-EXHAUSTED when the kernel refuses what an rt guest requires (everything that was
        written for it is put back first), DRIVER-LOST while nobody can say which guests run, JOURNAL-FULL, DRIVER-ERROR.
        Guests of other kinds are never kept off.
        """
        uuid = guest.uuid or ""
        self._starting[uuid] = guest
        try:
            async with self._turn():
                await self._prepare(guest, uuid)
        except BaseException as err:
            self.wake()  # whatever was left is dealt with in the background
            if isinstance(err, GuestwireError) and guest.kind != "rt":
                self._log.warning("rt tuning failed", guest=guest.id, code=err.code, reason=err.message)
                return
            self._starting.pop(uuid, None)
            raise

    async def reconcile(self) -> bool:
        """Make the values what the guests that run want, and put back the others; what the kernel refuses is in the report.
        False, nothing done: nobody can say which guests run. Raises DRIVER-ERROR, JOURNAL-FULL."""
        async with self._turn():
            on = self._on()
            if on is None:
                return False
            await self._bring(on, frozenset(on))
            return True

    async def report(self) -> TuningReport:
        """Every value that is wanted or written, as it is now. Raises DRIVER-LOST while nobody can say which guests run, and
        DRIVER-ERROR."""
        async with self._turn():
            on = self._known()
            picture = await self._look(on)
            if picture is None:
                return TuningReport()
            running = frozenset(on)
            values = picture.wanted_for(running)
            shown = [self._shown(value, picture) for value in values]
            written = set(picture.entries) - {value.path for value in values}
            shown += [self._left(picture.entries[path], picture.now.get(path)) for path in sorted(written)]
            throttling = picture.now.get(THROTTLING)
            if values and throttling is not None:
                why = "microseconds of each second that real-time threads may take; -1: all"
                shown.append(TunedValue(THROTTLING, why, None, throttling, None, "observed"))
            notes = left_out(picture.desired, running, picture.topology, picture.kernel)
            return TuningReport(tuple(shown), notes)

    async def show(self, call: Call) -> HostTuning:
        """The operation host-tuning."""
        report = await self.report()
        return HostTuning(values=tuple(TuningRow(**asdict(value)) for value in report.values), left_out=report.left_out)

    async def topology(self) -> Topology:
        """The machine as it is without tuning, for plans and pins: siblings that are offline only because an rt guest runs
        are online, and of their core. Raises DRIVER-ERROR."""
        facts = await self._inspection.facts()
        return await self._untuned(self._values.entries(facts.boot_id))

    # -- the guests

    async def _prepare(self, guest: Guest, uuid: str) -> None:
        on = self._known()
        everyone, others = frozenset(on), frozenset(on) - {uuid}
        picture = await self._bring(on, everyone)
        if guest.kind != "rt" or picture is None:
            return
        # what the others want is no reason to keep this one off
        own = set(picture.wanted_for(everyone)) - set(picture.wanted_for(others))
        required = (value for value in own if value.required and self._refusal(value) is not None)
        missing = min(required, key=lambda value: value.path, default=None)
        if missing is not None:
            error = _missing(guest, missing, self._values.refused[missing.path])
            await self._bring(on, others)
            raise error

    def _on(self) -> dict[str, Guest] | None:
        """The guests that run or are about to."""
        running = self._running()
        if running is None:
            return None
        self._starting = {uuid: guest for uuid, guest in self._starting.items() if uuid not in running}
        return {**running, **self._starting}

    def _known(self) -> dict[str, Guest]:
        on = self._on()
        if on is None:
            raise GuestwireError("DRIVER-LOST", "Nobody can say which guests run, nor how the host is to be tuned.")
        return on

    async def _run(self) -> None:
        done = True
        while True:
            try:
                async with asyncio.timeout(None if done else AGAIN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                done = await self.reconcile()
            except GuestwireError as err:
                done = False
                self._log.warning("rt tuning failed", code=err.code, reason=err.message)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time, and each has its time."""
        try:
            async with asyncio.timeout(self._deadline_s), self._lock:
                yield
        except TimeoutError as err:
            text = f"The host was not tuned within {self._deadline_s:g} s."
            raise GuestwireError("DRIVER-ERROR", text) from err

    # -- the values

    async def _bring(self, on: Mapping[str, Guest], running: frozenset[str]) -> _Picture | None:
        """Make it so for `running`, some of `on`. None: there was nothing to look at."""
        picture = await self._look(on)
        if picture is None:
            return None
        siblings = {cpu.id: cpu.siblings for cpu in picture.topology.cpus}

        def mates(path: str) -> tuple[int, ...]:
            cpu = cpu_of(path)
            return () if cpu is None else siblings.get(cpu, ())

        await self._values.bring(picture.boot_id, picture.wanted_for(running), picture.now, mates)
        return picture

    async def _look(self, on: Mapping[str, Guest]) -> _Picture | None:
        """None: no rt guest runs, and nothing is written."""
        if not self._values.any() and all(guest.kind != "rt" for guest in on.values()):
            return None
        facts = await self._inspection.facts()
        entries = {entry.path: entry for entry in self._values.entries(facts.boot_id)}
        topology = await self._untuned(entries.values())
        interrupts = (await self._kernel.read([INTERRUPTS])).get(INTERRUPTS) or ""
        files = paths(topology, interrupts)
        now = await self._kernel.read([*dict.fromkeys((*files, *entries)), THROTTLING])
        before = {path: text for path in files if (text := now.get(path)) is not None}
        before |= {path: entry.original for path, entry in entries.items() if path in before}
        kernel = KernelFacts(facts.capabilities.cgroup, before)
        desired = self._active().model_copy(update={"guests": tuple(on.values())})
        return _Picture(facts.boot_id, entries, desired, topology, kernel, now)

    async def _untuned(self, entries: Iterable[Entry]) -> Topology:
        down = {cpu: entry.mates for entry in entries if (cpu := cpu_of(entry.path)) is not None}
        return remembered(await self._inspection.topology(), down)

    def _refusal(self, value: KernelValue) -> Refusal | None:
        refusal = self._values.refused.get(value.path)
        return refusal if refusal is not None and refusal.value == value.value else None

    def _shown(self, value: KernelValue, picture: _Picture) -> TunedValue:
        path, now, entry = value.path, picture.now.get(value.path), picture.entries.get(value.path)
        original = None if entry is None else entry.original

        def row(state: Literal["set", "refused", "changed"], reason: str = "") -> TunedValue:
            return TunedValue(path, value.why, value.value, now, original, state, reason)

        if now is not None and same(path, value.value, now):
            return row("set")
        if entry is not None and now is not None and entry.is_changed(now):
            return row("changed")
        if (refusal := self._refusal(value)) is not None:
            return row("refused", refusal.reason)
        ours = entry is not None and entry.taken is not None and same(path, entry.wanted, value.value)
        return row("set") if ours else row("refused", "it was not written yet")

    def _left(self, entry: Entry, now: str | None) -> TunedValue:
        refusal = self._values.refused.get(entry.path)
        reason = "it was not put back yet" if refusal is None else refusal.reason
        return TunedValue(entry.path, "an rt guest that ran wanted it", None, now, entry.original, "refused", reason)


def _missing(guest: Guest, value: KernelValue, refusal: Refusal) -> GuestwireError:
    code = (
        "RESOURCE-EXHAUSTED" if refusal.code == "RESOURCE-EXHAUSTED" or refusal.errno in _EXHAUSTED else "UNSUPPORTED"
    )
    return GuestwireError(
        code,
        f"{guest.name} was not turned on: {value.path} cannot be {value.value} ({value.why}): {refusal.reason}. Give the"
        " agent the right to write it, or use the policy profile system-manager.",
        detail={"path": value.path, "wanted": value.value, "reason": refusal.reason},
        cause=(refusal.code,),
    )
