"""Telemetry of one host, wired: the spool under everything that is said, what ships it, what is measured."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import Log
from guestwire.agent.telemetry.controllers import Controllers
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.keeper import SpoolKeeper
from guestwire.agent.telemetry.pacing import Pacing
from guestwire.agent.telemetry.sampler import SamplerSettings
from guestwire.agent.telemetry.shipper import Shipper
from guestwire.agent.telemetry.spool import Spool
from guestwire.agent.telemetry.telling import Telling
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.protocol.executor import Executor
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SpoolClass


@dataclass(frozen=True, slots=True)
class TelemetryParts:
    """`folder`: where the spool is; `boot`: the name of the machine's boot; `quota`: bytes for each class; `link`: bytes per second,
    None: as observed; `began_ms`: when the process began, Unix ms; `clock`: by it is judged when something is to be sent again, and
    when a controller is gone; `disk`: what the spool is written to."""

    folder: Path
    boot: str
    quota: Mapping[SpoolClass, int]
    link: float | None
    sampling: SamplerSettings
    began_ms: int
    clock: Callable[[], Now] = now
    disk: Disk = field(default_factory=Disk)


async def spool_opened(stack: AsyncExitStack, parts: TelemetryParts, telling: Telling, log: Log, vital: Vital) -> Spool:
    """The spool, open until the stack ends: what is said on the way there is kept too."""
    keeper = SpoolKeeper(
        parts.folder, parts.boot, lambda batch: telling.batch(batch, parts.clock().wall_ms), parts.clock, log, vital,
        quota=parts.quota, disk=parts.disk,
    )  # fmt: skip
    return (await stack.enter_async_context(keeper)).spool


async def shipping(
    stack: AsyncExitStack, parts: TelemetryParts, telling: Telling, spool: Spool, announcer: Announcer,
    executor: Executor, vital: Vital,
) -> Shipper:  # fmt: skip
    """What sends it, until the stack ends."""
    controllers = Controllers(executor.site, lambda: executor.trust, lambda: executor.clock_synchronised)
    shipper = Shipper(
        telling=telling, spool=spool, ways=announcer, controllers=controllers, pacing=Pacing(parts.link),
        clock=parts.clock, vital=vital,
    )  # fmt: skip
    announcer.said = shipper.said
    return await stack.enter_async_context(shipper)
