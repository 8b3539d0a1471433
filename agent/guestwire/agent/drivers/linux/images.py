"""The Images port over qemu-img: create, copy, resize, keep aside, snapshots inside a qcow2 image.

An image gets its name when it is whole and synced. Raw images are never probed for their format when they are written to:
a guest could have made its disk look like another format.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from os import R_OK, W_OK, access
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import WeakValueDictionary

from guestwire.agent.drivers.linux import image_files
from guestwire.agent.drivers.linux.command import Ended, Run, failed, run_command
from guestwire.agent.services.ports import ImageSnapshot
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import FileFact

T = TypeVar("T")

_MIB = 1 << 20
_PROBES_AT_ONCE = 4
_RAW_SUFFIXES = frozenset({".raw", ".iso"})


class QemuImages:
    """Images of this machine. `roots`: the folders that images may be in, out of which no symbolic link leads; None:
    anywhere. `quick_s` bounds what touches metadata only, `copy_s` what moves all of an image."""

    def __init__(
        self,
        *,
        roots: Sequence[Path] | None = None,
        run: Run = run_command,
        qemu_img: str = "qemu-img",
        quick_s: float = 120.0,
        copy_s: float = 6 * 3600.0,
    ) -> None:
        self._roots = None if roots is None else tuple(roots)
        self._run = run
        self._qemu_img = qemu_img
        self._quick_s = quick_s
        self._copy_s = copy_s
        self._probes = asyncio.Semaphore(_PROBES_AT_ONCE)
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def probe(self, paths: Sequence[str]) -> Mapping[str, FileFact]:
        facts = await asyncio.gather(*map(self._probe, paths))
        return dict(zip(paths, facts, strict=True))

    async def create(self, path: str, format: Literal["qcow2", "raw"], size_mib: int) -> None:
        async with self._making(path) as fresh:
            await self._tool("create", "-q", "-f", format, str(fresh), f"{size_mib}M", about=fresh)

    async def clone(self, source: str, path: str, format: Literal["qcow2", "raw"]) -> None:
        origin = await self._image(source, new=True)
        async with self._making(path) as fresh:
            await _threaded(origin, image_files.check_there, origin)
            arguments = (*_format(origin), "-O", format, str(origin), str(fresh))
            await self._tool("convert", *arguments, about=origin, deadline_s=self._copy_s)

    async def resize(self, path: str, size_mib: int, *, shrink: bool = False) -> None:
        async with self._changing(path) as image:
            size = int((await self._info(image, locked=True))["virtual-size"])
            wanted = size_mib * _MIB
            if wanted < size and not shrink:
                raise GuestwireError("UNSUPPORTED", f"{path} has {_begun_mib(size)} MiB: it would shrink to {size_mib}")
            if wanted != size:
                flags = ("--shrink",) if wanted < size else ()
                await self._tool("resize", "-q", *flags, *_format(image), str(image), str(wanted), about=image)

    async def set_aside(self, path: str) -> str:
        image = await self._image(path)
        async with self._lock(image):
            return str(await _threaded(image, image_files.set_aside, image))

    async def put_back(self, aside: str, path: str) -> None:
        image, kept = await self._image(path), await self._image(aside)
        async with self._lock(image):
            await _threaded(image, image_files.put_back, kept, image)

    async def remove(self, path: str) -> None:
        image = await self._image(path)
        async with self._lock(image):
            await _threaded(image, image_files.remove, image)

    async def snapshots(self, path: str) -> Sequence[ImageSnapshot]:
        image = await self._image(path)
        await _threaded(image, image_files.check_there, image)
        return _snapshots(await self._info(image))

    async def snapshot(self, path: str, name: str) -> None:
        async with self._snapshots_of(path, name) as (image, known):
            if name in known:
                raise GuestwireError("EXISTS", f"{path} has a snapshot {name}", detail={"path": path, "snapshot": name})
            await self._tool("snapshot", "-q", "-c", name, str(image), about=image)

    async def revert(self, path: str, name: str) -> None:
        async with self._snapshots_of(path, name) as (image, known):
            _check_known(path, name, known)
            await self._tool("snapshot", "-q", "-a", name, str(image), about=image, deadline_s=self._copy_s)

    async def delete_snapshot(self, path: str, name: str) -> None:
        async with self._snapshots_of(path, name) as (image, known):
            _check_known(path, name, known)
            await self._tool("snapshot", "-q", "-d", name, str(image), about=image, deadline_s=self._copy_s)

    # -- inside

    async def _image(self, path: str, *, new: bool = False) -> Path:
        """Where an image is; `new`: it is made, or copied to make one. Raises UNSUPPORTED, DENIED."""
        image = image_files.check_path(path)
        return (
            image
            if self._roots is None
            else await _threaded(image, partial(image_files.within, new=new), image, self._roots)
        )

    async def _probe(self, path: str) -> FileFact:
        image = Path(path)
        known = await asyncio.to_thread(_look, image)
        if not known.exists or known.format is None:
            return known
        read_only = known.read_only
        try:
            async with self._probes:
                info = await self._info(image)
        except GuestwireError:  # there is a file; what it is nobody can tell
            return FileFact(exists=True, read_only=read_only)
        return FileFact(True, str(info["format"]), _begun_mib(int(info["virtual-size"])), read_only)

    def _lock(self, path: Path) -> asyncio.Lock:
        """One call at a time changes an image."""
        lock = self._locks.get(path)
        if lock is None:
            self._locks[path] = lock = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def _making(self, path: str) -> AsyncIterator[Path]:
        """Make the image under the name that is given; it gets its own name at the end, or is deleted."""
        image = await self._image(path, new=True)

        def begin() -> Path:
            if image.is_symlink() or image.exists():
                raise image_files.exists(image)
            image_files.make_folder(image)
            return image_files.fresh_name(image)

        async with self._lock(image):
            fresh = await _threaded(image, begin)
            try:
                yield fresh
                await _threaded(image, image_files.publish, fresh, image)
            finally:
                fresh.unlink(missing_ok=True)

    @asynccontextmanager
    async def _changing(self, path: str) -> AsyncIterator[Path]:
        image = await self._image(path)
        async with self._lock(image):
            await _threaded(image, image_files.check_there, image)
            await _threaded(image, image_files.check_unused, image)
            yield image

    @asynccontextmanager
    async def _snapshots_of(self, path: str, name: str) -> AsyncIterator[tuple[Path, frozenset[str]]]:
        """The image and the names of its snapshots; UNSUPPORTED for an image or a name that cannot have one."""
        async with self._changing(path) as image:
            info = await self._info(image, locked=True)
            if info["format"] != "qcow2" or image.suffix in _RAW_SUFFIXES:
                raise GuestwireError("UNSUPPORTED", f"{path} is no qcow2 image: it keeps no snapshots")
            if not name or name.isdecimal():
                raise GuestwireError("UNSUPPORTED", f"{name!r} cannot name a snapshot: it would be taken for a number")
            yield image, frozenset(snapshot.name for snapshot in _snapshots(info))

    async def _info(self, image: Path, *, locked: bool = False) -> Mapping[str, Any]:
        """What qemu-img says of it; `locked`: IMAGE-IN-USE where a guest writes to it."""
        share = () if locked else ("-U",)
        info: dict[str, Any] = json.loads(
            await self._tool("info", *share, "--output=json", *_format(image), str(image), about=image)
        )
        return info

    async def _tool(self, *arguments: str, about: Path, deadline_s: float | None = None) -> str:
        command = (self._qemu_img, *arguments)
        ended = await self._run(*command, deadline_s=deadline_s or self._quick_s)
        if ended.code != 0:
            raise _translated(command, ended, about)
        return ended.out


def _look(image: Path) -> FileFact:
    """What the file system says; `format` "file" for one that may be an image."""
    if not image.is_absolute() or not image.exists():
        return FileFact(exists=False)
    readable = image.is_file() and access(image, R_OK)
    return FileFact(exists=True, format="file" if readable else None, read_only=not access(image, W_OK))


def _begun_mib(size: int) -> int:
    """Rounded up: who shrinks an image to what was probed cuts nothing off."""
    return -(-size // _MIB)


def _format(image: Path) -> tuple[str, ...]:
    return ("-f", "raw") if image.suffix in _RAW_SUFFIXES else ()


def _translated(command: Sequence[str], ended: Ended, about: Path) -> GuestwireError:
    words = ended.words
    if "Failed to get" in words and "lock" in words:
        return image_files.in_use(about)
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return GuestwireError(
            "RESOURCE-EXHAUSTED",
            f"no space for {about}: {words}",
            detail={"resource": "disk", "path": str(about), "text": words},
        )
    return failed(command, ended)


def _snapshots(info: Mapping[str, Any]) -> tuple[ImageSnapshot, ...]:
    return tuple(
        ImageSnapshot(str(entry["name"]), int(entry["date-sec"]) * 1000 + int(entry["date-nsec"]) // 1_000_000)
        for entry in info.get("snapshots", ())
    )


def _check_known(path: str, name: str, known: frozenset[str]) -> None:
    if name not in known:
        raise GuestwireError("NOT-FOUND", f"{path} has no snapshot {name}", detail={"path": path, "snapshot": name})


async def _threaded(about: Path, act: Callable[..., T], *arguments: Any) -> T:
    """What blocks, in a thread; errors of the file system as ours."""
    try:
        return await asyncio.to_thread(act, *arguments)
    except OSError as err:
        raise image_files.disk_error(about, err) from err
