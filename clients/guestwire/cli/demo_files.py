"""What each process of a demo is started with: its command line and, for an agent, its configuration file."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guestwire.site.layout import Layout

SAMPLES = 3
"""Guests that a simulated host begins with."""


@dataclass(frozen=True, slots=True)
class HostFiles:
    """One host: how to start its agent, and where that listens."""

    host: str
    argv: tuple[str, ...]
    socket: Path


def broker_argv(port: int, *, embedded: bool) -> tuple[str, ...]:
    """The broker's command line."""
    argv = [sys.executable, "-m", "guestwire.broker_test", "--json", "--port", str(port)]
    return (*argv, "--embedded") if embedded else tuple(argv)


def host_files(
    layout: Layout, base: Path, host: str, url: str, transport: Literal["auto", "mqtt5", "aiomqtt"], *, real: bool
) -> HostFiles:
    """Write a host's configuration file; its state and its socket will be beside it."""
    home = base / "hosts" / host
    home.mkdir(mode=0o700, parents=True)
    socket = home / "agent.sock"
    sections: dict[str, dict[str, str | int | float | list[str]]] = {
        "host": {
            "id": host,
            "site": "demo",
            "label": "this machine" if real else f"simulated host {host}",
            "driver": "libvirt" if real else "simulated",
            "state_dir": str(home / "state"),
            "socket": str(socket),
        },
        "broker": {"urls": [url], "transport": transport, "boot_delay_s": 0},
        "trust": {
            "document": str(layout.trust),
            "root_key": str(layout.root_public),
            "host_key": str(layout.key(f"host:{host}")),
        },
        "simulated": {"guests": SAMPLES},
    }
    (home / "state").mkdir(mode=0o700)
    config = home / "agent.toml"
    config.write_text("".join(_section(name, values) for name, values in sections.items()), encoding="utf-8")
    return HostFiles(host, (sys.executable, "-m", "guestwire.agent.main", "run", "--config", str(config)), socket)


def _section(name: str, values: dict[str, str | int | float | list[str]]) -> str:
    # TOML's strings, numbers and lists of strings are written as JSON's
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, "", ""])
