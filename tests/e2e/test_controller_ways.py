"""A controller process that reaches hosts without a broker: one by its own socket, one straight over TLS. Both are measured, worked on,
and stopped by nobody's word but a person's.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller_plant import signed
from controller_process import Api, ControllerProcess
from fleet import SITE, Agent, agent_settings, unix_ms

from guestwire.broker_test.mosquitto import free_port
from guestwire.protocol.roles import ROLES
from guestwire.protocol.trust import LocalScope
from guestwire.site import drafts, publishing
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_SOCKET, BY_TLS = "h1", "h2"
TELEMETRY = {"tiers": ["normal"], "normal_s": 1.0}


@dataclass
class Bench:
    layout: Layout
    agents: dict[str, Agent]
    api: Api

    async def series(self, name: str, host: str) -> list[float]:
        """What was stored of a host within the last minutes."""
        asked = {"start": unix_ms() - 300_000, "end": unix_ms(), "step": 1000, "aggregate": "last"}
        found = await self.api.get("/metrics/query", selector=f'{name}{{host="{host}"}}', **asked)
        return [value for one in found["series"] for _, value in one["points"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    base = tmp_path_factory.mktemp("w")
    layout, address = _site(base), f"127.0.0.1:{free_port()}"
    listener = {
        "address": address, "cert": str(layout.certificate(BY_TLS)), "key": str(layout.certificate_key(BY_TLS)),
        "ca": str(layout.ca_certificate),
    }  # fmt: skip
    agents = {
        BY_SOCKET: _agent(base, layout, BY_SOCKET, {}),
        BY_TLS: _agent(base, layout, BY_TLS, {"listener": listener}),
    }
    socket = {"via": "socket", "socket": str(agents[BY_SOCKET].socket), "host": BY_SOCKET}
    controller = ControllerProcess(base, layout, "", way=socket)
    try:
        await asyncio.gather(controller.make_user(), *(agent.start() for agent in agents.values()))
        await controller.start()
        async with controller.user() as api:
            await api.post("/connections", _straight(layout, address))
            await api.approve(*agents)
            yield Bench(layout, agents, api)
    finally:
        await controller.stop()
        for agent in agents.values():
            await agent.stop()


def _site(base: Path) -> Layout:
    """What its user may do over a socket goes no farther than a controller's key, so that the host too wants a mandate for more."""
    layout = create(base / "site", SitePlan(SITE, hosts=(BY_SOCKET, BY_TLS), operators=("admin",), tls=True), unix_ms())
    local = (LocalScope(uid=os.getuid(), scope=ROLES["controller"]),)
    drafts.change(layout, lambda document: document.model_copy(update={"local": local}), unix_ms())
    publishing.sign(layout, unix_ms())
    return layout


def _agent(base: Path, layout: Layout, host: str, sections: dict[str, Any]) -> Agent:
    settings = agent_settings(layout, base / host, host, [], {"telemetry": TELEMETRY, **sections})
    del settings["broker"]
    return Agent(host, base / host, settings)


def _straight(layout: Layout, address: str) -> dict[str, str]:
    return {
        "name": "bench", "site": SITE, "via": "tcp", "host": BY_TLS, "address": address, "ca": str(layout.ca_certificate),
        "certificate": str(layout.certificate("main")), "certificate_key": str(layout.certificate_key("main")),
        "trust": str(layout.trust), "root": str(layout.root_public), "key": str(layout.key("controller:main")),
    }  # fmt: skip


@pytest.mark.parametrize(("host", "holder"), [(BY_SOCKET, f"local:{os.getuid()}"), (BY_TLS, "controller:main")])
async def test_a_host_without_a_broker_is_worked_on_and_stopped_by_a_persons_word(
    bench: Bench, host: str, holder: str
) -> None:
    api, asked = bench.api, f"/hosts/{SITE}/{host}/operations"
    started = await api.post(f"{asked}/guest-start", {"guest": "rtlinux", "wait": "ready"}, wait_s=30)
    assert (started["verified"], started["reply"]["status"]["state"]) == (True, "ready")
    job = await api.post(f"{asked}/guest-reset", {"guest": "rtlinux"})
    assert (job["state"], job["risk"]) == ("waiting-approval", 2)
    [mandate] = (await api.get(f"/approvals/{job['approval']}"))["mandates"]
    assert (mandate["holder"], mandate["hosts"]) == (holder, [host])
    assert bench.agents[host].resets()["rtlinux"] == 0
    await signed(api, bench.layout, job["approval"])
    ended = await api.until(lambda: _ended(api, job["id"]), "the job that was signed")
    assert (ended["state"], ended["verified"]) == ("succeeded", True), ended
    assert bench.agents[host].resets()["rtlinux"] == 1


@pytest.mark.parametrize("host", [BY_SOCKET, BY_TLS])
async def test_what_it_measures_is_stored_and_acknowledged(bench: Bench, host: str) -> None:
    async def told() -> bool:
        return max(await bench.series("guestwire_agent_spool_acknowledged_total", host), default=0) > 0

    await bench.api.until(told, "by its own word it was told that it may forget")
    assert min(await bench.series("guestwire_host_memory_available_bytes", host)) > 0


async def _ended(api: Api, job: str) -> Any:
    found = await api.get(f"/jobs/{job}")
    return found if found["finished"] else None
