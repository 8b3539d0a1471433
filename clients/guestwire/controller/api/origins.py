"""Where a request comes from, as a browser says: whether a page of another site made it. Pure.

A session's cookie is sent by the browser whoever made it send the request. What changes something therefore needs what other
sites' pages cannot give: the header with the session's other text, and an `Origin` that is this controller's.
"""

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping

from guestwire.controller.users.names import csrf_of
from guestwire.model.errors import GuestwireError

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Names:
    """The names under which the controller is asked for. `secure`: it is asked over TLS."""

    def __init__(self, allowed: Iterable[str], *, secure: bool) -> None:
        self._allowed = LOOPBACK | {_plain(name) for name in allowed}
        self.secure = secure

    def check_host(self, host: str | None) -> None:
        """`host`: the Host header. Raises HOST-NAME-REFUSED for a name that is not the controller's: a page elsewhere may have had
        its name point here."""
        if host is None or (name := _name_of(host)) is None or name not in self._allowed:
            raise GuestwireError("HOST-NAME-REFUSED")

    def check_origin(self, origin: str | None, host: str | None, site: str | None = None) -> None:
        """`origin`, `site`: the headers Origin and Sec-Fetch-Site, where there are any. Raises CSRF-REFUSED for another site's page."""
        if site is not None and site not in ("same-origin", "none"):
            raise GuestwireError("CSRF-REFUSED")
        if origin is None:
            return
        scheme, _, place = origin.partition("://")
        if scheme != ("https" if self.secure else "http") or place.lower() != (host or "").lower():
            raise GuestwireError("CSRF-REFUSED")


def check_csrf(sent: str | None, session: str) -> None:
    """Raises CSRF-REFUSED unless the header has what belongs to the session."""
    if sent is None or not hmac.compare_digest(sent.encode("latin-1", "replace"), csrf_of(session).encode()):
        raise GuestwireError("CSRF-REFUSED", "The header X-Guestwire-Csrf is missing, or is that of another session.")


def cookies(header: str | None) -> Mapping[str, str]:
    """The cookies of a request; of two with one name neither counts: somebody put one of them there."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for part in (header or "").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            twice |= {name} & found.keys()
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def _name_of(host: str) -> str | None:
    found = _HOST.fullmatch(host)
    if found is None or (found["port"] and not 0 < int(found["port"]) < 65_536):
        return None
    return _plain(found["name"])


def _plain(name: str) -> str:
    name = name.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
