"""The guests that are defined on a simulated host, in memory and in its log; and how often the host was booted."""

import asyncio
from collections.abc import Callable, Iterator

from guestwire.agent.drivers.duplicates import refuse_duplicates
from guestwire.agent.drivers.simulated import store
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.runtime import GuestRuntime
from guestwire.agent.drivers.simulated.store import ON, GuestLog, Power, Stored
from guestwire.agent.services.ports import Observed
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning


class DefinedGuests:
    """The table. `changed` and `gone` are told what it did, before the disk is sure of it."""

    __slots__ = ("_changed", "_gone", "_guests", "_injection", "_log", "host_boots")

    def __init__(
        self,
        log: GuestLog,
        injection: Injection,
        *,
        changed: Callable[[GuestRuntime], None],
        gone: Callable[[str], None],
    ) -> None:
        self._log = log
        self._injection = injection
        self._changed = changed
        self._gone = gone
        self._guests: dict[str, GuestRuntime] = {}
        self.host_boots = 1

    def load(self) -> None:
        stored = self._log.load()
        self.host_boots = stored.host_boots
        for uuid, (guest, power) in stored.guests.items():
            self._guests[uuid] = GuestRuntime(guest, power, stored.pins.get(uuid), stored.processes.get(uuid))

    def __iter__(self) -> Iterator[GuestRuntime]:
        return iter(self._guests.values())

    def find(self, uuid: str) -> GuestRuntime | None:
        return self._guests.get(uuid)

    def get(self, uuid: str) -> GuestRuntime:
        if (runtime := self._guests.get(uuid)) is None:
            raise GuestwireError("NOT-FOUND", f"no guest has the uuid {uuid}", detail={"uuid": uuid})
        return runtime

    def place_of(self, uuid: str) -> int:
        """Its place in the order of uuids."""
        return sorted(self._guests).index(uuid)

    def observations(self) -> tuple[Observed, ...]:
        """All, in order of id."""
        ordered = sorted(self, key=lambda runtime: (runtime.guest.id or "~", runtime.guest.name))
        return tuple(runtime.observed() for runtime in ordered)

    def processes(self) -> Iterator[Process]:
        """Those of the guests that run."""
        return (runtime.process for runtime in self if runtime.process is not None)

    def running_vcpus(self) -> int:
        """Of all guests that run."""
        return sum(process.guest.vcpus for process in self.processes())

    async def define(self, guest: Guest, pins: Pinning | None) -> Observed:
        uuid = guest.uuid
        if uuid is None or guest.id is None:
            raise ValueError("a definition needs its id and uuid")
        refuse_duplicates(guest, (runtime.guest for runtime in self))
        runtime = self._guests.get(uuid)
        if runtime is not None and runtime.guest.name != guest.name and runtime.power.state in ON:
            raise runtime.wrong_state("a running guest keeps its name")
        self._injection.check_disk()
        self._compact()
        self._log.append(uuid, store.defined(guest, pins))
        if runtime is None:
            self._guests[uuid] = runtime = GuestRuntime(guest, Power())
        runtime.guest, runtime.pins = guest, pins
        self._changed(runtime)
        await asyncio.to_thread(self._log.sync)
        return runtime.observed()

    async def undefine(self, uuid: str) -> None:
        if (runtime := self._guests.get(uuid)) is None:
            return
        if runtime.power.state in ON:
            raise runtime.wrong_state("the guest runs")
        self._injection.check_disk()
        self._log.append(uuid, store.undefined())
        del self._guests[uuid]
        self._gone(uuid)
        await asyncio.to_thread(self._log.sync)

    def write(self, runtime: GuestRuntime, line: dict[str, object]) -> None:
        """Put a line into the log. RESOURCE-EXHAUSTED when this machine's disk does not take it."""
        self._compact()  # before the line: it tells of what is not in memory yet
        self._log.append(runtime.guest.uuid or "", line)

    def count_host_boot(self) -> None:
        self.host_boots += 1
        self._log.append_host_boot(self.host_boots)

    def _compact(self) -> None:
        if not self._log.worn:
            return
        stored = Stored(self.host_boots)
        for uuid, runtime in self._guests.items():
            stored.guests[uuid] = (runtime.guest, runtime.power)
            if runtime.pins is not None:
                stored.pins[uuid] = runtime.pins
            if runtime.process is not None:
                stored.processes[uuid] = runtime.process
        self._log.rewrite(stored)
