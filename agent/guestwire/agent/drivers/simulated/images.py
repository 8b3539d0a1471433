"""The Images port of a simulated host, over its registry of images."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal
from uuid import uuid4

from guestwire.agent.drivers.simulated.image_registry import ImageEntry, ImageRegistry, SnapshotEntry
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.services.ports import ImageSnapshot
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import FileFact


class SimulatedImages:
    """`processes`: those of the guests that run now; an image one of them has open is in use. `clock` in Unix ms.

    Besides the port: `content` to see what an image holds, and `write`, as a guest would."""

    __slots__ = ("_clock", "_injection", "_processes", "_registry")

    def __init__(
        self,
        registry: ImageRegistry,
        injection: Injection,
        *,
        processes: Callable[[], Iterable[Process]],
        clock: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._injection = injection
        self._processes = processes
        self._clock = clock

    # -- the Images port

    async def probe(self, paths: Sequence[str]) -> Mapping[str, FileFact]:
        with self._injection.call("images.probe"):
            return {path: self._fact(path) for path in paths}

    async def create(self, path: str, format: Literal["qcow2", "raw"], size_mib: int) -> None:
        with self._injection.call("images.create", path):
            self._check_free(path)
            self._injection.check_disk()
            await self._put(path, ImageEntry(format, size_mib, "empty"))

    async def clone(self, source: str, path: str, format: Literal["qcow2", "raw"]) -> None:
        with self._injection.call("images.clone", path):
            self._check_free(path)
            entry = self._entry(source)
            self._check_unused(source, Process.writes_to)
            self._injection.check_disk()
            await self._put(path, ImageEntry(format, entry.size_mib, entry.content))

    async def resize(self, path: str, size_mib: int, *, shrink: bool = False) -> None:
        with self._injection.call("images.resize", path):
            entry = self._entry(path)
            self._check_unused(path, Process.has_open)
            if size_mib < entry.size_mib and not shrink:
                raise GuestwireError("UNSUPPORTED", f"{path} has {entry.size_mib} MiB: it would shrink to {size_mib}")
            if size_mib > entry.size_mib:
                self._injection.check_disk()
            await self._put(path, replace(entry, size_mib=size_mib))

    async def set_aside(self, path: str) -> str:
        with self._injection.call("images.set_aside", path):
            _check_absolute(path)
            taken = 0
            while self._registry.get(_aside(path, taken + 1)) is not None:
                taken += 1
            if self._registry.get(path) is None:
                if taken == 0:
                    raise _not_found(path)
                return _aside(path, taken)
            self._check_unused(path, Process.has_open)
            self._registry.move(path, aside := _aside(path, taken + 1))
            await asyncio.to_thread(self._registry.sync)
            return aside

    async def put_back(self, aside: str, path: str) -> None:
        with self._injection.call("images.put_back", path):
            if self._registry.get(aside) is None:
                self._entry(path)  # it was put back already
                return
            self._check_free(path)
            self._registry.move(aside, path)
            await asyncio.to_thread(self._registry.sync)

    async def remove(self, path: str) -> None:
        with self._injection.call("images.remove", path):
            _check_absolute(path)
            if self._registry.get(path) is not None:
                self._check_unused(path, Process.has_open)
                await self._put(path, None)

    async def snapshots(self, path: str) -> Sequence[ImageSnapshot]:
        with self._injection.call("images.snapshots", path):
            return tuple(ImageSnapshot(snapshot.name, snapshot.at) for snapshot in self._entry(path).snapshots)

    async def snapshot(self, path: str, name: str) -> None:
        with self._injection.call("images.snapshot", path):
            entry = self._for_snapshots(path, name)
            if any(snapshot.name == name for snapshot in entry.snapshots):
                raise GuestwireError("EXISTS", f"{path} has a snapshot {name}", detail={"path": path, "snapshot": name})
            self._injection.check_disk()
            made = SnapshotEntry(name, self._clock(), entry.content, entry.size_mib)
            await self._put(path, replace(entry, snapshots=(*entry.snapshots, made)))

    async def revert(self, path: str, name: str) -> None:
        with self._injection.call("images.revert", path):
            entry = self._for_snapshots(path, name)
            snapshot = _find(path, entry, name)
            await self._put(path, replace(entry, content=snapshot.content, size_mib=snapshot.size_mib))

    async def delete_snapshot(self, path: str, name: str) -> None:
        with self._injection.call("images.delete_snapshot", path):
            entry = self._for_snapshots(path, name)
            _find(path, entry, name)
            await self._put(path, entry.without(name))

    # -- what the hypervisor, a person who looks, and a guest that writes could do

    async def grow(self, path: str, size_mib: int) -> None:
        """Make an image larger that a running guest has open; one that is as large already stays."""
        entry = self._entry(path)
        if size_mib > entry.size_mib:
            self._injection.check_disk()
            await self._put(path, replace(entry, size_mib=size_mib))

    def exists(self, path: str) -> bool:
        return path not in self._injection.faults.missing_files and self._registry.get(path) is not None

    def content(self, path: str) -> str:
        """What the image holds, as a text: the same for a copy, another after a guest wrote."""
        return self._entry(path).content

    def write(self, path: str) -> None:
        """A guest writes to the image."""
        self._registry.put(path, replace(self._entry(path), content=f"written {uuid4()}"))

    # -- inside

    def _fact(self, path: str) -> FileFact:
        entry = self._registry.get(path)
        if entry is None or path in self._injection.faults.missing_files:
            return FileFact(exists=False)
        return FileFact(True, entry.format, entry.size_mib if entry.format else None)

    def _entry(self, path: str) -> ImageEntry:
        _check_absolute(path)
        entry = self._registry.get(path)
        if entry is None or path in self._injection.faults.missing_files:
            raise _not_found(path)
        return entry

    def _check_free(self, path: str) -> None:
        _check_absolute(path)
        if self._registry.get(path) is not None:
            raise GuestwireError("EXISTS", f"there is a file {path}", detail={"path": path})

    def _check_unused(self, path: str, uses: Callable[[Process, str], bool]) -> None:
        if any(uses(process, path) for process in self._processes()):
            raise GuestwireError("IMAGE-IN-USE", f"a running guest uses {path}", detail={"path": path})

    def _for_snapshots(self, path: str, name: str) -> ImageEntry:
        entry = self._entry(path)
        if entry.format != "qcow2":
            raise GuestwireError("UNSUPPORTED", f"{path} is no qcow2 image: it keeps no snapshots")
        if not name or name.isdecimal():
            raise GuestwireError("UNSUPPORTED", f"{name!r} cannot name a snapshot: it would be taken for a number")
        self._check_unused(path, Process.has_open)
        return entry

    async def _put(self, path: str, entry: ImageEntry | None) -> None:
        self._registry.put(path, entry)
        await asyncio.to_thread(self._registry.sync)


def _check_absolute(path: str) -> None:
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise GuestwireError("UNSUPPORTED", f"an image is named by an absolute path without ..: {path!r} is none")


def _not_found(path: str) -> GuestwireError:
    return GuestwireError("NOT-FOUND", f"there is no file {path}", detail={"path": path})


def _aside(path: str, number: int) -> str:
    pure = PurePosixPath(path)
    return str(pure.with_name(f".{pure.name}.guestwire-aside-{number}"))


def _find(path: str, entry: ImageEntry, name: str) -> SnapshotEntry:
    for snapshot in entry.snapshots:
        if snapshot.name == name:
            return snapshot
    raise GuestwireError("NOT-FOUND", f"{path} has no snapshot {name}", detail={"path": path, "snapshot": name})
