"""Starts of domains that are paused at first, so that something is done before they run. Blocking calls, for a thread."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import libvirt

from guestwire.agent.drivers.libvirt.definitions import refuse_of_others
from guestwire.agent.drivers.libvirt.errors import is_lost
from guestwire.agent.drivers.libvirt.monitor import Monitor, Refused
from guestwire.agent.drivers.libvirt.starts import Starts
from guestwire.model.errors import GuestwireError


def start_paused(domain: Any, starts: Starts, prepare: Callable[[], None]) -> bool:
    """Start a domain that is off; `prepare` is called while its QEMU is there and it has not run yet. Raises with the domain
    off, as far as libvirt is there to do it, and BUSY. False, with nothing done, where somebody else was faster."""
    if domain.isActive():
        return False
    try:
        with starts.under_way(domain.UUIDString()) as start:
            try:
                _start(domain, prepare)
            except BaseException as err:
                # a connection that went: nobody knows what became of it
                start.over = not (isinstance(err, libvirt.libvirtError) and is_lost(err))
                raise
            start.over = True
    except BlockingIOError:
        raise GuestwireError("BUSY", "Another process is at starting this guest.", after_ms=1000) from None
    return True


def _start(domain: Any, prepare: Callable[[], None]) -> None:
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    try:
        prepare()
        domain.resume()
    except BaseException:
        _power_off(domain)
        raise


def _power_off(domain: Any) -> None:
    """Raises libvirt.libvirtError when libvirt went before it was done."""
    try:
        domain.destroy()
    except libvirt.libvirtError as err:
        if is_lost(err):
            raise


def undo_half_started(conn: Any, starts: Starts, host: str) -> None:
    """Power off what a `start` left paused when whoever called it died: a guest of the host that has not run yet. Then it
    may be started as if nothing had been."""
    for uuid in starts.left():
        with suppress(BlockingIOError), starts.under_way(uuid) as start:
            start.over = _undone(conn, uuid, host)


def _undone(conn: Any, uuid: str, host: str) -> bool:
    """Whether nothing is left to do."""
    try:
        domain = conn.lookupByUUIDString(uuid)
        refuse_of_others(domain, host)
        if domain.isActive() and Monitor(domain).run("query-status")["status"] == "prelaunch":
            domain.destroy()
    except libvirt.libvirtError as err:
        return not is_lost(err)
    except (GuestwireError, Refused):  # it became another host's, or does not answer as a QEMU does
        return True
    return True
