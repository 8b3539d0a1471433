"""Where a site's service is, as settings have it: https://HOST:PORT. Pure."""

import re

_ADDRESS = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):(\d{1,5})", re.ASCII
)
_SCHEME = "https://"


def address(text: str, *, least_port: int = 1) -> tuple[str, int]:
    """Name or address and port of HOST:PORT; an IPv6 address is in brackets. `least_port` 0: of where to listen, where 0 is any
    that is free. Raises ValueError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not least_port <= int(found[3]) < 65_536:
        raise ValueError(f"{text[:300]!r} is no address: HOST:PORT is wanted, or [IPV6]:PORT")
    return found[1] or found[2], int(found[3])


def authority_address(url: str) -> tuple[str, int]:
    """Name or address and port of https://HOST:PORT. Raises ValueError."""
    if not url.startswith(_SCHEME):
        raise ValueError(f"{url[:300]!r}: the URL of a site's service begins with {_SCHEME}")
    return address(url.removeprefix(_SCHEME).rstrip("/"))
