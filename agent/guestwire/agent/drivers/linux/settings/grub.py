"""Fragments of GRUB's configuration, and the command that makes them count. A fragment is true from the next boot on."""

import asyncio
import re
from pathlib import Path

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings import owned_files
from guestwire.agent.drivers.linux.settings.setting import Place
from guestwire.model.errors import GuestwireError

_MAIN = "/etc/default/grub"
_UPDATE = "/usr/sbin/update-grub"
_UPDATE_S = 300.0
_OPTIONS = re.compile(r'^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX (.+)"$', re.MULTILINE)


def with_options(options: str) -> str:
    """A fragment that puts options on the kernel's command line, after those that are there."""
    return f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {options}"\n'


def options_of(fragment: str) -> str:
    """What `with_options` was given; "" for any other fragment."""
    found = _OPTIONS.search(fragment)
    return found[1] if found else ""


def boot_brings_fragments(root: Path) -> bool:
    """Whether `update` made GRUB's own file from the fragments: where there is no command for it, no boot brings them."""
    return (root / _UPDATE.lstrip("/")).exists()


async def has_grub(place: Place) -> bool:
    return await asyncio.to_thread(place.file(_MAIN).exists)


async def write_fragment(place: Place, path: str, text: str) -> None:
    """Write the fragment, a file of /etc/default/grub.d. UNSUPPORTED where the host does not boot by GRUB."""
    if not await has_grub(place):
        raise GuestwireError("UNSUPPORTED", f"this host does not boot by GRUB: there is no {_MAIN}")
    text = owned_files.HEADER + text
    if await owned_files.read(place, path) != text:
        await owned_files.write(place, path, text)
    await update(place)


async def remove_fragment(place: Place, path: str) -> None:
    await owned_files.remove(place, path)
    await update(place)


async def update(place: Place) -> None:
    """Make GRUB's own file from the fragments, where there is the command for it."""
    if await asyncio.to_thread(boot_brings_fragments, place.root):
        await run_checked(place.run, _UPDATE, deadline_s=_UPDATE_S)
