"""Signing the draft of a trust document: by the root's key when it is here, or by a signature that was made elsewhere.

Everything here is called with the site locked. Each step leaves a directory that the next command can go on with: `trust`
is replaced in one step, and what follows from it (the new root's key in place of the old, ...) is done by `settle`, again
where a crash came between.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import format_public
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import assemble, split, to_be_signed, unseal
from guestwire.site import drafts, enroller, signers
from guestwire.site.drafts import Draft
from guestwire.site.files import PUBLIC, read_public_key, read_signing_key, replace
from guestwire.site.layout import Layout
from guestwire.site.locking import site_locked


@contextmanager
def site_open(layout: Layout) -> Iterator[None]:
    """The site, locked and whole, while the block lasts. Raises EXISTS when another process has it, TRUST-INVALID,
    KEY-FILE-INVALID."""
    with site_locked(layout):
        settle(layout)
        yield


def root_key(layout: Layout) -> SigningKey | None:
    """The key that signs what is drafted, where it is in the directory. Raises KEY-FILE-INVALID."""
    path = layout.next_root_key if layout.draft_roots.exists() else layout.root_key
    return read_signing_key(path) if path.exists() else None


def export(layout: Layout) -> bytes:
    """The exact bytes that the root is to sign (Ed25519, no prehash). Raises NOT-FOUND when there is no draft."""
    return to_be_signed(_drafted(layout).text)


def sign(layout: Layout, now_ms: int) -> Trust | None:
    """Sign what is drafted; None: nothing is, or the root's key is not here. Raises KEY-FILE-INVALID, TRUST-INVALID."""
    waiting = drafts.draft(layout)
    root = root_key(layout)
    if waiting is None or root is None:
        return None
    if root.public.raw != waiting.root.raw:
        raise GuestwireError("KEY-FILE-INVALID", f"{layout.root_key} is not the key of the site's root.")
    return _put(layout, waiting, root.sign(Domain.TRUST, waiting.text), now_ms)


def sign_with(layout: Layout, signature: bytes, now_ms: int) -> Trust:
    """Put a signature to the draft that the root made elsewhere. Raises TRUST-INVALID when it is not one over what was
    exported, or the draft was changed since; NOT-FOUND when there is no draft."""
    waiting = _drafted(layout)
    if not waiting.root.verifies(Domain.TRUST, waiting.text, signature):
        raise GuestwireError(
            "TRUST-INVALID",
            f"The signature is not the root's ({waiting.root.id.hex()}) over the draft as it is now: if the draft was "
            "changed since it was exported, export it again.",
        )
    return _put(layout, waiting, signature, now_ms)


def settle(layout: Layout) -> None:
    """Finish what an interrupted run began: everything that follows from the document in force."""
    trust = drafts.in_force(layout)
    if trust is None:
        return
    drafts.drop_signed(layout, trust)
    _settle_root(layout, trust)
    enroller.settle(layout, trust.document)
    signers.settle(layout, trust)


def _drafted(layout: Layout) -> Draft:
    waiting = drafts.draft(layout)
    if waiting is None:
        raise GuestwireError("NOT-FOUND", "Nothing is drafted: there is nothing to sign.")
    return waiting


def _put(layout: Layout, waiting: Draft, signature: bytes, now_ms: int) -> Trust:
    before = layout.trust.read_bytes() if layout.trust.exists() else b""
    lines, _, members = split(before)
    members = enroller.sealed_for(layout, waiting.document, members, now_ms)
    data = assemble(
        waiting.text, waiting.root, signature, successions=lines + waiting.successions, members=members
    )  # fmt: skip
    was = drafts.in_force(layout)
    pinned = read_public_key(layout.root_public)
    trust = unseal(data, pinned, at_least=was.revision if was else (0, 0))
    drafts.put_in_force(layout, trust)
    settle(layout)
    return trust


def _settle_root(layout: Layout, trust: Trust) -> None:
    """A root that follows takes the place of the one before, whose key is worth nothing any more."""
    root = VerifyingKey(trust.roots[-1])
    if root.raw == trust.roots[0]:
        return
    was_next = layout.next_root_key.exists() and read_signing_key(layout.next_root_key).public.raw == root.raw
    if was_next:
        layout.next_root_key.replace(layout.root_key)
    elif layout.root_key.exists() and read_signing_key(layout.root_key).public.raw != root.raw:
        layout.root_key.unlink()
    layout.draft_roots.unlink(missing_ok=True)
    layout.next_root_public.unlink(missing_ok=True)
    replace(layout.root_public, format_public(root, f"root of site {trust.site}").encode(), PUBLIC)
