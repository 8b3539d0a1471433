"""What waits for a boot of the host, by what its files say.

- /run/reboot-required, which packages of Debian and Ubuntu leave there, and their names in /run/reboot-required.pkgs.
- Huge pages of 1 GiB that our fragment for GRUB asks for, that the kernel has fewer of, and that it was not booted with.

What would be a guess is not said. irqaffinity= of our other fragment keeps for later boots what is in force without one. The
running kernel's modules are missing in a container, and with a kernel that has none, while nothing waits. Which of several
kernels would be booted next is decided at the boot (GRUB_DEFAULT, its environment, its menu). Of a fragment that is gone
nobody knows whether its options came from there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from guestwire.agent.drivers.linux.kernel_values import read_value
from guestwire.agent.drivers.linux.settings import grub, hugepages
from guestwire.agent.drivers.linux.settings.owned_files import read_now

_REQUIRED = "run/reboot-required"
_PACKAGES = "run/reboot-required.pkgs"
_COMMAND_LINE = "/proc/cmdline"
_NAMED = 8
"""Packages that are named; more are counted."""
_NAME_LENGTH = 128


def read_boot_pending(root: Path = Path("/")) -> tuple[str, ...]:
    """A text for each thing that waits, for people. What cannot be read does not wait."""
    return (*_packages(root), *_large_pages(root))


def _packages(root: Path) -> Iterator[str]:
    if read_now(root / _REQUIRED) is None:
        return
    # a package adds its name each time that it is updated
    names = sorted({name[:_NAME_LENGTH] for name in (read_now(root / _PACKAGES) or "").split()})
    if not names:
        yield f"the operating system asks for it: /{_REQUIRED}"
        return
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    yield f"packages that were updated ask for it: {', '.join(names[:_NAMED])}{more}"


def _large_pages(root: Path) -> Iterator[str]:
    options = grub.options_of(read_now(root / hugepages.GRUB_FILE.lstrip("/")) or "")
    booted_with = read_value(root, _COMMAND_LINE)
    if booted_with is None or not grub.boot_brings_fragments(root) or _follow(options.split(), booted_with.split()):
        return  # in the last case a boot has done what it could
    if any(_count(root, path) < pages for path, pages in hugepages.boot_pages(options).items()):
        yield f"the kernel was booted without {options}, which {hugepages.GRUB_FILE} asks for"


def _follow(words: Sequence[str], line: Sequence[str]) -> bool:
    """Whether the words stand in the line one after the other: hugepages= counts those of the hugepagesz= before it."""
    return any(line[at : at + len(words)] == words for at in range(len(line) - len(words) + 1))


def _count(root: Path, path: str) -> int:
    text = read_value(root, path) or ""
    return int(text) if text.isdecimal() else 0
