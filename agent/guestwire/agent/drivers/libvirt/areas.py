"""Guests with communication get the devices of their memory areas: before they run when we start them, and while they run
when somebody else did, when libvirt was gone for a while, and when what they are to have changed.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary
from xml.etree.ElementTree import fromstring

import libvirt

from guestwire.agent.drivers.background import Background
from guestwire.agent.drivers.libvirt.definitions import make_room, refuse_of_others
from guestwire.agent.drivers.libvirt.monitor import Monitor, Refused
from guestwire.agent.drivers.libvirt.plugging import Files, device_id, let_go_of_files, make_plugged, plugged
from guestwire.agent.drivers.libvirt.watch import Watch
from guestwire.agent.services.ports import Areas, Changed, Gone, GuestEvent, Lost, Observed, Plug, Resynced
from guestwire.formats.domain_xml.communication import doorbell_of
from guestwire.model.errors import GuestwireError

T = TypeVar("T")

_ENDED_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.05


class OnDomain(Protocol):
    """Run a blocking call on a domain, in a thread. Raises what the driver raises."""

    async def __call__(
        self, uuid: str, act: Callable[[Any], T], *, effect: bool = True, deadline_s: float | None = None
    ) -> T: ...


class _Seen(NamedTuple):
    """A domain's doorbell, None for one without communication, and the devices that are plugged, None while it is off."""

    doorbell: str | None
    plugged: frozenset[str] | None


class PluggedAreas(Background):
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
        super().__init__("libvirt-areas")
        self._areas = areas
        self._folder = folder
        self._on_domain = on_domain
        self._watch = watch
        self._failed = failed
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

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
        await self._plug(uuid, may_have_none=True)

    async def put_back(self, uuid: str) -> None:
        """The same, but that a guest keeps what it has where nothing is wanted for it: guestwire-comm may have lost what it
        knew, and is told again."""
        await self._plug(uuid, may_have_none=False)

    async def _plug(self, uuid: str, *, may_have_none: bool) -> None:
        async with self._lock(uuid):
            seen = await self._on_domain(uuid, _look, effect=False)
            if not self._ours(seen) or seen.plugged is None:
                return
            wanted = await self._wanted(uuid)
            if seen.plugged == {device_id(plug) for plug in wanted} or not (wanted or may_have_none):
                return
            async with AsyncExitStack() as stack:
                missing = [plug for plug in wanted if device_id(plug) not in seen.plugged]
                files = await self._files(stack, uuid, missing)

                def act(domain: Any) -> None:
                    try:
                        if domain.isActive():
                            with _unless_it_ends(domain):
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

    async def _run(self) -> None:
        running: set[str] = set()
        async with self._watch.feed.read() as events:
            async for event in events:
                for uuid in _started(event, running):
                    try:
                        await self.put_back(uuid)
                    except GuestwireError as err:
                        self._failed(uuid, err)
                    except Exception as err:  # noqa: BLE001 (the next guest is to get its areas all the same)
                        self._failed(uuid, GuestwireError("INTERNAL", repr(err)))


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
    ours = observed.guest.id is not None and observed.guest.has_comm
    if observed.state not in {"running", "paused"} or not ours:
        running.discard(uuid)
        return False
    new = uuid not in running
    running.add(uuid)
    return new


def _look(domain: Any) -> _Seen:
    active = bool(domain.isActive())
    flags = 0 if active else libvirt.VIR_DOMAIN_XML_INACTIVE
    doorbell = doorbell_of(fromstring(domain.XMLDesc(flags)))  # noqa: S314 (from libvirt)
    there = None
    if doorbell is not None and active:
        with _unless_it_ends(domain):
            there = plugged(Monitor(domain))
    return _Seen(doorbell, there)


@contextmanager
def _unless_it_ends(domain: Any) -> Iterator[None]:
    """Failures of a domain whose process ends meanwhile are none: it needs no devices. Raises DRIVER-ERROR for what QEMU
    refuses."""
    try:
        yield
    except Refused as err:
        raise GuestwireError("DRIVER-ERROR", f"QEMU: {err}") from err
    except libvirt.libvirtError:
        # its monitor is gone a moment before libvirt takes note of its end
        end = time.monotonic() + _ENDED_WITHIN_S
        while domain.isActive():
            if time.monotonic() >= end:
                raise
            time.sleep(_LOOK_EVERY_S)


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
    except BaseException:
        with suppress(libvirt.libvirtError):
            domain.destroy()
        raise
    with suppress(libvirt.libvirtError, Refused):  # it runs: that its QEMU keeps files open is no reason to end it
        let_go_of_files(Monitor(domain))


def undo_half_started(conn: Any, folder: Path, host: str) -> None:
    """Power off what a `start` left paused when whoever called it died: a guest of the host, with its doorbell in `folder`, that
    has not run yet. Then it may be started as if nothing had been."""
    for domain in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED):
        with suppress(
            libvirt.libvirtError, GuestwireError, Refused
        ):  # it went, or is not ours: then there is nothing to undo
            refuse_of_others(domain, host)
            doorbell = doorbell_of(fromstring(domain.XMLDesc(0)))  # noqa: S314 (from libvirt)
            if doorbell is None or not Path(doorbell).is_relative_to(folder):
                continue
            if Monitor(domain).run("query-status").get("status") == "prelaunch":
                domain.destroy()


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(path)
        except OSError:
            return False
        return True
