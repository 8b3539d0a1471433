"""libvirt's errors as ours: one table, by libvirt's number and, where it is needed, by who says it.

libvirt's own code, domain and text stay in `detail`; texts are never matched.
"""

import errno
from collections.abc import Mapping
from typing import Protocol

from guestwire.model.errors import GuestwireError

NO_DOMAIN = 42
OPERATION_FAILED = 9
XML_ERROR = 27
_FROM_RPC, _FROM_REMOTE = 7, 13


class LibvirtError(Protocol):
    """The part of libvirt.libvirtError that is used, so that this module needs no libvirt."""

    def get_error_code(self) -> int | None: ...

    def get_error_domain(self) -> int | None: ...

    def get_error_message(self) -> str | None: ...

    def get_int1(self) -> int | None: ...


_CODES: Mapping[int, str] = {
    2: "RESOURCE-EXHAUSTED",  # NO_MEMORY
    5: "DRIVER-LOST",  # NO_CONNECT
    6: "DRIVER-LOST",  # INVALID_CONN
    42: "NOT-FOUND",  # NO_DOMAIN
    55: "WRONG-STATE",  # OPERATION_INVALID
    86: "WRONG-STATE",  # AGENT_UNRESPONSIVE
}


def translate(err: LibvirtError, *, effect: bool) -> GuestwireError:
    """Our error. `effect`: the call changes something, so that a connection lost in the middle of it is INDETERMINATE."""
    code, domain = err.get_error_code() or 0, err.get_error_domain() or 0
    text = err.get_error_message() or "libvirt said nothing"
    detail: dict[str, object] = {"code": code, "domain": domain, "text": text}
    if domain in {_FROM_RPC, _FROM_REMOTE}:
        ours = "INDETERMINATE" if effect else "DRIVER-LOST"
    elif code == 38 and err.get_int1() in {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM}:
        ours = "RESOURCE-EXHAUSTED"
    else:
        ours = _CODES.get(code, "DRIVER-ERROR")
    if code == 86:
        detail["agent"] = "disconnected"
    return GuestwireError(ours, text, detail=detail)


def is_lost(err: LibvirtError) -> bool:
    """Whether the error means that the connection is gone, whatever the call was."""
    return err.get_error_domain() in {_FROM_RPC, _FROM_REMOTE} or err.get_error_code() in {5, 6}
