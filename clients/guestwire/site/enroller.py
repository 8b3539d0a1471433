"""The enroller's key of a site, online, which signs the hosts that enrol; the root's document names it.

A new one is made beside the old, and takes its place when the root has named it: with the document that names it alone, the
members are signed anew, in the same file, so that no host meets members of a key that it does not know.
"""

from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import format_private
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import MEMBERS_SPAN, Enroller, Members, TrustDocument
from guestwire.protocol.trust_file import seal_members
from guestwire.site.files import PRIVATE, read_signing_key, write_new
from guestwire.site.layout import Layout

NAME = "serve"


def entry(key: SigningKey) -> Enroller:
    """How the trust document names the key."""
    return Enroller(name=NAME, public_key=key.public.raw.hex())


def make(layout: Layout) -> SigningKey:
    """The key of a new site."""
    key = SigningKey.generate()
    write_new(layout.enroller_key, format_private(key, "enroller: signs the hosts that enrol").encode(), PRIVATE)
    return key


def make_next(layout: Layout) -> SigningKey:
    """The key that is to follow; one that an interrupted run left is taken up."""
    if layout.next_enroller_key.exists():
        return read_signing_key(layout.next_enroller_key)
    key = SigningKey.generate()
    write_new(layout.next_enroller_key, format_private(key, "enroller: signs the hosts that enrol").encode(), PRIVATE)
    return key


def replaced(document: TrustDocument, key: SigningKey) -> TrustDocument:
    """The document with this one as the only enroller of that name; what the keys signed that it follows counts no more, and it
    signs revisions that they could not."""
    made = entry(key)
    if any(one.public_key == made.public_key for one in document.enrollers):
        return document
    below = max((one.rev_below for one in document.enrollers), default=0) + MEMBERS_SPAN
    others = tuple(one for one in document.enrollers if one.name != NAME)
    return document.model_copy(update={"enrollers": (*others, made.model_copy(update={"rev_below": below}))})


def enroller_key(layout: Layout, document: TrustDocument) -> SigningKey | None:
    """The key here that a document names, the newer one first; None: none of ours is named. Raises KEY-FILE-INVALID."""
    named = {one.public_key for one in document.enrollers}
    for path in (layout.next_enroller_key, layout.enroller_key):
        if path.exists():
            key = read_signing_key(path)
            if key.public.raw.hex() in named and key.id.hex() not in document.revoked:
                return key
    return None


def sealed_for(layout: Layout, document: TrustDocument, part: bytes, now_ms: int) -> bytes:
    """The members' part of the file for a new document: as it was, or signed anew, in a revision more, by the enroller that
    the document names now. Raises KEY-FILE-INVALID when there are members and no key here may sign them."""
    key = enroller_key(layout, document)
    first = _first_rev(document, key)
    if not part and first <= 1:
        return b""
    head, _, text = part.partition(b"\n")
    if part and key is not None and key.id.hex() == head.split(b" ")[2].decode("ascii", "replace"):
        return part
    if key is None:
        raise GuestwireError(
            "KEY-FILE-INVALID",
            "The site has hosts that enrolled, and no enroller's key is here that the draft names: `site enroller rotate`.",
        )
    try:
        members = Members.model_validate_json(text) if part else Members(site=document.site, rev=1, issued_at=now_ms)
    except ValidationError as err:
        raise GuestwireError("TRUST-INVALID", "The members in the site's trust file are damaged.") from err
    rev = max(members.rev + 1, first)
    return seal_members(members.model_copy(update={"rev": rev, "issued_at": now_ms}), key)


def _first_rev(document: TrustDocument, key: SigningKey | None) -> int:
    """The first revision of the members that no enroller before this one could sign."""
    named = [one.rev_below for one in document.enrollers if key is not None and one.public_key == key.public.raw.hex()]
    return max((below - MEMBERS_SPAN for below in named), default=0)


def settle(layout: Layout, document: TrustDocument) -> None:
    """Put the next key in place once the document in force names it."""
    if not layout.next_enroller_key.exists():
        return
    if read_signing_key(layout.next_enroller_key).public.raw.hex() in {one.public_key for one in document.enrollers}:
        layout.next_enroller_key.replace(layout.enroller_key)
