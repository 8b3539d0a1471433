"""The networks of a host: makes a document's networks true, and keeps them so while taps come and go.

Order of a change, so that no moment is looser than what was before and what comes after: the rules of both, then bridges,
uplinks and addresses, then DHCP servers, then what is no longer wanted is deleted, then its rules. A change that fails is
undone by making the networks before it true in the same way.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyroute2.netlink.exceptions import NetlinkError

from guestwire.comm.networks.capabilities import missing_capabilities, not_forwarding
from guestwire.comm.networks.dhcp import DhcpError, DhcpServers
from guestwire.comm.networks.firewall import Firewall, NftError
from guestwire.comm.networks.held_networks import HeldNetworks, read_held, write_held
from guestwire.comm.networks.link_events import LinkEvents
from guestwire.comm.networks.links import check_free, delete_bridges, links, make_bridges
from guestwire.comm.networks.network_threads import NetworkThread
from guestwire.comm.networks.plan import NetPlan, needs, plan_of
from guestwire.comm.networks.ports import Port, ports_of
from guestwire.comm.networks.ruleset import counter_name
from guestwire.comm.networks.traffic import PortTraffic, port_traffic
from guestwire.comm.networks.views import net_views
from guestwire.model.errors import GuestwireError
from guestwire.model.networks import VirtualNet
from guestwire.protocol.comm_models import NetView

MARK = "guestwire"
_AGAIN_S = 1.0
_AGAIN_MOST_S = 60.0
_LOOK_S = 60.0
"""How often rules and servers are looked at though nothing was said: another program may have removed them."""

_FAILURES = (NetlinkError, NftError, DhcpError, OSError, LookupError, TimeoutError)


class Networks:
    """Of the network namespace of the thread that enters it, which then runs its event loop. `folder` is ours alone, in the
    run directory. `mark` names our tables and begins the aliases of our interfaces. Closing leaves the networks as they
    are; `apply([])` removes them."""

    def __init__(self, folder: Path, log: Any, *, mark: str = MARK, nft: str = "nft", dnsmasq: str = "dnsmasq") -> None:
        self._log = log
        self._folder = folder
        self._mark = mark
        self._programs = (nft, dnsmasq)
        self._held = HeldNetworks()
        self._missing: dict[str, str] | None = None
        self._ports: tuple[Port, ...] = ()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._blocking = NetworkThread()
        self._firewall = Firewall(mark, nft)
        self._servers = DhcpServers(folder, mark, dnsmasq, self._blocking, self._changed.set)

    async def __aenter__(self) -> Self:
        """Take over what an earlier process left. Raises OSError where there is no netlink."""
        self._blocking.__enter__()
        self._held = await self._blocking(partial(read_held, self._held_path))
        self._events = LinkEvents(self._changed.set)
        self._changed.set()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        self._events.close()
        self._servers.close()
        self._blocking.__exit__(kind, error, at)

    async def apply(self, networks: Sequence[VirtualNet], host: str) -> None:
        """Make exactly these networks true, or leave everything as it was. Members have their MACs. Raises NET-UNSUPPORTED
        (also for an uplink that is not there, and for what the kernel or a program refuses) and NET-BUSY."""
        plans = plan_of(networks, host)
        async with self._lock:
            await self._check(plans)
            before = self._plans
            try:
                await self._make(plans, before)
                held = HeldNetworks(host=host, networks=tuple(networks))
                await self._blocking(partial(write_held, self._held_path, held))
            except BaseException as error:
                await asyncio.shield(self._put_back(before, plans))
                if isinstance(error, _FAILURES):
                    message = f"the networks could not be made, and are as before: {error}"
                    raise GuestwireError("NET-UNSUPPORTED", message, detail={"reason": str(error)}) from error
                raise
            self._held = held

    async def capabilities(self) -> dict[str, str]:
        """What this host lacks: capability -> what to install, load or switch on; whether it forwards only where a network
        needs that. Tried for real each time."""
        self._missing = await self._blocking(partial(missing_capabilities, *self._programs))
        wanted: set[str] = {name for plan in self._plans for name in needs(plan)}
        forwarding = {name: why for name, why in not_forwarding().items() if name in wanted}
        return {**self._missing, **forwarding}

    async def views(self) -> tuple[NetView, ...]:
        """The networks that hold, as they are now."""
        held, plans = self._held, self._plans
        there = await self._blocking(links)
        try:
            dropped = await self._blocking(self._firewall.dropped)
        except NftError:
            dropped = {}
        return net_views(held.networks, plans, there, dropped, self._mark)

    async def traffic(self) -> tuple[PortTraffic, ...]:
        """What went through each member's port since its tap is there. Cheap: one file of the kernel is read."""
        names = {plan.id: plan.name for plan in self._plans}
        return await self._blocking(partial(port_traffic, self._ports, names))

    async def filtered(self) -> dict[str, int]:
        """Packets that the rules of each network kept back since it was made; nothing where the rules cannot be read."""
        try:
            dropped = await self._blocking(self._firewall.dropped)
        except NftError:
            return {}
        counters = {plan.name: counter_name(plan) for plan in self._plans}
        return {name: dropped[counter].packets for name, counter in counters.items() if counter in dropped}

    @property
    def _plans(self) -> tuple[NetPlan, ...]:
        return plan_of(self._held.networks, self._held.host)

    @property
    def _held_path(self) -> Path:
        return self._folder / "networks.json"

    async def _check(self, plans: Sequence[NetPlan]) -> None:
        """Before anything is touched. What was there once is there: only what lacked is tried again."""
        wanted = {name for plan in plans for name in needs(plan)}
        if wanted and (self._missing is None or wanted & self._missing.keys()):
            await self.capabilities()
        missing = {**(self._missing or {}), **not_forwarding()}
        for plan in plans:
            lacking: dict[str, str] = {name: missing[name] for name in needs(plan) if name in missing}
            if lacking:
                message = f"the network {plan.name} cannot be on this host: {'; '.join(lacking.values())}"
                raise GuestwireError("NET-UNSUPPORTED", message, detail=lacking)
        there = await self._blocking(links)
        check_free(plans, there, self._mark)

    async def _make(self, plans: Sequence[NetPlan], before: Sequence[NetPlan]) -> None:
        wanted = {plan.id for plan in plans}
        leaving = [plan for plan in before if plan.id not in wanted]
        await self._load([*plans, *leaving])
        await self._blocking(partial(make_bridges, plans, before, self._mark))
        await self._servers.ensure(plans)
        await self._blocking(partial(delete_bridges, plans, self._mark))
        await self._load(plans)

    async def _put_back(self, before: Sequence[NetPlan], failed: Sequence[NetPlan]) -> None:
        try:
            await self._make(before, failed)
        except _FAILURES as error:
            self._log.error("networks are not as before", reason=str(error))
            self._changed.set()

    async def _load(self, plans: Sequence[NetPlan]) -> None:
        there = await self._blocking(links)
        ports = self._ports = ports_of(plans, there, self._mark)
        await self._blocking(partial(self._firewall.load, plans, ports))

    async def _keep(self) -> None:
        """See to taps that came or went and servers that ended; what fails is tried again, less and less often."""
        again = _AGAIN_S
        while True:
            with suppress(TimeoutError):
                # not wait_for: before Python 3.12 that loses a cancellation that comes with the event
                async with asyncio.timeout(_LOOK_S):
                    await self._changed.wait()
            self._changed.clear()
            try:
                async with self._lock:
                    plans = self._plans
                    # rules first: a new tap waits for them
                    await self._load(plans)
                    await self._servers.ensure(plans)
                again = _AGAIN_S
            except Exception as error:  # noqa: BLE001 - nobody else sees to the rules and servers until the next change
                if isinstance(error, _FAILURES):
                    self._log.warning("networks are not as they should be", reason=str(error))
                else:
                    self._log.error("a defect", operation="keep-networks", exc_info=error)
                await asyncio.sleep(again)
                again = min(again * 2, _AGAIN_MOST_S)
                self._changed.set()
