"""A whole controller over real agents: hosts are let in, measured, worked on; and whoever is killed in the middle of it, every job
ends, no effect comes twice, and nothing acknowledged is lost.
"""

import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller_process import Api, ControllerProcess
from fleet import SITE, Fleet, fleet

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.protocol.signing import Domain
from guestwire.site.files import read_signing_key

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


@pytest.mark.parametrize("whom", ["controller", "agent", "broker"])
async def test_killed_in_the_middle_of_a_rollout(plant: Plant, whom: str) -> None:
    """`guest-reset` has its effect once: the hosts' own records say how often it came."""
    api = plant.api
    for host in HOSTS:
        started = await api.post(f"/hosts/{SITE}/{host}/operations/guest-start", {"guest": "linux1"}, wait_s=30)
        assert started["reply"]["status"]["state"] in ("running", "ready")
    before = {host: plant.fleet.agents[host].resets().get("linux1", 0) for host in HOSTS}
    selector = f'guestwire_agent_cpu_seconds_total{{host="{HOSTS[0]}"}}'
    known = await api.until(lambda: _points(api, selector, 2), "samples")
    rollout = await _reset_everywhere(plant)
    await _kill(plant, whom)
    ended = await api.until(lambda: _ended(api, rollout), "the rollout has ended")
    targets = (await api.get(f"/rollouts/{rollout}/targets"))["items"]
    assert ended["state"] == "finished", (ended, targets)
    for host, target in zip(HOSTS, sorted(targets, key=lambda one: str(one["host"])), strict=True):
        came = plant.fleet.agents[host].resets().get("linux1", 0) - before[host]
        assert came == 1 if target["state"] == "succeeded" else came <= 1, (host, target)
    still = await api.until(lambda: _points(api, selector, 2), "samples")
    assert set(map(tuple, known)) <= set(map(tuple, still)), "what was acknowledged is there"


async def _reset_everywhere(plant: Plant) -> str:
    """A rollout that has begun; it is of class R2, so that the operator signs what it needs."""
    api = plant.api
    spec = {
        "name": "reset", "operation": "guest-reset", "body": {"guest": "linux1"},
        "targets": {"selection": f"site={SITE}"},
    }  # fmt: skip
    made = await api.post("/rollouts", spec)
    await api.post(f"/rollouts/{made['id']}/start", {})
    approval = await api.until(lambda: _approval(api, made["id"]), "an approval for the rollout")
    await _sign(plant, approval)
    return str(made["id"])


async def _approval(api: Api, rollout: str) -> Any:
    items = (await api.get("/approvals"))["items"]
    return next((one["id"] for one in items if one["rollout"] == rollout and one["state"] == "open"), None)


async def _sign(plant: Plant, approval: str) -> None:
    """As the site's operator, whose key the controller's user has enrolled."""
    api, key = plant.api, read_signing_key(plant.fleet.layout.key("operator:admin"))
    enrolled = await api.get("/keys")
    if not enrolled["items"]:
        challenge = bytes.fromhex((await api.post("/keys/challenges"))["challenge"])
        proof = key.sign(Domain.USER_KEY, challenge + b"ada")
        body = {
            "public_key": key.public.raw.hex(),
            "challenge": challenge.hex(),
            "signature": proof.hex(),
            "label": "x",
        }
        await api.post("/keys", body)
    texts = (await api.get(f"/approvals/{approval}"))["mandates"]
    signatures = [key.sign(Domain.MANDATE, base64.b64decode(one["text"])).hex() for one in texts]
    await api.post(f"/approvals/{approval}/signatures", {"key_id": key.id.hex(), "signatures": signatures})


async def _kill(plant: Plant, whom: str) -> None:
    if whom == "controller":
        await plant.controller.kill()
        await plant.controller.start()
    elif whom == "agent":
        agent = plant.fleet.agents["h2"]
        await agent.kill()
        await agent.start()
    else:
        await plant.fleet.broker.restart()


async def _found(api: Api, q: str, hosts: tuple[str, ...]) -> bool:
    return {one["host"] for one in (await api.get("/hosts", q=q))["items"]} == set(hosts)


async def _ended(api: Api, rollout: str) -> Any:
    found = await api.get(f"/rollouts/{rollout}")
    return found if found["state"] in ("finished", "aborted", "paused") else None


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
