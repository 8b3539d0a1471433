"""Which host is meant: its id is unique in its site only. Written `site/host`."""

from typing import NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug


class HostRef(NamedTuple):
    """A host of a site."""

    site: str
    host: str

    def __str__(self) -> str:
        return f"{self.site}/{self.host}"


def host_ref(text: str) -> HostRef:
    """The host in `site/host`. Raises INVALID-BODY."""
    site, slash, host = text.partition("/")
    if not slash or not is_slug(site) or not is_slug(host):
        raise GuestwireError("INVALID-BODY", f"{text[:100]!r} is no host: write SITE/HOST.")
    return HostRef(site, host)
