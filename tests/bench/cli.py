"""The command line, whole processes from start to end: `guestwire --help`, and `guest list` against a running host."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import plant
from children import Child, broker, cpus, python, scratch
from rows import Row, median
from settings import Settings

from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context

GUESTS = 10


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        site = plant.make(folder, ("host",), ("caller",))
        stack.enter_context(plant.agent(site.config("host", port, simulated={"guests": GUESTS})))
        waiting = Child(python("peer_ours.py", "read", "host", "caller", str(folder), str(port)), "caller")
        stack.enter_context(waiting).answer(60)  # the host answers
        waiting.end()
        environment = _environment(site, port)
        program = str(Path(sys.executable).parent / "guestwire")
        commands = {"--help": [program, "--help"], "guest list": [program, "guest", "list"],
                    "guest list by socket": [program, "--context", "local", "guest", "list"]}  # fmt: skip
        took: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            _milliseconds(command, environment)  # writes the byte code
        for _ in range(settings.count(4) * settings.runs):
            for name, command in commands.items():
                took[name].append(_milliseconds(command, environment))
    return [
        Row("cli", "guestwire --help", median(took["--help"]), "ms", None, "<=", 120),
        Row("cli", "guestwire guest list, over mosquitto", median(took["guest list"]), "ms", None, "<=", 350),
        Row(
            "cli", "guestwire guest list, over the socket", median(took["guest list by socket"]), "ms", None, "<=", 350
        ),
    ]


def _environment(site: plant.Plant, port: int) -> dict[str, str]:
    """A configuration file of its own, so that the user's is left alone."""
    path = site.base / "config.toml"
    layout = site.layout
    keys = {"trust": str(layout.trust), "root": str(layout.root_public), "key": str(layout.key("operator:caller"))}
    over_mqtt = Context(site=plant.SITE, brokers=(f"mqtt://127.0.0.1:{port}",), **keys)
    context_file.put(path, "bench", over_mqtt, make_current=True)
    local = Context(site=plant.SITE, via="socket", socket=str(site.base / "host.sock"), host="host")
    context_file.put(path, "local", local)
    environment = {**os.environ, "GUESTWIRE_CONFIG": str(path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("GUESTWIRE_CONTEXT", None)
    return environment


def _milliseconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """The time of a whole process. Raises when it fails."""
    began = time.perf_counter()
    subprocess.run(
        ["taskset", "-c", cpus("caller"), *command], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=30
    )
    return (time.perf_counter() - began) * 1000
