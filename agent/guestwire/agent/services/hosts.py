"""The host operations: ping, show and topology."""

from collections.abc import Callable
from typing import Protocol

from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import HostInspection
from guestwire.model.guest import RUNNING_STATES
from guestwire.model.host import ClockQuality, DriverKind, Host, HostFacts, RebootRequired
from guestwire.protocol import operation_models as m
from guestwire.protocol.config_models import HostTopology
from guestwire.protocol.steps import Call


class AgentFacts(Protocol):
    """What the agent knows of itself."""

    @property
    def epoch(self) -> int: ...

    @property
    def clock_quality(self) -> ClockQuality: ...

    @property
    def last_message_seq(self) -> int: ...

    @property
    def refused(self) -> dict[str, int]: ...

    @property
    def broker_address(self) -> str | None:
        """The IP address of the broker's end of the last connection."""
        ...


class HostService:
    """Answers for the host itself. `clock_ms` is the wall clock; `reboot_required` tells it by the facts just read."""

    def __init__(
        self,
        *,
        host: str,
        site: str,
        label: str,
        version: str,
        driver: DriverKind,
        inspection: HostInspection,
        table: GuestTable,
        agent: AgentFacts,
        clock_ms: Callable[[], int],
        reboot_required: Callable[[HostFacts], RebootRequired],
    ) -> None:
        self._host = host
        self._site = site
        self._label = label
        self._version = version
        self._driver: DriverKind = driver
        self._inspection = inspection
        self._table = table
        self._agent = agent
        self._clock_ms = clock_ms
        self._reboot_required = reboot_required
        self._started_at = clock_ms()

    def ping(self, call: Call) -> m.Pong:
        return m.Pong(payload=call.request.payload, now=self._clock_ms(), epoch=self._agent.epoch)

    async def topology(self, call: Call) -> HostTopology:
        topology = await self._inspection.topology()
        return HostTopology(topology=await self._inspection.described(topology, self._agent.broker_address))

    async def show(self, call: Call) -> m.HostShow:
        facts = await self._inspection.facts()
        rows = self._table.rows()
        host = Host(
            id=self._host,
            site=self._site,
            label=self._label,
            driver=self._driver,
            agent_version=self._version,
            epoch=self._agent.epoch,
            started_at=self._started_at,
            now=self._clock_ms(),
            clock=self._agent.clock_quality,
            hypervisor_connected=self._table.connected,
            facts=facts,
            reboot_required=self._reboot_required(facts),
            guests=len(rows),
            guests_running=sum(row.status.state in RUNNING_STATES for row in rows),
            messages_last_seq=self._agent.last_message_seq,
            refused=self._agent.refused,
        )
        return m.HostShow(host=host)
