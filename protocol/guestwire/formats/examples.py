"""Example projects, one for each operating system that the System Manager has one for (SM 11). They start on a simulated
host; on a real one their images and media are put where the example's paths say, or the paths are changed."""

from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from guestwire.formats.project_toml import load
from guestwire.formats.strict import did_you_mean
from guestwire.formats.toml_text import key
from guestwire.model.desired import Project
from guestwire.model.errors import GuestwireError

_HOST = "HOST"
"""The host's key in the files."""


class Example(NamedTuple):
    name: str
    summary: str


EXAMPLES: tuple[Example, ...] = (
    Example("rt-linux", "real-time Linux on its own CPU"),
    Example("rtos-32", "On Time RTOS-32, an image with a fixed base address"),
    Example("vxworks", "VxWorks, an image with a fixed base address"),
    Example("windows_rtlinux", "Windows, installed from an ISO, and real-time Linux in parallel"),
    Example("ubuntu_rtlinux", "Ubuntu, installed from an ISO, and real-time Linux in parallel"),
)
ALIASES: Mapping[str, str] = {"ubunutu_rtlinux": "ubuntu_rtlinux"}
"""Names as they are misspelt elsewhere (RV 4.4)."""


def example_text(name: str, host: str) -> str:
    """The example's document for a host, with its comments. Raises NOT-FOUND."""
    wanted = ALIASES.get(name, name)
    if wanted not in (example.name for example in EXAMPLES):
        near = did_you_mean(name, (example.name for example in EXAMPLES))
        raise GuestwireError("NOT-FOUND", f"there is no example {name}{near}", field="name")
    text = files("guestwire.formats").joinpath("examples", f"{wanted}.toml").read_text(encoding="utf-8")
    return text.replace(f"[hosts.{_HOST}", f"[hosts.{key(host)}")


def open_example(name: str, host: str) -> Project:
    """The example's project, for one host. Raises NOT-FOUND."""
    return load(example_text(name, host))
