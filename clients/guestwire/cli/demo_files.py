"""What each process of a demo is started with: its command line and, for an agent, its configuration file."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guestwire.model.guest import Guest
from guestwire.site.layout import Layout

Value = str | int | float | bool | list[str]
SAMPLES = 3
"""Guests that a simulated host begins with."""


@dataclass(frozen=True, slots=True)
class HostFiles:
    """One host: how to start its agent and its communication services, and where the agent listens."""

    host: str
    argv: tuple[str, ...]
    comm_argv: tuple[str, ...]
    socket: Path


def broker_argv(port: int, *, embedded: bool) -> tuple[str, ...]:
    """The broker's command line."""
    argv = [sys.executable, "-m", "guestwire.broker_test", "--json", "--port", str(port)]
    return (*argv, "--embedded") if embedded else tuple(argv)


def host_files(
    layout: Layout,
    base: Path,
    host: str,
    url: str,
    transport: Literal["auto", "mqtt5", "aiomqtt"],
    *,
    real: bool,
    comm: Path,
    guests: Sequence[Guest] = (),
) -> HostFiles:
    """Write a host's configuration files; its state and its socket will be beside them. `comm`: where the sockets of its
    communication services are. `guests`: those that the user gives it: their files may be where they are."""
    home = base / "hosts" / host
    home.mkdir(mode=0o700, parents=True)
    socket = home / "agent.sock"
    sections: dict[str, dict[str, Value]] = {
        "host": {
            "id": host,
            "site": "demo",
            "label": "this machine" if real else f"simulated host {host}",
            "driver": "libvirt" if real else "simulated",
            "state_dir": str(home / "state"),
            "socket": str(socket),
            # everything of a demo is on one machine and goes by one clock: that nobody keeps it right hurts nobody here
            "clock": "trusted",
            **_roots(guests),
        },
        "broker": {"urls": [url], "transport": transport, "boot_delay_s": 0},
        "trust": {
            "document": str(layout.trust),
            "root_key": str(layout.root_public),
            "host_key": str(layout.key(f"host:{host}")),
        },
        "simulated": {"guests": SAMPLES},
        "comm": {"dir": str(comm)},
    }
    (home / "state").mkdir(mode=0o700)
    config = home / "agent.toml"
    config.write_text("".join(_section(name, values) for name, values in sections.items()), encoding="utf-8")
    services = home / "comm.toml"
    services.write_text(_keys(_comm(home, host, comm, real=real)), encoding="utf-8")
    return HostFiles(host, _argv("guestwire.agent.main", config), _argv("guestwire.comm.main", services), socket)


def _argv(module: str, config: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", module, "run", "--config", str(config))


def _comm(home: Path, host: str, folder: Path, *, real: bool) -> dict[str, Value]:
    """The communication services of a demo's host: a simulated one's guests are processes, and nothing is left of either."""
    return {
        "host": host, "site": "demo", "dir": str(folder), "state_dir": str(home / "comm"),
        "trace_dir": str(home / "traces"), "simulated_guests": not real, "ephemeral": True, "mark": "guestwire_demo",
    }  # fmt: skip


def _roots(guests: Iterable[Guest]) -> dict[str, list[str]]:
    """Where the files of these guests are, as settings of the agent."""
    boot = [path for guest in guests if guest.boot is not None for path in (guest.boot.kernel, guest.boot.initrd)]
    disks = [path for guest in guests for disk in guest.disks for path in (disk.path, disk.clone_of)]
    found = {
        "boot_roots": [str(Path(path).parent) for path in boot if path is not None],
        "disk_roots": [str(Path(path).parent) for path in disks if path is not None],
        "share_roots": [share.path for guest in guests for share in guest.shares],
    }
    return {name: sorted(set(folders)) for name, folders in found.items() if folders}


def _section(name: str, values: dict[str, Value]) -> str:
    return f"[{name}]\n{_keys(values)}\n"


def _keys(values: dict[str, Value]) -> str:
    # TOML's strings, numbers, booleans and lists of strings are written as JSON's
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
