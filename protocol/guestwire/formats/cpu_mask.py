"""CPU masks, as the System Manager's CpuMask writes them (SM 14.1.3).

The manual calls 0x0001000 CPU 3, which is its reading as binary; as hexadecimal it is CPU 12. So a mask says what it is:
0x.. is hexadecimal, 0b.. binary, and plain digits are refused. CPU lists ("3", "0-2,7") are the better notation.
"""

import re

from guestwire.model.cpuset import to_libvirt
from guestwire.model.errors import GuestwireError

_MASK = re.compile(r"0x[0-9a-f_]*[0-9a-f]|0b[01_]*[01]", re.ASCII | re.IGNORECASE)
_DIGITS = 4096
"""More than the hexadecimal digits of any machine's mask."""


def parse_mask(text: str) -> str:
    """The CPU list that a mask means: "0x80" is "7", "0b1011" is "0-1,3". Raises CPUSET-SYNTAX for plain digits, for what
    is no mask, and for a mask without a CPU."""
    mask = text.strip()
    if mask.isdecimal():
        raise GuestwireError(
            "CPUSET-SYNTAX",
            f"{mask[:40]} may be hexadecimal or binary: write 0x{mask[:40]} or 0b.., or a CPU list as the cpuset",
            field="cpu_mask",
        )
    if len(mask) > _DIGITS or not _MASK.fullmatch(mask):
        raise GuestwireError("CPUSET-SYNTAX", f"{text[:40]!r} is no CPU mask: write 0x80 or 0b1000", field="cpu_mask")
    bits = int(mask.replace("_", ""), 0)
    if not bits:
        raise GuestwireError("CPUSET-SYNTAX", f"the mask {mask[:40]} names no CPU", field="cpu_mask")
    return to_libvirt(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
