"""Guests with communication get the devices of their memory areas: before they run when we start them, and while they run
when whoever knows that they are to have others says so.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary
from xml.etree.ElementTree import fromstring

import libvirt

from guestwire.agent.drivers.libvirt.definitions import make_room
from guestwire.agent.drivers.libvirt.errors import is_lost
from guestwire.agent.drivers.libvirt.monitor import Monitor, Refused
from guestwire.agent.drivers.libvirt.paused_start import start_paused
from guestwire.agent.drivers.libvirt.plugging import (
    Files,
    device_id,
    files_left,
    let_go_of_files,
    make_plugged,
    plugged,
)
from guestwire.agent.drivers.libvirt.read_only import ReadOnly
from guestwire.agent.drivers.libvirt.starts import Starts
from guestwire.agent.drivers.libvirt.watch import Watch
from guestwire.agent.services.ports import Areas, Plug
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
    """A domain's doorbell, None for one without communication; the devices that are plugged, None while it is off; and whether
    its QEMU still has files of an earlier plug, whose end nobody lived to see."""

    doorbell: str | None
    plugged: frozenset[str] | None
    files: bool


class PluggedAreas:
    """Only of domains whose doorbell is in `folder`: those of another guestwire-comm (a trial beside the service) are left
    alone."""

    def __init__(
        self, areas: Areas, folder: Path, on_domain: OnDomain, watch: Watch, starts: Starts, read_only: ReadOnly
    ) -> None:
        self._areas = areas
        self._folder = folder
        self._on_domain = on_domain
        self._watch = watch
        self._starts = starts
        self._read_only = read_only
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, uuid: str, deadline_s: float, before_it_runs: Callable[[], None]) -> bool:
        """Start a guest that is off, its devices plugged before it runs; when they cannot be, it is off again. Raises
        COMM-NOT-STARTED, AREA-NOT-PLUGGED. False, with nothing done, for a guest without communication, or that is on.
        `before_it_runs` is called in a thread."""
        async with self._lock(uuid):
            seen = await self._on_domain(uuid, _look, effect=False)
            if not self._ours(seen) or seen.plugged is not None:
                return False
            doorbell = seen.doorbell or ""
            wanted = await self._wanted(uuid)
            files = await self._files(uuid, wanted)

            def act(domain: Any) -> None:
                try:
                    _start(domain, wanted, files, doorbell, self._starts, self._read_only, before_it_runs)
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
            if seen.plugged == {device_id(plug) for plug in wanted} and not seen.files:
                return
            files = await self._files(uuid, [plug for plug in wanted if device_id(plug) not in seen.plugged])

            def act(domain: Any) -> None:
                try:
                    if domain.isActive():
                        with _unless_it_ends(domain):
                            _plug(domain, wanted, files, self._read_only)
                finally:
                    files.close()

            await self._on_domain(uuid, act)

    def _ours(self, seen: _Seen) -> bool:
        return seen.doorbell is not None and Path(seen.doorbell).is_relative_to(self._folder)

    async def _wanted(self, uuid: str) -> Sequence[Plug]:
        """None for a guest that guestwire-comm does not know (yet, or any more)."""
        try:
            return await self._areas.wanted(uuid)
        except GuestwireError as err:
            if err.code == "NOT-FOUND":
                return ()
            raise

    async def _files(self, uuid: str, plugs: Sequence[Plug]) -> Files:
        """The regions' files. The thread gets copies: it may go on when this call was given up."""
        files = Files()
        try:
            for plug in plugs:
                async with self._areas.opened(uuid, plug) as file:
                    files.add(device_id(plug), file)
        except BaseException:
            files.close()
            raise
        return files

    def _lock(self, uuid: str) -> asyncio.Lock:
        return self._locks.setdefault(uuid, asyncio.Lock())


def _look(domain: Any) -> _Seen:
    active = bool(domain.isActive())
    flags = 0 if active else libvirt.VIR_DOMAIN_XML_INACTIVE
    doorbell = doorbell_of(fromstring(domain.XMLDesc(flags)))  # noqa: S314 (from libvirt)
    there, files = None, False
    if doorbell is not None and active:
        with _unless_it_ends(domain):
            monitor = Monitor(domain)
            there, files = plugged(monitor), files_left(monitor)
    return _Seen(doorbell, there, files)


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


def _plug(domain: Any, wanted: Sequence[Plug], files: Files, read_only: ReadOnly) -> None:
    """A domain that is on, in a thread."""
    try:
        make_plugged(domain, wanted, files, read_only, starting=False)
    finally:
        let_go_of_files(Monitor(domain))


def _start(
    domain: Any,
    wanted: Sequence[Plug],
    files: Files,
    doorbell: str,
    starts: Starts,
    read_only: ReadOnly,
    before_it_runs: Callable[[], None],
) -> None:
    """A domain that is off, in a thread."""
    if domain.isActive():
        return  # somebody else was faster: it gets its areas while it runs
    if not Path(doorbell).is_socket():
        raise GuestwireError("COMM-NOT-STARTED", f"There is no {doorbell}, which the guest's doorbell needs.")
    make_room(domain, len(wanted))

    def prepare() -> None:
        make_plugged(domain, wanted, files, read_only, starting=True)
        before_it_runs()

    try:
        started = start_paused(domain, starts, prepare)
    except libvirt.libvirtError as err:
        if not is_lost(err) and not _answers(doorbell):
            raise GuestwireError("COMM-NOT-STARTED", f"Nobody answers at {doorbell}.") from err
        raise
    if started:
        with suppress(libvirt.libvirtError, Refused):  # it runs: that its QEMU keeps files open is no reason to end it
            let_go_of_files(Monitor(domain))


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(path)
        except OSError:
            return False
        return True
