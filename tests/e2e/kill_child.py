"""Agents that kill themselves at a step of their journal, one after the other, forked from a process that has imported all.

    python kill_child.py        reads lines {"config": FILE, "step": STEP or null, "occurrence": N} on stdin

For each line it forks an agent and writes {"started": PID}, {"up": PID} when that is connected, and {"ended": STATUS} when
it has ended. The agent is composed
as guestwire-agent does it, with an observer that ends it by SIGKILL when the step is reached for the Nth time.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import uvloop

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.agent.drivers.simulated import host as _simulated  # noqa: F401 - imported before the fork, once for all
from guestwire.agent.host_agent import host_agent
from guestwire.agent.journal_schema import Observer, Step
from guestwire.agent.journal_writer import JournalWriter
from guestwire.broker_test.child import end_with_parent


def killer(step: str, occurrence: int) -> Observer:
    """An observer that ends the process at the step. Each step is announced by one thread, so counting needs no lock."""
    left = occurrence

    def observe(reached: Step, _seq: int) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return observe


async def serve(config: Path, observer: Observer | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load(config)
    settings.host.state_dir.mkdir(parents=True, exist_ok=True)
    speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
    async with compose.driver(settings) as drivers, JournalWriter() as writer:
        parts = compose.host_parts(settings, drivers, writer, speaking, observer=observer)
        async with host_agent(parts) as host:
            assert host.link is not None
            await host.link.session.connected(30)
            _say(up=os.getpid())
            await stop.wait()


def main() -> None:
    end_with_parent()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            end_with_parent()
            observer = killer(order["step"], order["occurrence"]) if order["step"] else None
            try:
                uvloop.run(serve(Path(order["config"]), observer))
            except BaseException as err:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
                sys.stderr.write(f"kill_child: {err!r}\n")
                os._exit(1)
            os._exit(0)
        _say(started=child)
        _, status = os.waitpid(child, 0)
        _say(ended=os.waitstatus_to_exitcode(status))


def _say(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
