"""Where a TCP listener is, as people write it: HOST:PORT, HOST, [IPV6]:PORT, or :PORT for every address. Pure."""

import re
from typing import Final, NamedTuple

DEFAULT_PORT: Final = 6000
"""The System Manager's, whose TCP connection this takes the place of."""

_FORM = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:/@\s]*))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


class HostPort(NamedTuple):
    """`host` is a name or an address; empty for every address of this machine."""

    host: str
    port: int


def host_port(text: str, default_port: int = DEFAULT_PORT) -> HostPort:
    """It, taken apart. Raises ValueError for anything else."""
    found = _FORM.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r} is not HOST:PORT, [IPV6]:PORT or :PORT")
    port = int(found["port"]) if found["port"] else default_port
    if not 0 < port < 65_536:
        raise ValueError(f"{text!r}: a port is 1 to 65535")
    return HostPort(found["six"] or found["host"] or "", port)
