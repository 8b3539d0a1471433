"""An agent with ten simulated guests and nothing to do: its memory, and the processor time it takes."""

import contextlib
import time
from pathlib import Path

import plant
from children import Child, broker, cpu_s, python, rss_kib, scratch
from rows import Row
from settings import Settings

GUESTS = 10
SETTLE_S = 5.0


def run(settings: Settings) -> list[Row]:
    seconds = settings.seconds(20.0)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        site = plant.make(folder, ("idle",), ("caller",))
        agent = stack.enter_context(plant.agent(site.config("idle", port, simulated={"guests": GUESTS})))
        caller = Child(python("peer_ours.py", "command", "idle", "caller", str(folder), str(port)), "caller")
        stack.enter_context(caller).answer(60)  # every guest is running now
        caller.end()
        time.sleep(SETTLE_S)
        before = cpu_s(agent.pid)
        time.sleep(seconds)
        used = (cpu_s(agent.pid) - before) / seconds * 100
        memory = rss_kib(agent.pid) / 1024
    return [
        Row("agent_idle", f"memory with {GUESTS} running guests", memory, "MiB", None, "<=", 64),
        Row("agent_idle", f"processor, idle for {seconds:.0f} s", used, "% of a core", None, "<=", 0.5),
    ]
