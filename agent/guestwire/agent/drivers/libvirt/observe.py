"""Read a domain: its definition, power state and guest agent. Blocking calls on libvirt's objects, for a thread."""

from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import fromstring

import libvirt

from guestwire.agent.drivers.libvirt.errors import NO_DOMAIN
from guestwire.agent.drivers.libvirt.states import power
from guestwire.agent.services.ports import Observed, PowerState
from guestwire.formats.domain_xml.names import AGENT_CHANNEL
from guestwire.formats.domain_xml.reader import read


def observe(domain: Any, host: str) -> Observed:
    """The definition comes from the INACTIVE XML, so a change that waits for a restart is what is seen. A guest of a host with
    another id than `host` has none here; "" asks for no host."""
    reading = read(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    guest, of_other = reading.guest, reading.host if host and reading.host != host else ""
    if of_other:
        guest = guest.model_copy(update={"id": None})
    if guest.id is None and domain.isPersistent() and domain.autostart():
        guest = guest.model_copy(update={"autostart": "headless"})  # of another tool's domains, all that is known of it
    state, reason = power(*domain.state())
    return Observed(guest, state, reason, state in {"running", "paused"} and _agent_connected(domain), of_other)


def observe_all(conn: Any, host: str) -> tuple[Observed, ...]:
    """Every domain, in order of id; one that goes while we look is left out."""
    found = []
    for domain in conn.listAllDomains():
        try:
            found.append(observe(domain, host))
        except libvirt.libvirtError as err:
            if err.get_error_code() != NO_DOMAIN:
                raise
    return in_order(found)


def power_of_all(conn: Any) -> dict[str, PowerState]:
    """Every domain's power state by uuid, in one call."""
    stats = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
    return {
        domain.UUIDString(): power(values.get("state.state", -1), values.get("state.reason", -1))[0]
        for domain, values in stats
    }


def in_order(observations: Iterable[Observed]) -> tuple[Observed, ...]:
    """By id; guests of other tools, which have none, last and by name."""
    return tuple(sorted(observations, key=lambda observed: (observed.guest.id or "~", observed.guest.name)))


def _agent_connected(domain: Any) -> bool:
    try:
        live = fromstring(domain.XMLDesc(0))  # noqa: S314 (from libvirt)
    except libvirt.libvirtError:
        return False  # it stopped meanwhile
    targets = live.findall("devices/channel/target")
    return any(target.get("name") == AGENT_CHANNEL and target.get("state") == "connected" for target in targets)
