"""The settings of guestwire-comm: defaults < TOML file < flags. The only place that reads the environment."""

import argparse
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from guestwire.model.errors import GuestwireError

DEFAULT_FILE: Final = Path("/etc/guestwire/comm.toml")
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]


class Settings(BaseModel):
    """One flag each: --state-dir sets state_dir."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Slug
    """The host's id, as the agent has it."""
    site: Slug
    """The site it belongs to, as the agent has it."""
    dir: Path = Path("/run/guestwire-comm")
    """Sockets: comm.sock, attach.sock, and those of guests in guests/."""
    state_dir: Path = Path("/var/lib/guestwire-comm")
    """The last document, and where everything in it lies."""
    users: str = "guestwire"
    """Users beside root that may give it documents and ask for the guests' memory: the agent's; separated by commas."""
    group: str = ""
    """The group whose members may attach as processes of the host; empty: the process's own."""
    qemu_group: str = "kvm"
    """The group that QEMU runs in: it connects to the sockets of its guest."""
    simulated_guests: bool = False
    """Whether processes of those users may attach as guests: for simulated hosts."""
    ephemeral: bool = False
    """Whether networks go when the process ends: for trials. Else they stay, as guests stay attached to them."""
    trace_dir: Path = Path("/var/lib/guestwire-comm/traces")
    """Where trace snapshots go that guests ask for."""
    requests_per_s: Annotated[float, Field(gt=0)] = 20_000.0
    """What one peer may ask in a second before it is made to wait."""
    mark: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,15}$")] = "guestwire"
    """The name of its nft tables and the beginning of its bridges' aliases: two on one machine (the service and a trial) need
    different ones."""


def parser(prog: str, commands: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line: a command, --config, and a flag for each setting."""
    made = argparse.ArgumentParser(prog=prog, description="The communication services between the guests of a host.")
    made.add_argument("command", choices=sorted(commands), help="; ".join(f"{k}: {v}" for k, v in commands.items()))
    made.add_argument("--config", metavar="FILE", help=f"default: {DEFAULT_FILE}")
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else f" (default: {field.default})"
        made.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper(), help=f"{name}{default}")
    return made


def load(arguments: argparse.Namespace) -> Settings:
    """The settings. Raises CONFIG-INVALID, which names every setting that is wrong."""
    given = {name: text for name, text in vars(arguments).items() if name in Settings.model_fields and text is not None}
    path = Path(arguments.config) if arguments.config else DEFAULT_FILE
    read: dict[str, object] = {}
    try:
        read = tomllib.loads(path.read_text())
    except FileNotFoundError as err:
        if arguments.config:
            raise GuestwireError("CONFIG-INVALID", f"{path}: there is no such file", field=str(path)) from err
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{path}: {err}", field=str(path)) from err
    try:
        return Settings.model_validate({**read, **given})
    except ValidationError as err:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in err.errors()]
        raise GuestwireError("CONFIG-INVALID", "; ".join(wrong[:8]), detail={"wrong": wrong}) from err


def service_environment() -> dict[str, str]:
    """What the service manager passed on: its notification socket, its watchdog, the files it kept."""
    names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID")
    return {name: os.environ[name] for name in names if name in os.environ}
