"""Ends the membership of a host that enrolled, with the root offline: its key counts no more, and it gets no certificate."""

from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.site.authority import read_trust
from guestwire.site.drafts import put_in_force
from guestwire.site.enroller import enroller_key
from guestwire.site.files import read_public_key
from guestwire.site.layout import Layout
from guestwire.site.locking import site_locked
from guestwire.site.members import expelled, with_members


def expel(layout: Layout, host: str, now_ms: int) -> Trust:
    """The trust in force without that host. Raises NOT-FOUND when it is no member (the root revokes those it named itself),
    KEY-FILE-INVALID without the enroller's key, and what is wrong with the site's files."""
    with site_locked(layout):
        trust = read_trust(layout)
        members = expelled(trust, host, now_ms)
        enroller = enroller_key(layout, trust.document)
        if enroller is None:
            raise GuestwireError("KEY-FILE-INVALID", "Only who has the enroller's key can expel a host that enrolled.")
        data = with_members(trust.data, members, enroller)
        after = unseal(data, read_public_key(layout.root_public), at_least=trust.revision)
        put_in_force(layout, after)
    return after
