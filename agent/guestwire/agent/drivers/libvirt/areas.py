"""Guests with communication get the devices of their memory areas: before they run when we start them, and while they run
when somebody else did, when libvirt was gone for a while, and when what they are to have changed.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeVar
from weakref import WeakValueDictionary
from xml.etree.ElementTree import fromstring

import libvirt

from guestwire.agent.drivers.libvirt.definitions import make_room
from guestwire.agent.drivers.libvirt.monitor import Monitor
from guestwire.agent.drivers.libvirt.plugging import Files, device_id, let_go_of_files, make_plugged, plugged
from guestwire.agent.drivers.libvirt.watch import Watch
from guestwire.agent.services.ports import Areas, Changed, Gone, GuestEvent, Lost, Observed, Plug, Resynced
from guestwire.formats.domain_xml.communication import doorbell_of
from guestwire.model.errors import GuestwireError

T = TypeVar("T")


class OnDomain(Protocol):
    """Run a blocking call on a domain, in a thread. Raises what the driver raises."""

    async def __call__(
        self, uuid: str, act: Callable[[Any], T], *, effect: bool = True, deadline_s: float | None = None
    ) -> T: ...


class _Seen(NamedTuple):
    """A domain's doorbell, None for one without communication, and the devices that are plugged, None while it is off."""

    doorbell: str | None
    plugged: frozenset[str] | None


class PluggedAreas:
    """`async with` follows the guests that others start. `failed(uuid, error)` hears what then could not be done; the next
    `plug` does it. Only of domains whose doorbell is in `folder`: those of another guestwire-comm (a trial beside the
    service) are left alone."""

    def __init__(
        self,
        areas: Areas,
        folder: Path,
        on_domain: OnDomain,
        watch: Watch,
        failed: Callable[[str, GuestwireError], None],
    ) -> None:
        self._areas = areas
        self._folder = folder
        self._on_domain = on_domain
        self._watch = watch
        self._failed = failed
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="libvirt-areas")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def start(self, uuid: str, deadline_s: float) -> bool:
        """Start a guest that is off, its devices plugged before it runs; when they cannot be, it is off again. Raises
        COMM-NOT-STARTED, AREA-NOT-PLUGGED. False, with nothing done, for a guest without communication, or that is on."""
        async with self._lock(uuid):
            seen = await self._on_domain(uuid, _look, effect=False)
            if not self._ours(seen) or seen.plugged is not None:
                return False
            doorbell = seen.doorbell or ""
            wanted = await self._wanted(uuid)
            async with AsyncExitStack() as stack:
                files = await self._files(stack, uuid, wanted)

                def act(domain: Any) -> None:
                    try:
                        _start(domain, wanted, files, doorbell)
                    finally:
                        files.close()

                with self._watch.held(uuid):
                    await self._on_domain(uuid, act, deadline_s=deadline_s)
            return True

    async def plug(self, uuid: str) -> None:
        """As the port says."""
        async with self._lock(uuid):
            seen = await self._on_domain(uuid, _look, effect=False)
            if not self._ours(seen) or seen.plugged is None:
                return
            wanted = await self._wanted(uuid)
            if seen.plugged == {device_id(plug) for plug in wanted}:
                return
            async with AsyncExitStack() as stack:
                missing = [plug for plug in wanted if device_id(plug) not in seen.plugged]
                files = await self._files(stack, uuid, missing)

                def act(domain: Any) -> None:
                    try:
                        if domain.isActive():
                            make_plugged(domain, wanted, files, starting=False)
                            let_go_of_files(Monitor(domain))
                    finally:
                        files.close()

                await self._on_domain(uuid, act)

    def _ours(self, seen: _Seen) -> bool:
        return seen.doorbell is not None and Path(seen.doorbell).is_relative_to(self._folder)

    async def _wanted(self, uuid: str) -> Sequence[Plug]:
        """None for a guest that guestwire-comm does not know (yet, or any more)."""
        try:
            return (await self._areas.wanted(uuid)).plugs
        except GuestwireError as err:
            if err.code == "NOT-FOUND":
                return ()
            raise

    async def _files(self, stack: AsyncExitStack, uuid: str, plugs: Sequence[Plug]) -> Files:
        """The regions' files. The thread gets copies: it may go on when this call was given up."""
        return Files(
            {device_id(plug): await stack.enter_async_context(self._areas.opened(uuid, plug)) for plug in plugs}
        )

    def _lock(self, uuid: str) -> asyncio.Lock:
        return self._locks.setdefault(uuid, asyncio.Lock())

    async def _follow(self) -> None:
        running: set[str] = set()
        async with self._watch.feed.read() as events:
            async for event in events:
                for uuid in _started(event, running):
                    try:
                        await self.plug(uuid)
                    except GuestwireError as err:
                        self._failed(uuid, err)


def _started(event: GuestEvent, running: set[str]) -> list[str]:
    """The guests with communication that this event is the first to say are on; `running` is kept."""
    match event:
        case Lost():
            running.clear()
        case Gone(uuid=gone):
            running.discard(gone)
        case Resynced(guests=guests):
            running.clear()
            return [observed.guest.uuid or "" for observed in guests if _came_on(observed, running)]
        case Changed(observed=observed):
            return [observed.guest.uuid or ""] if _came_on(observed, running) else []
    return []


def _came_on(observed: Observed, running: set[str]) -> bool:
    uuid = observed.guest.uuid or ""
    if observed.state not in {"running", "paused"} or not observed.guest.has_comm:
        running.discard(uuid)
        return False
    new = uuid not in running
    running.add(uuid)
    return new


def _look(domain: Any) -> _Seen:
    active = bool(domain.isActive())
    flags = 0 if active else libvirt.VIR_DOMAIN_XML_INACTIVE
    doorbell = doorbell_of(fromstring(domain.XMLDesc(flags)))  # noqa: S314 (from libvirt)
    if doorbell is None or not active:
        return _Seen(doorbell, None)
    return _Seen(doorbell, plugged(Monitor(domain)))


def _start(domain: Any, wanted: Sequence[Plug], files: Files, doorbell: str) -> None:
    """A domain that is off, in a thread."""
    if domain.isActive():
        return  # somebody else was faster: it gets its areas while it runs
    if not Path(doorbell).is_socket():
        raise GuestwireError("COMM-NOT-STARTED", f"There is no {doorbell}, which the guest's doorbell needs.")
    make_room(domain, len(wanted))
    try:
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    except libvirt.libvirtError as err:
        if not _answers(doorbell):
            raise GuestwireError("COMM-NOT-STARTED", f"Nobody answers at {doorbell}.") from err
        raise
    try:
        make_plugged(domain, wanted, files, starting=True)
        domain.resume()
        let_go_of_files(Monitor(domain))
    except BaseException:
        with suppress(libvirt.libvirtError):
            domain.destroy()
        raise


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(path)
        except OSError:
            return False
        return True
