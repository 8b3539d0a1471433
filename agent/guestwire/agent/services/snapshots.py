"""Snapshots of a guest's disks, all of them under one name, while the guest is off. They live inside its qcow2 images."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import OFF, Images
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.protocol.config_models import Snapshot, SnapshotList, SnapshotRef
from guestwire.protocol.steps import Call

DATE_STEP_MS = 1000
"""An image dates its snapshots to the second."""


class Snapshots:
    """snapshot-list, -create, -revert, -delete. What is about a guest's disks is about those it may write to."""

    def __init__(self, guests: GuestService, images: Images) -> None:
        self._guests = guests
        self._images = images

    async def list_all(self, call: Call) -> SnapshotList:
        """Oldest first. Also while the guest runs."""
        return await self._listed(self._guests.show(call).guest)

    async def create(self, running: Running) -> SnapshotList:
        """On every disk or on none. Raises WRONG-STATE unless the guest is off, UNSUPPORTED (`detail.disks`) with a raw
        disk, EXISTS, what the Images port raises, and ROLLBACK-INCOMPLETE (`detail.left`: disks) when a disk failed and
        another one kept its snapshot."""
        guest, disks = await self._disks_of(running)
        request: SnapshotRef = running.call.request
        made = []
        for path in disks:
            at = (await self._known(path)).get(request.name)
            if at is None:
                continue
            if not running.again or at + DATE_STEP_MS <= running.call.accepted_ms:
                raise GuestwireError("EXISTS", f"{path} has a snapshot {request.name} already.", detail={"disk": path})
            made.append(path)  # by the run that a crash ended
        try:
            for path in disks:
                if path not in made:
                    running.progress("snapshot", 100 * len(made) // len(disks), path)
                    await running.effect(partial(self._images.snapshot, path, request.name))
                    made.append(path)
        except GuestwireError as err:
            await self._undo(running, made, request.name, err)
            raise
        return await self._listed(guest)

    async def revert(self, running: Running) -> SnapshotList:
        """Put every disk back. Raises WRONG-STATE, UNSUPPORTED, NOT-FOUND when a disk has no such snapshot (before any is
        put back); what fails later says in `detail` which were put back: the same request again does the rest."""
        guest, disks = await self._disks_of(running)
        request: SnapshotRef = running.call.request
        missing = [path for path in disks if request.name not in await self._known(path)]
        if missing:
            raise _no_snapshot(request.name, missing)
        for done, path in enumerate(disks):
            try:
                running.progress("reverting", 100 * done // len(disks), path)
                await running.effect(partial(self._images.revert, path, request.name))
            except GuestwireError as err:
                if not done:
                    raise
                detail = {**err.detail, "reverted": list(disks[:done]), "left": list(disks[done:])}
                raise GuestwireError(
                    err.code, f"{done} of {len(disks)} disks were put back, then: {err.message}", detail=detail
                ) from err
        return await self._listed(guest)

    async def delete(self, running: Running) -> SnapshotList:
        """Forget a snapshot on every disk that has it. Raises WRONG-STATE, UNSUPPORTED, NOT-FOUND when none has."""
        guest, disks = await self._disks_of(running)
        request: SnapshotRef = running.call.request
        having = [path for path in disks if request.name in await self._known(path)]
        if not having and not running.again:
            raise _no_snapshot(request.name, disks)
        for done, path in enumerate(having):
            running.progress("deleting", 100 * done // len(having), path)
            await running.effect(partial(self._images.delete_snapshot, path, request.name))
        return await self._listed(guest)

    # -- pieces

    async def _disks_of(self, running: Running) -> tuple[Guest, tuple[str, ...]]:
        """The guest, which is off, and its images, which can have snapshots."""
        row = await self._guests.find(running, running.call.request.guest)
        state = row.status.state
        if state not in OFF:
            text = f"Its disks are in use ({state}): shut the guest down first."
            raise GuestwireError("WRONG-STATE", text, detail={"state": state})
        disks = _written(row.guest.disks)
        raw = [disk.path for disk in disks if disk.format != "qcow2"]
        if raw:
            text = f"A raw image has no snapshots, and a guest is kept whole or not at all: {', '.join(map(str, raw))}."
            raise GuestwireError("UNSUPPORTED", text, detail={"disks": raw})
        if not disks:
            raise GuestwireError("UNSUPPORTED", "The guest has no disk that it writes to.", detail={"disks": []})
        return row.guest, tuple(disk.path for disk in disks if disk.path is not None)

    async def _known(self, path: str) -> dict[str, int]:
        return {snapshot.name: snapshot.at for snapshot in await self._images.snapshots(path)}

    async def _listed(self, guest: Guest) -> SnapshotList:
        found: dict[str, list[int]] = {}
        for disk in _written(guest.disks):
            if disk.format == "qcow2" and disk.path is not None:
                for name, at in (await self._known(disk.path)).items():
                    found.setdefault(name, []).append(at)
        merged = (Snapshot(name=name, at=min(times), disks=len(times)) for name, times in found.items())
        return SnapshotList(snapshots=tuple(sorted(merged, key=lambda snapshot: (snapshot.at, snapshot.name))))

    async def _undo(self, running: Running, made: Sequence[str], name: str, failure: GuestwireError) -> None:
        """Delete what was made, also for a job that was cancelled. Raises ROLLBACK-INCOMPLETE."""
        left = []
        with _outstanding(running):
            for path in reversed(made):
                try:
                    await self._images.delete_snapshot(path, name)
                except GuestwireError:
                    left.append(path)
        if left:
            text = f"{failure.message} The snapshot {name} stayed on: {', '.join(left)}."
            raise GuestwireError(
                "ROLLBACK-INCOMPLETE", text, detail={"left": left}, cause=(failure.code, *failure.cause)
            ) from failure


@contextmanager
def _outstanding(running: Running) -> Iterator[None]:
    """Calls that must be made though the job was cancelled, and are not to be cancelled."""
    running.outstanding += 1
    try:
        yield
    finally:
        running.outstanding -= 1


def _written(disks: Sequence[Disk]) -> list[Disk]:
    return [disk for disk in disks if disk.device == "disk" and not disk.read_only and disk.path is not None]


def _no_snapshot(name: str, disks: Sequence[str]) -> GuestwireError:
    text = f"There is no snapshot {name} on: {', '.join(disks)}."
    return GuestwireError("NOT-FOUND", text, detail={"snapshot": name, "disks": list(disks)})
