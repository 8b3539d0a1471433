"""Agents that kill themselves at a step of their journal, of `deadly_agents`.

The argument, as JSON:
        config       the agent's configuration file
        step         the step of the journal at which it ends itself by SIGKILL, null: it lives
        occurrence   when that step is reached for the Nth time
        fail         calls of the simulated host that fail for ever, see drivers/simulated/settings.py; may be missing

An agent says {"up"} when it serves. How often an agent that ended in order reached each step is in the file `steps.json` beside its configuration.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any, cast

import uvloop

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.host_agent import host_agent
from guestwire.agent.journal_schema import Observer, Step
from guestwire.agent.journal_writer import JournalWriter


def counting(reached: Counter[str], step: str | None, occurrence: int) -> Observer:
    """An observer that counts the steps, and ends the process at one of them."""

    def observe(name: Step, _number: int) -> None:
        reached[name] += 1
        if name == step and reached[name] == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    return observe


def main(arguments: list[str]) -> None:
    uvloop.run(serve(json.loads(arguments[0])))


async def serve(order: dict[str, Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = Path(order["config"])
    settings = load(config)
    settings.host.state_dir.mkdir(parents=True, exist_ok=True)
    speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
    reached: Counter[str] = Counter()
    observer = counting(reached, order["step"], order["occurrence"])
    async with compose.driver(settings) as hypervisor, JournalWriter() as writer:
        if failing := order.get("fail"):
            faults = Faults(fail_calls=dict.fromkeys(failing, "injected"))
            cast("SimulatedHost", hypervisor.guests).set_faults(faults)
        parts = compose.host_parts(settings, hypervisor, writer, speaking, observer=observer)
        async with host_agent(parts) as host:
            if host.link is not None:
                await host.link.session.connected(30)
            os.write(1, b'{"up"}\n')
            await stop.wait()
    config.with_name("steps.json").write_text(json.dumps(reached))
