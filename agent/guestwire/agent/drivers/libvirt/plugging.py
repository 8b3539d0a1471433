"""Memory areas as devices of a domain that has a process: one ivshmem-plain for each, on a memory-backend-file.

A region goes to QEMU as a file descriptor (add-fd), so that it needs no place in a file system. What is plugged is told by
the devices' ids alone: `gwarea-INDEX-GENERATION-ro|rw`, and `gwmem-...` for the memory behind. Blocking calls, for a thread.
"""

import os
import time
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import fromstring

from guestwire.agent.drivers.libvirt.monitor import Monitor, Refused
from guestwire.agent.services.ports import Plug
from guestwire.formats.domain_xml.plug_places import PlugPlace, plug_places
from guestwire.model.errors import GuestwireError

UNPLUG_S = 10.0
_ASK_AGAIN_S = 3.0
_LOOK_EVERY_S = 0.05
_LEAST_BYTES = 1 << 20
_DEVICES, _OBJECTS = "/machine/peripheral", "/objects"
_DEVICE, _MEMORY = "gwarea-", "gwmem-"
_KEPT = "the guest does not let go of it"


class Files:
    """Copies of file descriptors by device id, for a thread: whoever gave them may be gone when it uses them."""

    def __init__(self, given: Mapping[str, int]) -> None:
        self._copies = {name: os.dup(file) for name, file in given.items()}

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


def make_plugged(
    domain: Any, wanted: Sequence[Plug], files: Files, *, starting: bool, unplug_s: float = UNPLUG_S
) -> None:
    """Let the domain have the areas' devices that are wanted and no others; `files` has those of the missing ones. `starting`:
    the guest has not run yet; `unplug_s`: how long it has to let go of devices. Raises AREA-NOT-PLUGGED, `detail` names the
    areas, when all that could be done is done."""
    monitor = Monitor(domain)
    by_id = {device_id(plug): plug for plug in wanted}
    there = plugged(monitor)
    stuck = _unplug(monitor, there - by_id.keys(), unplug_s)
    missing = [plug for name, plug in by_id.items() if name not in there]
    failed = dict.fromkeys(stuck, _KEPT)
    if missing:
        failed |= _plug_all(domain, monitor, missing, files, starting=starting, stuck=stuck)
    if failed:
        names = [by_id[name].name if name in by_id else name for name in failed]
        raise GuestwireError(
            "AREA-NOT-PLUGGED", f"{', '.join(names)}: {'; '.join(dict.fromkeys(failed.values()))}. Restart the guest.",
            detail={"areas": names},
        )  # fmt: skip


def _plug_all(
    domain: Any, monitor: Monitor, plugs: Sequence[Plug], files: Files, *, starting: bool, stuck: Set[str]
) -> dict[str, str]:
    """Why a device is not there, by its id."""
    kept = {name.split("-")[1] for name in stuck}
    live = fromstring(domain.XMLDesc(0))  # noqa: S314 (from libvirt)
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
            failed[name] = "no slot of the guest is left that has room for it"
        else:
            places.remove(place)
            try:
                _plug(monitor, plug, place, files[name])
            except Refused as err:
                failed[name] = str(err)
    return failed


def _plug(monitor: Monitor, plug: Plug, place: PlugPlace, file: int) -> None:
    name = device_id(plug)
    memory = _MEMORY + name.removeprefix(_DEVICE)
    given = monitor.run("add-fd", [file], opaque=_DEVICE)
    try:
        backend: dict[str, Any] = {"size": plug.backing, "share": True, "readonly": not plug.writable}
        path = f"/proc/self/fd/{given['fd']}"
        monitor.run("object-add", qom_type="memory-backend-file", id=memory, mem_path=path, **backend)
    finally:
        monitor.run("remove-fd", fdset_id=given["fdset-id"])
    where: dict[str, Any] = {"bus": f"pci.{place.bus}", "addr": f"{place.slot:x}", "acpi-index": plug.index}
    try:
        monitor.run("device_add", driver="ivshmem-plain", id=name, memdev=memory, **where)
    except Refused:
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
    """Close what was passed with add-fd: QEMU keeps such files while the guest is stopped, though told to let go."""
    for fdset in monitor.run("query-fdsets"):
        if any(file.get("opaque") == _DEVICE for file in fdset["fds"]):
            with suppress(Refused):
                monitor.run("remove-fd", fdset_id=fdset["fdset-id"])
