"""The templates that come with Guestwire, with the images that are made for them: one file for each operating system that the
examples have (SM 4.10, 11)."""

from importlib.resources import files

from guestwire.formats.strict import did_you_mean
from guestwire.formats.templates_toml import Registry, load
from guestwire.model.errors import GuestwireError

SHIPPED: tuple[str, ...] = ("RtLinux", "Rtos32", "VxWorks", "Windows", "Ubuntu")
"""Their identifiers, and the names of their files."""


def shipped_text(name: str) -> str:
    """The registry file of a shipped template, with its comments. Raises NOT-FOUND."""
    if name not in SHIPPED:
        known = did_you_mean(name, SHIPPED) or f": {', '.join(SHIPPED)}"
        raise GuestwireError("NOT-FOUND", f"no template {name} comes with Guestwire{known}", field="name")
    return files("guestwire.formats").joinpath("templates", f"{name}.toml").read_text(encoding="utf-8")


def shipped() -> Registry:
    """All of them."""
    found = [load(shipped_text(name)) for name in SHIPPED]
    return Registry(
        tuple(template for registry in found for template in registry.templates),
        tuple(image for registry in found for image in registry.images),
    )
