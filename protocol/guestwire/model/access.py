"""Access modes of memory areas: four positions, [R-][W-][C-][-] (SM 9).

R and W are enforced by the hypervisor. C (cached) is advisory on x86 and comes back as it was given. The fourth position
is reserved. "----" means that the area's device is not plugged into the guest at all.
"""

from functools import lru_cache
from typing import NamedTuple

from guestwire.model.areas import MemoryArea
from guestwire.model.errors import GuestwireError

NONE = "----"


class Access(NamedTuple):
    """What a guest may do with an area."""

    read: bool
    write: bool
    cached: bool

    @property
    def plugged(self) -> bool:
        """Whether the guest has the area's device at all. C alone does not count: a device that is there can be read."""
        return self.read or self.write


class Wrong(NamedTuple):
    """Why a text is no mode: an error's code and message."""

    code: str
    message: str


@lru_cache(maxsize=256)
def read_access(text: str) -> Access | Wrong:
    """The mode of a text; one of three characters is padded ("R--", as SM 9 shows it once). Else ACCESS-SYNTAX,
    ACCESS-RESERVED (the fourth is set), ACCESS-W-NO-R (write without read cannot be enforced). Remembered: a document has
    few modes and many places that have one."""
    mode = text + "-" if len(text) == 3 else text
    if len(mode) != 4 or any(given not in (letter, "-") for given, letter in zip(mode[:3], "RWC", strict=True)):
        return Wrong("ACCESS-SYNTAX", f"{text!r} is not an access mode: RWC-, R-C-, R---, ----")
    if mode[3] != "-":
        return Wrong("ACCESS-RESERVED", f"the fourth position of {text!r} is reserved: it must be -")
    access = Access(mode[0] == "R", mode[1] == "W", mode[2] == "C")
    if access.write and not access.read:
        return Wrong("ACCESS-W-NO-R", f"{text!r} gives write without read")
    return access


def parse_access(text: str) -> Access:
    """The mode of a text as `read_access` finds it. Raises the code of what is wrong."""
    found = read_access(text)
    if isinstance(found, Wrong):
        raise GuestwireError(found.code, found.message, field="access")
    return found


def format_access(access: Access) -> str:
    """The four characters: `parse_access(format_access(a)) == a`."""
    return ("R" if access.read else "-") + ("W" if access.write else "-") + ("C" if access.cached else "-") + "-"


def effective_access(area: MemoryArea, guest: str) -> str:
    """The mode text that holds for a guest, by name: its override, else the area's default."""
    return area.overrides.get(guest, area.default_access)
