"""Memory areas as devices of a domain that has a process: one ivshmem-plain for each, on a memory-backend-file.

A region goes to QEMU as a file descriptor (add-fd), so that it needs no place in a file system; all of them go into one set,
which is taken back at once. What is plugged is told by the devices' ids alone: `gwarea-INDEX-GENERATION-ro|rw`, and
`gwmem-...` for the memory behind. Blocking calls, for a thread.
"""

import os
import time
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import fromstring

from guestwire.agent.drivers.libvirt.monitor import Monitor, Refused
from guestwire.agent.drivers.libvirt.read_only import NotReadOnly, ReadOnly
from guestwire.agent.services.ports import Plug
from guestwire.formats.domain_xml.plug_places import PlugPlace, plug_places
from guestwire.model.errors import GuestwireError

UNPLUG_S = 10.0
_ASK_AGAIN_S = 3.0
_LOOK_EVERY_S = 0.05
_LEAST_BYTES = 1 << 20
_DEVICES, _OBJECTS = "/machine/peripheral", "/objects"
_DEVICE, _MEMORY = "gwarea-", "gwmem-"
_FILES = 0x67770000
"""The set of our files in QEMU. libvirt numbers its own from 0 up."""
_RESTART = "Restart the guest"
_KEPT = f"the guest does not let go of it. {_RESTART}"


class Files:
    """Copies of file descriptors by device id, for a thread: whoever gave them may be gone when it uses them."""

    def __init__(self) -> None:
        self._copies: dict[str, int] = {}

    def add(self, name: str, file: int) -> None:
        """Raises RESOURCE-EXHAUSTED."""
        try:
            self._copies[name] = os.dup(file)
        except OSError as err:
            raise GuestwireError("RESOURCE-EXHAUSTED", f"No more files can be open here: {err.strerror}") from err

    def __getitem__(self, name: str) -> int:
        return self._copies[name]

    def close(self) -> None:
        while self._copies:
            os.close(self._copies.popitem()[1])

    __del__ = close


def device_id(plug: Plug) -> str:
    return f"{_DEVICE}{plug.index}-{plug.generation:x}-{'rw' if plug.writable else 'ro'}"


def plugged(monitor: Monitor) -> frozenset[str]:
    """The ids of the areas' devices."""
    return frozenset(name for name in monitor.children(_DEVICES) if name.startswith(_DEVICE))


def files_left(monitor: Monitor) -> bool:
    """Whether QEMU still has files that were passed for areas."""
    return any(fdset["fdset-id"] == _FILES for fdset in monitor.run("query-fdsets"))


def make_plugged(
    domain: Any,
    wanted: Sequence[Plug],
    files: Files,
    read_only: ReadOnly,
    *,
    starting: bool,
    unplug_s: float = UNPLUG_S,
) -> None:
    """Let the domain have the areas' devices that are wanted and no others; `files` has those of the missing ones. `starting`:
    the guest has not run yet; `unplug_s`: how long it has to let go of devices. Afterwards QEMU has files to let go of. Raises
    AREA-NOT-PLUGGED, `detail` names the areas, when all that could be done is done."""
    monitor = Monitor(domain)
    by_id = {device_id(plug): plug for plug in wanted}
    there = plugged(monitor)
    stuck = _unplug(monitor, there - by_id.keys(), unplug_s)
    missing = [plug for name, plug in by_id.items() if name not in there]
    failed = dict.fromkeys(stuck, _KEPT)
    if missing:
        failed |= _plug_all(domain, monitor, missing, files, read_only, starting=starting, stuck=stuck)
    if failed:
        names = [by_id[name].name if name in by_id else name for name in failed]
        text = f"{', '.join(names)}: {'. '.join(dict.fromkeys(failed.values()))}."
        raise GuestwireError("AREA-NOT-PLUGGED", text, detail={"areas": names})


def _plug_all(
    domain: Any,
    monitor: Monitor,
    plugs: Sequence[Plug],
    files: Files,
    read_only: ReadOnly,
    *,
    starting: bool,
    stuck: Set[str],
) -> dict[str, str]:
    """Why a device is not there, and what to do, by its id."""
    kept = {name.split("-")[1] for name in stuck}
    live = fromstring(domain.XMLDesc(0))  # noqa: S314 (from libvirt)
    prove = read_only.of(monitor, live)
    places = plug_places(live, {_place(monitor, name) for name in plugged(monitor)}, starting=starting)
    failed: dict[str, str] = {}
    for plug in plugs:
        name = device_id(plug)
        place = next((place for place in places if starting or place.window >= plug.backing), None)
        if str(plug.index) in kept:
            failed[name] = _KEPT
        elif plug.backing < _LEAST_BYTES or plug.backing & (plug.backing - 1):
            failed[name] = f"{plug.backing} bytes are no size of a region"  # QEMU would abort
        elif place is None:
            failed[name] = f"no slot of the guest is left that has room for it. {_RESTART}"
        else:
            places.remove(place)
            try:
                _plug(monitor, plug, place, files[name], prove)
            except NotReadOnly as err:
                failed[name] = str(err)
            except Refused as err:
                failed[name] = f"{err}. {_RESTART}"
    return failed


def _plug(monitor: Monitor, plug: Plug, place: PlugPlace, file: int, prove: Callable[[int], None]) -> None:
    name = device_id(plug)
    memory = _MEMORY + name.removeprefix(_DEVICE)
    given = monitor.run("add-fd", [file], fdset_id=_FILES)
    backend: dict[str, Any] = {"size": plug.backing, "share": True, "readonly": not plug.writable}
    path = f"/proc/self/fd/{given['fd']}"
    monitor.run("object-add", qom_type="memory-backend-file", id=memory, mem_path=path, **backend)
    where: dict[str, Any] = {"bus": f"pci.{place.bus}", "addr": f"{place.slot:x}", "acpi-index": plug.index}
    try:
        if not plug.writable:
            prove(file)  # before the guest has it
        monitor.run("device_add", driver="ivshmem-plain", id=name, memdev=memory, **where)
    except (Refused, NotReadOnly):
        monitor.run("object-del", id=memory)
        raise


def _unplug(monitor: Monitor, names: Set[str], seconds: float) -> frozenset[str]:
    """Those that are still there after the time that a guest has. A guest may have missed being asked while it booted."""
    end = time.monotonic() + seconds
    left, ask_at = frozenset(names), 0.0
    while left and time.monotonic() < end:
        if time.monotonic() >= ask_at:
            for name in left:
                with suppress(Refused):  # it was asked already
                    monitor.run("device_del", id=name)
            ask_at = time.monotonic() + _ASK_AGAIN_S
        left &= monitor.children(_DEVICES)
        if left:
            time.sleep(_LOOK_EVERY_S)
    devices = {name.removeprefix(_DEVICE) for name in plugged(monitor)}
    for memory in monitor.children(_OBJECTS):
        if memory.startswith(_MEMORY) and memory.removeprefix(_MEMORY) not in devices:
            with suppress(Refused):  # somebody else was faster
                monitor.run("object-del", id=memory)
    return left


def _place(monitor: Monitor, name: str) -> tuple[int, int]:
    """The bus and slot of one of our devices."""
    try:
        bus = str(monitor.run("qom-get", path=f"{_DEVICES}/{name}", property="parent_bus"))
        slot = int(monitor.run("qom-get", path=f"{_DEVICES}/{name}", property="addr"))
        return int(bus.rpartition("pci.")[2]), slot >> 3
    except (Refused, ValueError):  # it went meanwhile
        return -1, -1


def let_go_of_files(monitor: Monitor) -> None:
    """Close what was passed. QEMU does that when the guest runs: while it is stopped it keeps such files, though told to let
    go."""
    with suppress(Refused):  # there are none
        monitor.run("remove-fd", fdset_id=_FILES)
