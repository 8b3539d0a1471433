"""An agent inside the test's own process, composed as guestwire-agent composes it: for tests that reach into its host."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.host_parts import HostParts
from guestwire.agent.journal_writer import JournalWriter


@dataclass(frozen=True)
class Inside:
    """A running agent and its simulated machine."""

    agent: RunningHost
    machine: SimulatedHost


def _unchanged(parts: HostParts) -> HostParts:
    return parts


@asynccontextmanager
async def inside(config: Path, change: Callable[[HostParts], HostParts] = _unchanged) -> AsyncIterator[Inside]:
    """The agent of a configuration file, its parts as `change` makes them. Serves when the block begins."""
    settings = load(config)
    settings.host.state_dir.mkdir(parents=True, exist_ok=True)
    speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
    async with compose.driver(settings) as drivers, JournalWriter() as writer:
        parts = change(compose.host_parts(settings, drivers, writer, speaking))
        async with host_agent(parts) as agent:
            yield Inside(agent, cast("SimulatedHost", drivers.guests))
