"""Every row of the catalogue comes from some host: nothing is promised that no source ever gives."""

import asyncio
from pathlib import Path

import pytest
from comm_process import CommProcess, Peer, comm_fixtures, document
from fleet import unix_ms
from heard_telemetry import sampled
from telemetry_reader import TelemetryReader
from telemetry_stage import Stage, make_site

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import Resynced
from guestwire.agent.telemetry.sources.communication import communication_sources
from guestwire.agent.telemetry.sources.guests import guest_sources
from guestwire.agent.telemetry.sources.source import Source
from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.model.guest import Disk, Guest, Nic
from guestwire.model.machines import MACHINES
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import decode
from guestwire.protocol.metrics import METRICS, parse_series
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import unpack
from guestwire.protocol.telemetry import TIERS, TelemetryBatch

SHARED = document(
    "a", "b", areas=(MemoryArea(name="shared", size=65536),), events=(Event(name="go", signal=("a",), wait=("b",)),),
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a",), reader="b"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip
WITH_A_NETWORK = "guestwire_network_"
"""Its rows come from a kernel that the tests of networks have for themselves."""

comm, client = comm_fixtures(SHARED)


async def of_a_guest(folder: Path) -> set[str]:
    """What a guest with disks and cards gives."""
    guest = Guest(
        name="g1", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001", memory_mib=256,
        disks=(Disk(path="/simulated/a.qcow2"),), nics=(Nic(),),
    )  # fmt: skip
    async with SimulatedHost(MACHINES["4-core"], folder, clock=unix_ms) as host:
        await host.define(guest)
        await host.start(guest.uuid or "")
        table = GuestTable()
        table.apply(Resynced(1, tuple(await host.list())), unix_ms())
        return {name for source in guest_sources(table, host.guest_metrics) for name in await given(source)}


async def given(source: Source) -> set[str]:
    return {parse_series(series)[0] for series in (await sampled(source)).values}


def rows(reader: TelemetryReader) -> dict[str, str]:
    """The metrics that have come, and their tiers."""
    found: dict[str, str] = {}
    for (_, of, _), frame in reader.frames.items():
        if of == "metric":
            batch = TelemetryBatch.model_validate(unpack(decode(frame).body))
            found.update((parse_series(row[0])[0], batch.tier) for row in batch.columns)
    return found


async def test_every_metric_is_measured_in_its_tier(
    tmp_path: Path, mosquitto_broker: Mosquitto, comm: CommProcess, client: CommClient
) -> None:
    stage = Stage(make_site(tmp_path), tmp_path, "mosquitto", mosquitto_broker)
    direct = await of_a_guest(tmp_path / "guests")
    with Peer(comm.attach, "a") as peer:
        await asyncio.to_thread(peer.open, "go")
        for source in communication_sources(client):
            direct |= await given(source)
    wanted = {one.name: one.tier for one in METRICS if one.name not in direct and WITH_A_NETWORK not in one.name}
    often = {"tiers": list(TIERS), "normal_s": 1, "slow_s": 1, "fast_s": 0.5}
    async with stage.host(**often) as host, stage.controller() as main, stage.client("operator:admin") as admin:
        admin.acknowledges = False
        start = m.GuestStart(guest="rtlinux", wait="ready")
        await admin.via.call("h1", BY_NAME["guest-start"], start, timeout_s=20)
        async with stage.client("operator:olga", signs=False) as unsigned:
            unsigned.acknowledges = False
            with pytest.raises(GuestwireError):  # what is refused is counted
                await unsigned.via.call("h1", BY_NAME["guest-start"], start, timeout_s=1)
        try:
            await main.until(lambda one: wanted.items() <= rows(one).items(), timeout_s=10)
        except TimeoutError:
            raise AssertionError(sorted(wanted.items() - rows(main).items())) from None
        assert host.shipper.live()
