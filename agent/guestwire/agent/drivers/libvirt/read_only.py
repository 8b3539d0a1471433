"""The proof that QEMU keeps memory from the guest's writes where it was told so: how it has mapped the region's file.

An older QEMU, or a defect of ours, would map it writable, and nothing in the guest would look any different. Blocking calls,
for a thread.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol
from xml.etree.ElementTree import Element

from guestwire.protocol.comm_models import Mapped

HowMapped = Callable[[str, int], Mapped | None]
"""How the process of a domain, by uuid, has the file of a descriptor mapped; None where it has not, or cannot be looked at."""

_SETTLED_S = 1.0
"""Memory that was unplugged just now may be mapped a moment longer."""
_LOOK_EVERY_S = 0.02


class Monitor(Protocol):
    """QEMU's, of a running domain."""

    def run(self, command: str) -> Any: ...


class NotReadOnly(Exception):
    """QEMU has memory writable that it was told to have read-only; the text says which QEMU, and what to do."""


class ReadOnly:
    """What proved itself once is believed; what failed is looked at again. So is a QEMU that cannot be looked at: nothing is
    kept from a guest for that."""

    def __init__(self, mapped: HowMapped, *, settled_s: float = _SETTLED_S) -> None:
        self._mapped = mapped
        self._settled_s = settled_s
        self._proven: set[str] = set()

    def of(self, monitor: Monitor, live: Element) -> Callable[[int], None]:
        """For one plug into the domain whose live document is `live`: what proves that its QEMU has the file of a descriptor
        mapped read-only. That raises NotReadOnly."""
        program = cache(lambda: _program(monitor, live))
        patience_s = self._settled_s

        def prove(file: int) -> None:
            nonlocal patience_s
            if program() in self._proven:
                return
            found = self._found(live.findtext("uuid", ""), file, patience_s)
            if found == "writable":
                patience_s = 0.0
                raise NotReadOnly(
                    f"{program()} maps it writable, though told to map it read-only, so that the guest could write there. "
                    "Install another QEMU (7.2 does as it is told), or let the guest write to the area"
                )
            if found is not None:
                self._proven.add(program())

        return prove

    def _found(self, uuid: str, file: int, patience_s: float) -> Mapped | None:
        end = time.monotonic() + patience_s
        while (found := self._mapped(uuid, file)) == "writable" and time.monotonic() < end:
            time.sleep(_LOOK_EVERY_S)
        return found


def _program(monitor: Monitor, live: Element) -> str:
    """The QEMU that runs, which an upgrade leaves as it is, as people write it."""
    said: dict[str, Any] = monitor.run("query-version")
    version = ".".join(str(said["qemu"][part]) for part in ("major", "minor", "micro"))
    package = f" ({said['package']})" if said.get("package") else ""
    return f"QEMU {version}{package} at {live.findtext('devices/emulator', '')}"
