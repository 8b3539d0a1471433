"""A whole controller over real agents, everything between the agents and their broker seen; and what its people do there."""

import base64
import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller_process import Api, ControllerProcess
from fleet import SITE, Fleet, Sections, fleet, unix_ms
from wire_tap import STEP_MS, Number, Step, WireTap

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.proxy import FaultProxy, fault_proxy
from guestwire.protocol.metrics import parse_series, series_text
from guestwire.protocol.signing import Domain
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

SETTLED_MS = 3_000
"""What was measured so long ago has been sent, where a controller is there."""


@dataclass
class Plant:
    """A site with its controller. `proxy`: between the hosts and the broker; `tap`: what it saw. `way`: between the controller
    and the broker."""

    fleet: Fleet
    controller: ControllerProcess
    api: Api
    proxy: FaultProxy
    tap: WireTap
    way: FaultProxy
    since_s: int = 0
    """When all hosts had been let in: what they sent before then comes again, half a minute later."""

    async def stored(self, of: Mapping[Step, Sequence[float]]) -> dict[Step, tuple[int, float]]:
        """What the query API has of these seconds: how many samples, and their sum."""
        seconds = [step.second for step in of]
        names = sorted({parse_series(step.series)[0] for step in of})
        counts, sums = [
            {step: value for name in names for step, value in await self._query(name, what, min(seconds), max(seconds))}
            for what in ("count", "sum")
        ]
        return {step: (int(counts.get(step, 0)), sums.get(step, 0.0)) for step in of}

    async def _query(self, selector: str, what: str, first: int, last: int) -> list[tuple[Step, float]]:
        name = selector.partition("{")[0]
        asked = {
            "selector": selector, "start": first * STEP_MS, "end": (last + 1) * STEP_MS, "step": STEP_MS, "aggregate": what,
        }  # fmt: skip
        found = []
        for one in (await self.api.post("/metrics/query", asked))["series"]:
            labels = dict(one["labels"])
            host = labels.pop("host")
            del labels["site"]
            text = series_text(name, labels)
            found += [(Step(host, text, at // STEP_MS), value) for at, value in one["points"]]
        return found

    async def total(self, selector: str) -> tuple[int, float]:
        """How many samples of the last ten minutes a selector means, and their sum."""
        now = unix_ms() // STEP_MS
        found = [await self._query(selector, what, now - 600, now + 60) for what in ("count", "sum")]
        count, total = (sum(value for _, value in steps) for steps in found)
        return int(count), total

    async def refused(self) -> dict[str, int]:
        """How many messages the controller did not believe, by code."""
        text = (await self.api.client.get(f"{self.controller.url}/metrics")).text
        found = re.findall(
            r'^guestwire_controller_statements_refused_total{code="([A-Z-]+)"} (\S+)$', text, re.MULTILINE
        )
        return {code: int(float(count)) for code, count in found}

    async def lost(self, numbers: set[Number]) -> list[object]:
        """What of these numbers the API does not have, every sample and every notice of it."""
        batches = [number for number in numbers if number.spool_class == "metric"]
        unseen = [number for number in batches if number not in self.tap.batches]
        wanted = self.tap.samples(set(batches) - set(unseen))
        stored = await self.stored(wanted) if wanted else {}
        short = [(step, len(values), stored[step]) for step, values in wanted.items() if stored[step][0] < len(values)]
        return [*unseen, *short, *(numbers - set(batches) - await self.notices())]

    async def differing(self, numbers: set[Number], *, before: int) -> list[object]:
        """The seconds before that one, since all hosts were let in, of which the API has more or less than these numbers say, or
        other values."""
        said = self.tap.samples(numbers).items()
        wanted = {step: values for step, values in said if self.since_s < step.second < before}
        stored = await self.stored(wanted)
        return [
            (step, len(values), stored[step])
            for step, values in wanted.items()
            if stored[step][0] != len(values)
            or not math.isclose(stored[step][1], math.fsum(values), rel_tol=1e-9, abs_tol=1e-9)
        ]

    async def ask_who_is_there(self) -> None:
        """Cut the controller's way for a moment. It comes back in a new epoch: hosts say a word at once instead of half a minute after
        the last, and all again that nobody acknowledged."""
        before = self.way.accepted
        self.way.cut()
        await self.way.wait_accepted(before + 1)

        async def connected() -> bool:
            links = (await self.api.client.get(f"{self.controller.url}/readyz")).json()["links"]
            return bool(links == {"up": 1})

        await self.api.until(connected, "the controller has its broker")

    async def everything_is_there(self) -> None:
        """Wait until what all hosts measured is there, as it was measured, once; and see that nothing is missing of what they were
        told to forget."""
        before = (unix_ms() - SETTLED_MS) // STEP_MS

        async def all_there() -> bool:
            found = await self.differing(set(self.tap.batches), before=before)
            assert not found, (len(found), found[:10])
            return True

        await self.api.until(all_there, "what was measured is there, once")
        assert await self.lost(self.tap.acknowledged) == []
        for host in self.fleet.agents:
            assert (await self.api.get("/metrics/gaps", site=SITE, host=host))["gaps"] == []

    async def notices(self) -> set[Number]:
        """The notices that the API has."""
        found = set()
        cursor: dict[str, str] = {}
        while True:
            page = await self.api.get("/notices", limit=500, **cursor)
            for one in page["items"]:
                spool_class = one["notice_class"] if one["notice_class"] in ("audit", "alarm") else "notice"
                found.add(Number(one["host"], bytes.fromhex(one["said"]["log"]), spool_class, one["said"]["seq"]))
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    async def reset_everywhere(self, guest: str, per_minute: int) -> str:
        """A rollout that has begun: `guest-reset`, `once` and of class R2, so that the operator signs what it needs."""
        spec = {
            "name": "reset", "operation": "guest-reset", "body": {"guest": guest},
            "targets": {"selection": f"site={SITE}"}, "waves": {"base_rate": per_minute},
        }  # fmt: skip
        made = await self.api.post("/rollouts", spec)
        await self.api.post(f"/rollouts/{made['id']}/start", {})
        approval = await self.api.until(lambda: self.approval(made["id"]), "an approval for the rollout")
        await self.sign(approval)
        return str(made["id"])

    async def approval(self, rollout: str) -> Any:
        """The approval that a rollout waits for."""
        items = (await self.api.get("/approvals"))["items"]
        return next((one["id"] for one in items if one["rollout"] == rollout and one["state"] == "open"), None)

    async def sign(self, approval: str) -> None:
        """As the site's operator."""
        await signed(self.api, self.fleet.layout, approval)


async def signed(api: Api, layout: Layout, approval: str) -> None:
    """Sign an approval as the site's operator, whose key the controller's user has enrolled."""
    key = read_signing_key(layout.key("operator:admin"))
    if not (await api.get("/keys"))["items"]:
        challenge = bytes.fromhex((await api.post("/keys/challenges"))["challenge"])
        proof = key.sign(Domain.USER_KEY, challenge + b"ada").hex()
        body = {"public_key": key.public.raw.hex(), "challenge": challenge.hex(), "signature": proof, "label": "x"}
        await api.post("/keys", body)
    texts = (await api.get(f"/approvals/{approval}"))["mandates"]
    signatures = [key.sign(Domain.MANDATE, base64.b64decode(one["text"])).hex() for one in texts]
    await api.post(f"/approvals/{approval}/signatures", {"key_id": key.id.hex(), "signatures": signatures})


@asynccontextmanager
async def plant(
    base: Path, hosts: Mapping[str, Sections], *, database: str = "", approved: bool = True, absent: Sequence[str] = ()
) -> AsyncIterator[Plant]:
    """A controller that has let these hosts in."""
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        proxy = await stack.enter_async_context(fault_proxy(broker.port))
        tap = WireTap()
        proxy.rewrite = tap.see
        through = {"urls": [f"mqtt://127.0.0.1:{proxy.port}"]}
        over = {
            host: {**sections, "broker": {**sections.get("broker", {}), **through}} for host, sections in hosts.items()
        }
        made = await stack.enter_async_context(fleet(base, broker, over, absent=absent))
        way = await stack.enter_async_context(fault_proxy(broker.port, packets=False))
        controller = ControllerProcess(base, made.layout, f"mqtt://127.0.0.1:{way.port}", database)
        await controller.make_user()
        await controller.start()
        stack.push_async_callback(controller.stop)
        api = await stack.enter_async_context(controller.user())
        if approved:
            await api.approve(*hosts)
        yield Plant(made, controller, api, proxy, tap, way, unix_ms() // STEP_MS)
