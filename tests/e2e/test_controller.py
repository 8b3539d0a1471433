"""A whole controller over real agents: hosts are let in, measured, worked on. What becomes of it when somebody is killed is in
`test_controller_kill_matrix`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller_process import Api, ControllerProcess
from fleet import PATIENCE_S, SITE, Fleet, fleet
from webhook_receiver import WebhookReceiver, signed, webhook_receiver

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = ("h1", "h2", "h3")
TELEMETRY = {"telemetry": {"normal_s": 1.0}}


@dataclass
class Plant:
    fleet: Fleet
    controller: ControllerProcess
    api: Api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    require_mosquitto()
    base: Path = tmp_path_factory.mktemp("c")
    async with mosquitto(BrokerOptions()) as broker, fleet(base, broker, dict.fromkeys(HOSTS, TELEMETRY)) as made:
        controller = ControllerProcess(base, made.layout, made.broker.url)
        await controller.make_user()
        await controller.start()
        try:
            async with controller.user() as api:
                await api.approve(*HOSTS)
                yield Plant(made, controller, api)
        finally:
            await controller.stop()


async def test_a_host_is_there_and_can_be_worked_on(plant: Plant) -> None:
    api = plant.api
    await api.until(lambda: _found(api, "state=online approval=approved driver=simulated", HOSTS), "all were read")
    job = await api.post(f"/hosts/{SITE}/h1/operations/guest-start", {"guest": "rtlinux", "wait": "ready"}, wait_s=30)
    assert job["reply"]["status"]["state"] == "ready"
    console = await api.post(f"/hosts/{SITE}/h1/operations/guest-console", {"guest": "rtlinux"})
    assert (console["verified"], console["job"], console["reply"]["state"]) == (True, None, "open"), (
        "and needs nobody's signature"
    )
    assert b"guestwire-guest: up rtlinux" in bytes.fromhex(console["reply"]["data"])
    seen = {"guest": "rtlinux", "after": console["reply"]["end"], "run": console["reply"]["run"]}
    assert (await api.post(f"/hosts/{SITE}/h1/operations/guest-console", seen))["reply"]["data"] == ""
    stopped = await api.post(f"/hosts/{SITE}/h1/operations/guest-destroy", {"guest": "rtlinux"})
    assert stopped["state"] == "waiting-approval", "what stops a guest takes a person's signature"
    assert (await api.get("/approvals"))["items"][0]["operations"] == ["guest-destroy"]
    said = await api.get(f"/hosts/{SITE}/h1/messages", level="info", limit=50)
    assert any(one["event"] == "guest" for one in said["messages"])
    log = await api.ask("GET", f"/hosts/{SITE}/h1/log", params={"match": "serving", "format": "file"})
    assert '"serving"' in log.text
    assert f'filename="{SITE}-h1-agent.log"' in log.headers["content-disposition"]
    notices = await api.until(lambda: _notices(api, "h1"))
    assert any(one["said"].get("state") == "ready" for one in notices)


async def test_what_a_host_measures_can_be_asked_for(plant: Plant) -> None:
    selector = 'guestwire_host_memory_available_bytes{host="h1"}'
    points = await plant.api.until(lambda: _points(plant.api, selector, 5), "five samples")
    assert all(value > 0 for _, value in points)
    answer = await plant.api.client.get(f"{plant.controller.url}/metrics")
    assert f'guestwire_host_memory_available_bytes{{site="{SITE}",host="h1"}}' in answer.text


async def test_who_is_told_of_alarms_hears_that_a_host_goes_and_that_it_is_back(plant: Plant) -> None:
    api, agent = plant.api, plant.fleet.agents["h3"]
    away = {"name": "away", "trigger": {"on": "presence", "states": ["offline"]}, "hosts": f"site={SITE} host=h3"}
    await api.post("/alarm-rules", away | {"severity": "critical", "for_s": 0, "summary": "{host} is away"})
    async with webhook_receiver() as pager:
        secret = (await api.post("/webhooks", {"name": "pager", "url": pager.url}))["secret"]
        await agent.stop()
        raised = await _told(pager, secret, "away")
        assert (raised["event"], raised["alarm"]["text"], raised["alarm"]["state"]) == (
            "raised", f"{SITE}/h3 is away", "active",
        )  # fmt: skip
        [open_now] = (await api.get("/alarms", rule="away"))["items"]
        assert open_now["id"] == raised["alarm"]["id"]
        await agent.start()
        cleared = await _told(pager, secret, "away")
        assert (cleared["event"], cleared["alarm"]["id"], cleared["alarm"]["cleared_by"]) == (
            "cleared", raised["alarm"]["id"], "",
        )  # fmt: skip


async def test_who_stops_it_finds_the_end_of_its_audit_log_signed(plant: Plant) -> None:
    rows = (await plant.api.get("/audit/check"))["rows"]
    await plant.controller.stop()
    await plant.controller.start()

    async def checked() -> Any:
        found = await plant.api.get("/audit/check")
        return found if found["signed"] and found["signed"]["verified"] else None

    found = await plant.api.until(checked, "the trust document of the site")
    assert (found["broken"], found["signed"]["site"]) == (None, SITE)
    assert found["signed"]["principal"].startswith("controller:")
    assert found["signed"]["seq"] >= rows > 0


async def _told(pager: WebhookReceiver, secret: str, rule: str) -> dict[str, Any]:
    """The next of that rule that the controller tells, signed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            headers, body = await pager.came.get()
            assert signed(secret, headers, body)
            said: dict[str, Any] = json.loads(body)
            if said["alarm"]["rule"] == rule:
                return said


async def _found(api: Api, q: str, hosts: tuple[str, ...]) -> bool:
    return {one["host"] for one in (await api.get("/hosts", q=q))["items"]} == set(hosts)


async def _notices(api: Api, host: str) -> list[Any]:
    found: list[Any] = (await api.get("/notices", host=f"{SITE}/{host}"))["items"]
    return [one for one in found if one["said"].get("state") == "ready"]


async def _points(api: Api, selector: str, least: int) -> list[Any]:
    now_ms = time.time_ns() // 1_000_000
    found = await api.get(
        "/metrics/query", selector=selector, start=now_ms - 600_000, end=now_ms, step=1000, aggregate="last"
    )
    points = [point for one in found["series"] for point in one["points"]]
    return points if len(points) >= least else []
