"""Whether the kernel holds the wall clock to be synchronised: adjtimex(2), read only."""

import ctypes
import struct

from guestwire.model.host import ClockQuality

_STA_UNSYNC = 0x40
_TIME_ERROR = 5
_STATUS_AT = 40
"""Offset of `status` in struct timex on 64-bit Linux: one int with padding, then four longs."""


def clock_quality() -> ClockQuality:
    """What NTP or PTP daemons have told the kernel; `unknown` where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return "unknown"
    buffer = ctypes.create_string_buffer(256)  # modes = 0: nothing is set
    state = adjtimex(buffer)
    if state < 0 or struct.calcsize("l") != 8:
        return "unknown"
    (status,) = struct.unpack_from("i", buffer, _STATUS_AT)
    return "unsynchronised" if state == _TIME_ERROR or status & _STA_UNSYNC else "synchronised"
