"""Which ways to the hosts stand now, and since when: what is heard of a host is worth no more than they are. Sans-I/O."""

from guestwire.controller.fleet.standing import NEVER, NO_WAY, Ways
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach


class Sources:
    """The ways to sites and to single hosts. Times are monotonic."""

    def __init__(self) -> None:
        self._sites: dict[str, Ways] = {}
        self._direct: dict[HostRef, Ways] = {}

    def up(self, reach: Reach, at: float) -> None:
        """A link stands."""
        if (ref := reach.ref) is None:
            self._sites[reach.site] = Ways(up_at=at)
        else:
            self._direct[ref] = Ways(up_at=at, direct=True)

    def down(self, reach: Reach, at: float) -> None:
        """A link was lost. One that was not up has nothing to lose."""
        ref = reach.ref
        before = self._sites.get(reach.site) if ref is None else self._direct.get(ref)
        if before is None or before.up_at is None:
            return
        if ref is None:
            self._sites[reach.site] = Ways(lost_at=at)
        else:
            self._direct[ref] = Ways(lost_at=at)

    def ways(self, ref: HostRef) -> Ways:
        """How that host would be heard."""
        site = self._sites.get(ref.site, NO_WAY)
        direct = self._direct.get(ref)
        if direct is None:
            return site
        if direct.direct:
            return direct
        return Ways(site.up_at, max(site.lost_at, direct.lost_at, NEVER))
