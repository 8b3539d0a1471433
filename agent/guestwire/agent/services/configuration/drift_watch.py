"""Edits made behind our back: noticed as they happen, and reported, adopted or taken back, as the host's policy says."""

import asyncio
from contextlib import suppress

from guestwire.agent.services.configuration.adoption import Adoption
from guestwire.agent.services.configuration.applying import Applying
from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.prepared import Preparer
from guestwire.agent.services.configuration.service import Configuration
from guestwire.agent.services.running import Running
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import PlanItem
from guestwire.protocol.config_models import ConfigAdopt
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

SETTLE_S = 0.5
"""An editor that defines several times makes one drift."""
BETWEEN_S = 60.0
"""From one answer to a drift to the next, and after one that failed: two parties that take back each other's edits must not
keep a host busy."""


class DriftWatch(VitalTask):
    """`async with` it; `look` is called when a definition may have changed. `host` names the author of what it does."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        preparer: Preparer,
        applying: Applying,
        adoption: Adoption,
        host: str,
        vital: Vital,
        between_s: float = BETWEEN_S,
    ) -> None:
        super().__init__(vital, "drift-watch")
        self._configuration = configuration
        self._preparer = preparer
        self._applying = applying
        self._adoption = adoption
        self._host = host
        self._between_s = between_s
        self._wake = asyncio.Event()
        applying.ended = self.look  # what was edited while a change was under way was not looked at
        self._told: tuple[PlanItem, ...] = ()
        self._failure = ""

    def look(self) -> None:
        """Something may have changed."""
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        answer_at = loop.time()
        owed = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(answer_at if owed else None):
                    await self._wake.wait()
            await asyncio.sleep(SETTLE_S)
            self._wake.clear()
            owed = False
            try:
                drift = await self._look_now()
                if not drift:
                    self._failure = ""
                if drift and loop.time() < answer_at:
                    owed = await self._answers()
                elif drift and await self._answer():
                    answer_at = loop.time() + self._between_s
            except GuestwireError as err:
                owed, answer_at = True, loop.time() + self._between_s
                if (failure := f"{err.code}: {err.message}") != self._failure:
                    self._failure = failure
                    self._applying.around.changed("drifted", failure)

    async def _look_now(self) -> tuple[PlanItem, ...]:
        """The drift; told when it is another one than before."""
        if self._applying.records.under_way is not None:
            return ()
        drift = await self._configuration.drift()
        if drift != self._told:
            self._told = drift
            places = ", ".join(
                dict.fromkeys(f"{item.object}.{item.field}" if item.field else item.object for item in drift)
            )
            self._applying.around.changed("drifted" if drift else "in_sync", places)
        return drift

    async def _answers(self) -> bool:
        """Whether the policy asks for more than a report."""
        return (await self._configuration.desired()).policy.on_drift != "report"

    async def _answer(self) -> bool:
        """Do what the policy says; whether that was anything."""
        if not await self._answers():
            return False
        async with self._applying.around.hold(self._applying.every_lane()):
            if self._applying.records.under_way is not None:
                return False  # it began meanwhile; its end is heard
            policy = (await self._configuration.desired()).policy.on_drift
            if policy == "report":
                return False  # it was another one when the lanes were asked for
            running = self._own_work()
            if policy == "adopt":
                running.call.request = ConfigAdopt(update=True)
                await self._adoption.adopt(running, trusted=True)
                return True
            prepared = await self._preparer.prepare(await self._configuration.desired(), Options())
            await self._applying.make_true(
                running, prepared, origin="apply", comment="taken back: an edit made on the host", confirm_s=None,
                trusted=True,
            )  # fmt: skip
            return True

    def _own_work(self) -> Running:
        """A request of the host to itself."""
        at = self._applying.around.clock_ms()
        operation = BY_NAME["config-apply"]
        issuer = f"host:{self._host}"
        header = Header(
            VERSION, "request", ("", self._host), operation.name, request_id(at), issuer, at, at, 0, body_hash(b""), ""
        )
        return Running(Call(operation, header, Inbound(b"", "", operation.name), issuer, signed=True, wall_ms=at))
