"""The networks that hold, kept over restarts of guestwire-comm (not of the host: its kernel has forgotten them too)."""

from pathlib import Path

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.networks import VirtualNet


class HeldNetworks(Model):
    """What was applied last, and the name of the host it was applied for."""

    host: str = ""
    networks: tuple[VirtualNet, ...] = ()


def read_held(path: Path) -> HeldNetworks:
    """What the file says; without one, or with one that says nothing sensible, no networks."""
    try:
        return HeldNetworks.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return HeldNetworks()


def write_held(path: Path, held: HeldNetworks) -> None:
    """Put it in the place of what was there, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(held.model_dump_json())
    new.replace(path)
