"""Reads what is known of a host out of the database: its configuration as it was last asked for, its machine as the fleet's
inventory has it, the revision that it reports. The host is not asked."""

from pydantic import ValidationError

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.host_facts import KnownHost
from guestwire.controller.store import host_configs, hosts
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_configs import HostConfig
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.host import Host
from guestwire.model.topology import Topology
from guestwire.protocol.packing import unpack


class _Machine(Model):
    """What of an inventory is about the machine."""

    host: Host
    topology: Topology | None = None


class _Reported(Model):
    """What of a report is about the configuration."""

    revision: int = 0


async def _topology(tx: Tx, ref: HostRef, config: HostConfig | None) -> Topology | None:
    """The machine as it was when it was last read as a whole."""
    found = await hosts.document(tx, ref, "topology")
    if found is None or (config is not None and config.topology is not None and config.at > found.at):
        return None if config is None else config.topology
    return Topology.model_validate(unpack(found.body))


async def known(tx: Tx, ref: HostRef) -> KnownHost:
    """What is known of a host. Raises DATABASE-DAMAGED."""
    config = await host_configs.find(tx, ref)
    inventory = await hosts.document(tx, ref, "inventory")
    report = await hosts.document(tx, ref, "reported")
    try:
        reported = None if report is None else _Reported.model_validate(unpack(report.body)).revision
        if inventory is not None and (config is None or config.at < inventory.at):
            machine = _Machine.model_validate(unpack(inventory.body))
            topology = machine.topology or await _topology(tx, ref, config)
            return KnownHost(config, machine.host, topology, inventory.at, reported)
    except (ValidationError, ValueError) as err:
        raise GuestwireError("DATABASE-DAMAGED", f"What is kept of {ref} cannot be read.") from err
    if config is None:
        return KnownHost(reported=reported)
    return KnownHost(config, config.about, config.topology, config.at, reported)
