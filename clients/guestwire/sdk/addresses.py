"""How people name guests: HOST/GUEST, HOST/* for all of a host's guests, and GUEST alone where there is one host."""

from typing import NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug

ALL = "*"


class GuestAddress(NamedTuple):
    """A guest by its host and its name or GUESTnnnn; `guest` may be ALL. The host looks the guest up, not the client."""

    host: str
    guest: str

    def __str__(self) -> str:
        return f"{self.host}/{self.guest}"


def parse(text: str, only_host: str | None = None) -> GuestAddress:
    """The address in a text. `only_host`: the host meant when none is named. Raises CONFIG-INVALID."""
    host, slash, guest = text.partition("/")
    if not slash and only_host is not None:
        host, guest = only_host, text
    if not slash and only_host is None:
        raise GuestwireError("CONFIG-INVALID", f"{text!r} names no host: write HOST/GUEST.", field="guest")
    check_host(host)
    if not 1 <= len(guest) <= 63 or "/" in guest:
        raise GuestwireError("CONFIG-INVALID", f"{text!r} is not HOST/GUEST.", field="guest")
    return GuestAddress(host, guest)


def check_host(host: str) -> str:
    """The host id, if it can be one. Raises CONFIG-INVALID."""
    if not is_slug(host):
        raise GuestwireError("CONFIG-INVALID", f"{host!r} is no host id: those are 1 to 36 of a-z 0-9 -.", field="host")
    return host
