"""A site for the benches, its keys made as `guestwire site init` makes them, and agents of it as processes of their own."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import Child, Role, python

from guestwire.protocol.invoker import Invoker
from guestwire.protocol.key_files import parse_private, parse_public
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

SITE = "bench"
Sections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Plant:
    """The site below `base`; hosts and operators as they were named when it was made."""

    base: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.base / "site")

    @property
    def trust(self) -> Trust:
        root = parse_public(self.layout.root_public.read_text())
        return unseal(self.layout.trust.read_bytes(), root)

    def invoker(self, operator: str) -> Invoker:
        """A client that signs as this operator and believes this site's hosts."""
        principal = f"operator:{operator}"
        key = parse_private(self.layout.key(principal).read_text())
        return Invoker(SITE, operator, principal, key, self.trust)

    def config(self, host: str, port: int | None, host_key: str = "", **more: Mapping[str, Any]) -> Path:
        """Write the configuration of an agent with simulated guests; `more` are settings by section. No port: no broker."""
        sections: dict[str, dict[str, Any]] = {
            "host": {"id": host, "site": SITE, "driver": "simulated", "state_dir": str(self.base / host),
                     "socket": str(self.base / f"{host}.sock"), "clock": "trusted"},
            "broker": {"urls": [] if port is None else [f"mqtt://127.0.0.1:{port}"], "boot_delay_s": 0},
            "trust": {"document": str(self.layout.trust), "root_key": str(self.layout.root_public),
                      "host_key": host_key or str(self.layout.key(f"host:{host}"))},
        }  # fmt: skip
        for section, values in more.items():
            sections.setdefault(section, {}).update(values)
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        path = self.base / f"{host}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path


def make(
    base: Path,
    hosts: tuple[str, ...],
    operators: tuple[str, ...],
    *,
    controllers: tuple[str, ...] = (),
    tls: bool = False,
) -> Plant:
    """A new site."""
    plan = SitePlan(SITE, hosts=hosts, operators=operators, controllers=controllers, tls=tls)
    create(base / "site", plan, time.time_ns() // 1_000_000)
    return Plant(base)


def agent(config: Path, env: Mapping[str, str] | None = None, role: Role = "responder") -> Child:
    """An agent process. Its caller finds out when it is ready: a request is sent again until somebody answers."""
    command = python("agent_as_installed.py", "run", "--config", str(config))
    return Child(command, role, env=env, log=config.with_suffix(".log"))


def simulated_hosts(config: Path, count: int, role: Role = "responder", *, log: Path | None = None) -> Child:
    """Many hosts in one process, by one configuration. It says a line when all of them have opened and connected."""
    command = python("agent_as_installed.py", "fleet", "--hosts", str(count), "--config", str(config))
    return Child(command, role, log=log)
