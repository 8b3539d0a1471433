"""A user sees that a host's operating system wants a reboot, and its guests start all the same."""

from contextlib import AsyncExitStack
from pathlib import Path

from fleet import Agent, agent_settings, fleet
from in_process import inside

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions

KERNEL = "packages that were updated ask for it: linux-image-6.1.0-30-rt-amd64"


async def test_an_update_that_waits_for_a_boot(tmp_path: Path) -> None:
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        made = await stack.enter_async_context(fleet(tmp_path, broker, {}, absent=["h1"]))
        agent = Agent("h1", tmp_path / "h1", agent_settings(made.layout, tmp_path / "h1", "h1", [broker.url], {}))
        host = await stack.enter_async_context(inside(agent.config))
        await made.online("h1")
        assert "reboot: not needed" in " ".join((await made.cli("host", "show", "h1")).out.split())
        host.machine.set_faults(Faults(boot_pending=(KERNEL, "a second thing")))
        shown = await made.cli("host", "show", "h1")
        assert f"reboot: {KERNEL}; a second thing" in " ".join(shown.out.split())
        status = await made.cli.good("project", "status", "h1")
        assert status[0]["reboot_required"] == {"required": True, "reasons": [KERNEL, "a second thing"]}
        started = await made.cli("guest", "start", "h1/rtlinux", "--wait", "ready")
        assert started.code == 0, started
        host.machine.reboot_host()
        assert "reboot: not needed" in " ".join((await made.cli("host", "show", "h1")).out.split())
