"""Where a broker listens, as people write it: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]. Pure."""

from typing import NamedTuple
from urllib.parse import urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerAddress(NamedTuple):
    """Where a broker listens, and whether it speaks TLS there."""

    host: str
    port: int
    tls: bool


def broker_address(url: str) -> BrokerAddress:
    """A broker's URL, taken apart. Raises ValueError for anything else; credentials are settings, not part of it."""
    parts = urlsplit(url)
    if "@" in parts.netloc:  # not quoted: it may be a password
        raise ValueError("a broker's URL has no user and no password in it: they are settings of their own")
    if parts.scheme not in PORTS:
        raise ValueError(f"{url!r}: a broker's URL begins with mqtt:// or mqtts://")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r}: a broker's URL is SCHEME://HOST[:PORT] and no more")
    return BrokerAddress(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "mqtts")
