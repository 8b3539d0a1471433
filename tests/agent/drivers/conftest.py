"""Guests of real libvirt, and another tool at work beside us."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from guestwire.agent.drivers.linux.threads import threads_of


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def guests(libvirt_host: Any) -> AsyncIterator[Any]:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    driver = LibvirtGuests(libvirt_host.uri, threads_of=threads_of, clock=unix_ms)
    async with driver as guests:
        yield guests


@pytest.fixture
def other_tool(libvirt_host: Any) -> Iterator[Any]:
    """A connection as virsh has one. Domains made in a test are removed by it."""
    import libvirt

    conn = libvirt.open(libvirt_host.uri)
    before = {domain.UUIDString() for domain in conn.listAllDomains()}
    yield conn
    for domain in conn.listAllDomains():
        if domain.UUIDString() not in before:
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    conn.close()
