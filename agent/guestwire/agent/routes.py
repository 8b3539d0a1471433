"""Operation -> service: the whole dispatch of the agent, as two tables."""

from collections.abc import Mapping
from typing import Protocol

from guestwire.agent.auditing import Auditing
from guestwire.agent.command_job import Command
from guestwire.agent.configured import ConfiguredHost
from guestwire.agent.jobs import Jobs
from guestwire.agent.services.comm_forwarding import CommForwarding
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.hosts import HostService
from guestwire.agent.services.running import Running
from guestwire.agent.speech import Speech
from guestwire.agent.telemetry.shipper import Shipper
from guestwire.agent.trust_keeper import TrustKeeper
from guestwire.link.serve import Handler
from guestwire.model.base import Model
from guestwire.protocol.operations import OPERATIONS
from guestwire.protocol.steps import Call


class EpochRaiser(Protocol):
    """The host's link to its broker."""

    async def epoch_behind(self, running: Running) -> Model: ...


def reads(
    hosts: HostService,
    guests: GuestService,
    jobs: Jobs,
    speech: Speech,
    configured: ConfiguredHost,
    comm: CommForwarding,
    trust: TrustKeeper,
    audit: Auditing,
    telemetry: Shipper,
) -> Mapping[str, Handler]:
    """Operations without an effect: called with the Call, answered at once or awaited."""
    return {
        "host-ping": hosts.ping,
        "host-show": hosts.show,
        "guest-list": guests.list_all,
        "guest-show": guests.show,
        "guest-threads": guests.threads,
        "guest-console": guests.console,
        "job-get": jobs.get,
        "job-list": jobs.list_all,
        "message-list": speech.messages,
        "log-query": speech.query,
        "guest-xml": guests.xml,
        "host-topology": hosts.topology,
        "trust-show": trust.show,
        "audit-list": audit.list_rows,
        "telemetry-ack": telemetry.acknowledge,
        **configured.reads(),
        **{one.name: comm.read for one in OPERATIONS if one.served_by == "comm" and one.effect == "none"},
    }


def commands(
    guests: GuestService,
    jobs: Jobs,
    speech: Speech,
    epochs: EpochRaiser,
    configured: ConfiguredHost,
    comm: CommForwarding,
    trust: TrustKeeper,
    audit: Auditing,
) -> Mapping[str, Command]:
    """Operations with an effect: journalled, in lanes."""
    of_guest = guests.lane_of
    return {
        "guest-start": Command(of_guest, guests.start),
        "guest-shutdown": Command(of_guest, guests.shutdown),
        "guest-destroy": Command(of_guest, guests.destroy),
        "guest-reset": Command(of_guest, guests.reset),
        "guest-pause": Command(of_guest, guests.pause),
        "guest-resume": Command(of_guest, guests.resume),
        "job-cancel": Command(_no_lane, jobs.cancel),
        "epoch-behind": Command(_no_lane, epochs.epoch_behind),
        "log-level": Command(_host_lane, speech.set_level),
        "log-clear": Command(_host_lane, speech.clear),
        "trust-update": Command(_no_lane, trust.update),
        "audit-ack": Command(_no_lane, audit.acknowledge),
        **configured.commands(of_guest),
        **{
            one.name: Command(_host_lane if one.lane == "host" else _no_lane, comm.run)
            for one in OPERATIONS
            if one.served_by == "comm" and one.effect != "none"
        },
    }


def _no_lane(_call: Call) -> tuple[str, ...]:
    return ()


def _host_lane(_call: Call) -> tuple[str, ...]:
    return ("host",)
