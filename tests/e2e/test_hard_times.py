"""Outages, full disks, two agents in one place: nothing that was accepted is lost, and users are told what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fleet import PATIENCE_S, Agent, Fleet, agent_settings, fleet
from in_process import inside
from small_disk import fill, mounted

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.running import RunningBroker
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import context_of_socket, open_client
from guestwire.sdk.host_api import HostApi

RTLINUX = "00000000-0000-4000-8000-000000000001"
"""The uuid of the first guest that a simulated host begins with."""


@asynccontextmanager
async def site(base: Path, kind: str = "mosquitto", **sections: dict[str, object]) -> AsyncIterator[Fleet]:
    """A fleet of h1 alone."""
    async with AsyncExitStack() as stack:
        broker: RunningBroker
        if kind == "embedded":
            broker = await stack.enter_async_context(embedded(BrokerOptions()))
        else:
            require_mosquitto()
            broker = await stack.enter_async_context(mosquitto(BrokerOptions(verbose=True)))
        yield await stack.enter_async_context(fleet(base, broker, {"h1": sections}))


async def test_a_result_that_comes_in_an_outage_of_the_broker_arrives_after_it(tmp_path: Path) -> None:
    async with site(tmp_path, simulated={"boot_s": 1.0}) as made:
        accepted = asyncio.Event()
        options = CallOptions(on_accepted=lambda _: accepted.set())
        call = asyncio.create_task(
            made.client.host("h1").guest_start(m.GuestStart(guest="rtlinux", wait="ready"), options)
        )
        async with asyncio.timeout(PATIENCE_S):
            await accepted.wait()
        await made.broker.stop()
        refused = await made.cli("guest", "list", "-o", "json")
        assert refused.code == 6
        assert "BROKER-UNREACHABLE" in refused.err
        async with open_client(await context_of_socket(made.agents["h1"].socket)) as local:
            job = (await local.host("h1").job_list(m.JobQuery())).reply.jobs[0]
            async with asyncio.timeout(PATIENCE_S):
                while (await local.host("h1").job_get(m.JobRef(request_id=job.request_id))).reply.state == "running":
                    continue
        done = await made.by_socket("h1").good("guest", "list")
        assert {"ready"} < {one["status"]["state"] for one in done}
        assert not call.done()
        await made.broker.restart()
        answer = await call
        assert answer.verified
        assert answer.reply.status.state == "ready"
        assert made.agents["h1"].running


async def test_a_command_asked_for_while_the_agent_is_away_is_done_when_it_comes_back(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.agents["h1"].kill()
        call = asyncio.create_task(made.cli.good("guest", "start", "h1/rtlinux"))
        await made.broker.log.wait_for("/request/admin/guest-start", PATIENCE_S)
        await made.agents["h1"].start()
        assert (await call)[0]["status"]["state"] in ("running", "ready")


async def _state(api: HostApi, guest: str) -> str:
    return (await api.guest_show(m.GuestRef(guest=guest))).reply.status.state


async def test_a_full_disk(tmp_path: Path) -> None:
    """What comes is refused and not done; what was accepted ends, and its client hears of it once there is room."""
    with mounted(tmp_path / "disk", 2048) as disk:
        state = disk / "state"
        state.mkdir()
        (tmp_path / "machine").mkdir()
        # the machine itself has room for what it notes of its guests
        (state / "simulated").symlink_to(tmp_path / "machine")
        async with site(tmp_path, host={"state_dir": str(state)}, simulated={"boot_s": 3.0}) as made:
            api = made.client.host("h1")
            accepted = asyncio.Event()
            options = CallOptions(on_accepted=lambda _: accepted.set())
            async with made.cli.following("notices", "-f", "-o", "json") as notices:
                await notices.line('"online"')
                under_way = asyncio.create_task(api.guest_start(m.GuestStart(guest="rtlinux", wait="ready"), options))
                async with asyncio.timeout(PATIENCE_S):
                    await accepted.wait()
                    # a disk that is full before the effect would be its refusal
                    while await _state(api, "rtlinux") == "stopped":
                        continue
                filler = fill(disk)  # before the guest is up: its result finds no room
                refused = await made.cli("guest", "define", "h1", "--name", "big", "--timeout", "0.7")
                assert refused.code == 1, refused
                assert "error: JOURNAL-FULL: " in refused.err
                assert "free space in its state directory" in refused.err
                await notices.line('"class": "alarm".*JOURNAL-FULL')
            assert (await made.refused("h1"))["JOURNAL-FULL"] > 0
            states = {view.guest.name: view.status.state for view in (await api.guest_list()).reply.guests}
            assert "big" not in states
            assert not under_way.done()
            filler.unlink()
            assert (await under_way).reply.status.state == "ready"
            assert (await made.cli("guest", "define", "h1", "--name", "big")).code == 0


async def test_a_second_agent_on_the_same_state(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        first = made.agents["h1"]
        settings = agent_settings(made.layout, first.home, "h1", [made.broker.url], {})
        second = Agent("h1", tmp_path / "second", settings)
        await second.launch()
        assert await second.wait_ended() == 1
        assert "guestwire-agent: STATE-DIR-IN-USE: " in second.log.tail()
        assert first.running
        assert (await made.by_socket("h1")("guest", "start", "h1/rtlinux")).code == 0, "its socket is still its own"
        assert (await made.client.host("h1").host_ping(m.Ping())).reply.epoch == 1, "its session is, too"


def _another_boot(agent: Agent) -> None:
    """Another machine has another boot id; a simulated one's follows from its name and how often it was booted."""
    machine = agent.state_dir / "simulated"
    machine.mkdir(parents=True)
    (machine / "guests.jsonl").write_text('{"host":7}\n')


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
async def test_a_second_agent_with_the_same_host_id(kind: str, tmp_path: Path) -> None:
    """One of them raises the alarm and leaves the id to the other. mosquitto 2.0 tells nobody that its session was taken
    over, so there they find out by each other's epochs; the embedded broker says it, and the first one leaves at once."""
    async with site(tmp_path, kind) as made:
        home = tmp_path / "second"
        second = Agent("h1", home, agent_settings(made.layout, home, "h1", [made.broker.url], {}))
        _another_boot(second)
        try:
            both = (made.agents["h1"], second)
            conflicts = [asyncio.create_task(agent.log.wait_for("host id conflict", PATIENCE_S)) for agent in both]
            await second.start()
            await asyncio.wait(conflicts, return_when=asyncio.FIRST_COMPLETED)
            loser, winner = both if conflicts[0].done() else both[::-1]
            assert kind == "mosquitto" or winner is second
            await loser.log.wait_for('"next_try_s":600.0')
            said = await made.cli.by("--socket", str(loser.socket)).good("messages", "h1", "--level", "error")
            assert "HOST-ID-CONFLICT" in {message["fields"].get("code") for message in said}
            served = made.cli.by("--socket", str(winner.socket))
            assert {one["host"] for one in await served.good("guest", "list")} == {"h1"}
            started = await served("guest", "start", "h1/linux1")
            # who had to go above an epoch it does not remember may have lost its journal: for a while no effect is safe
            assert started.code == 0 or "error: JOURNAL-LOST: " in started.err, started
        finally:
            for task in conflicts:
                task.cancel()
            await second.stop()


async def test_the_hypervisor_goes_and_comes_back(tmp_path: Path) -> None:
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions(verbose=True)))
        made = await stack.enter_async_context(fleet(tmp_path, broker, {}, absent=["h1"]))
        agent = Agent("h1", tmp_path / "h1", agent_settings(made.layout, tmp_path / "h1", "h1", [broker.url], {}))
        host = await stack.enter_async_context(inside(agent.config))
        await made.online("h1")
        assert (await made.cli("guest", "start", "h1/rtlinux", "--wait", "ready")).code == 0
        host.machine.lose_connection("the daemon was killed")
        refused, listed, shown = await asyncio.gather(
            made.cli("guest", "reset", "h1/rtlinux"),
            made.cli.good("guest", "list", "h1"),
            made.cli("host", "show", "h1"),
        )
        assert refused.code == 1
        assert "error: DRIVER-LOST: " in refused.err
        assert "is libvirtd running?" in refused.err
        assert {one["status"]["state"] for one in listed} == {"unknown"}
        assert "NOT CONNECTED" in shown.out
        host.machine.restore_connection()
        assert (await made.cli.good("guest", "show", "h1/rtlinux"))["status"]["state"] in ("running", "ready")
        host.machine.set_faults(Faults(delay_after_s=0.5))
        in_doubt = asyncio.create_task(made.cli("guest", "reset", "h1/rtlinux"))
        async with asyncio.timeout(PATIENCE_S):
            while host.machine.counters(RTLINUX).resets == 0:
                await asyncio.sleep(0)
        host.machine.lose_connection()
        host.machine.restore_connection()
        host.machine.set_faults(Faults())
        said = await in_doubt
        assert said.code == 1
        assert "error: INDETERMINATE: " in said.err
