"""Files of the host that a setting owns: written whole, captured and put back to the byte, mode, owner and absence."""

import asyncio
import base64
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from guestwire.agent.drivers.linux.image_files import disk_error, sync_folder_of
from guestwire.agent.drivers.linux.settings.setting import Place

HEADER = "# Made by Guestwire; changes here are overwritten.\n"


async def write(place: Place, path: str, text: str, *, mode: int = 0o644) -> None:
    """Make the file hold that text; a reader sees the old or the new one."""
    await _threaded(place, path, lambda file: _write(file, text.encode(), mode))


async def link(place: Place, path: str, target: str) -> None:
    """Make it a symbolic link."""
    await _threaded(place, path, lambda file: _link(file, target))


async def remove(place: Place, path: str) -> None:
    await _threaded(place, path, _remove)


async def read(place: Place, path: str) -> str | None:
    return await asyncio.to_thread(read_now, place.file(path))


def read_now(file: Path) -> str | None:
    """A file's text; None where there is none or it cannot be read."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return None


async def capture(place: Place, paths: Sequence[str]) -> dict[str, Any]:
    """What is at these paths, as plain values."""
    return await asyncio.to_thread(lambda: {path: _capture(place.file(path)) for path in paths})


async def restore(place: Place, paths: Sequence[str], captured: Mapping[str, Any]) -> None:
    """Make these paths what they were; one that was not captured was not there."""
    for path in sorted({*paths, *captured}):
        wanted = captured.get(path)
        if await asyncio.to_thread(_capture, place.file(path)) == wanted:
            continue
        if wanted is None:
            await remove(place, path)
        else:
            await _threaded(place, path, lambda file, wanted=wanted: _put_back(file, wanted))


def _capture(file: Path) -> dict[str, Any] | None:
    try:
        found = file.lstat()
        owner = {"uid": found.st_uid, "gid": found.st_gid}
        if file.is_symlink():
            return {"link": str(file.readlink()), **owner}
        data = base64.b64encode(file.read_bytes()).decode()
        return {"data": data, "mode": found.st_mode & 0o7777, **owner}
    except FileNotFoundError:
        return None


def _put_back(file: Path, captured: Mapping[str, Any]) -> None:
    owner = (int(captured["uid"]), int(captured["gid"]))
    if "link" in captured:
        _link(file, captured["link"], owner)
    else:
        _write(file, base64.b64decode(captured["data"]), int(captured["mode"]), owner)


def _remove(file: Path) -> None:
    with suppress(FileNotFoundError):
        file.unlink()
        sync_folder_of(file)


def _write(file: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.guestwire-new")
    try:
        with fresh.open("wb") as opened:
            opened.write(data)
            if owner is not None:  # before the mode: it takes set-id bits away
                os.fchown(opened.fileno(), *owner)
            fresh.chmod(mode)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
        sync_folder_of(file)
    finally:
        fresh.unlink(missing_ok=True)


def _link(file: Path, target: str, owner: tuple[int, int] | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.guestwire-new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    if owner is not None:
        os.lchown(fresh, *owner)
    fresh.replace(file)
    sync_folder_of(file)


async def _threaded(place: Place, path: str, act: Any) -> None:
    file = place.file(path)
    try:
        await asyncio.to_thread(act, file)
    except OSError as err:
        raise disk_error(file, err) from err
