"""One root after another: the line that both sign, drafted with the document that the new root is the first to sign.

Everything here is called with the site open. Who pinned the old root follows the line to the new one; hosts that were away
meanwhile do so whenever they are back, and through as many roots as the file has lines.
"""

from dataclasses import dataclass
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey
from guestwire.protocol.trust_file import MAX_SUCCESSIONS, split, succession, succession_to_be_signed
from guestwire.site import drafts
from guestwire.site.files import PRIVATE, PUBLIC, read_public_key, read_signing_key, replace, write_new
from guestwire.site.layout import Layout


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a succession has come. `to_sign`: the bytes that `missing` (of "old" and "new") have still to sign; nothing is
    missing when the line is drafted and the document can be signed by the new root."""

    old: VerifyingKey
    new: VerifyingKey
    to_sign: bytes
    missing: tuple[str, ...]


def follow(
    layout: Layout, now_ms: int, *, new_public: VerifyingKey | None = None, old_signature: bytes | None = None,
    new_signature: bytes | None = None,
) -> Followed:  # fmt: skip
    """Have another root follow the site's. `new_public`: one whose private key is elsewhere; without it, a key is made here.
    Each root signs by its key where that is here, or by a signature that was made elsewhere over `to_sign`. Called again, it
    goes on with the root that was named first.

    Raises TRUST-INVALID when a signature is not that, or the site has had too many roots, KEY-FILE-INVALID.
    """
    trust = drafts.in_force(layout)
    if trust is None:
        raise GuestwireError("TRUST-INVALID", "The root has signed nothing yet: there is nothing to follow.")
    if split(trust.data)[0].count(b"\n") >= MAX_SUCCESSIONS:
        raise GuestwireError(
            "TRUST-INVALID", f"The site has had {MAX_SUCCESSIONS} roots: pin the newest and begin anew."
        )
    old = VerifyingKey(trust.roots[-1])
    new = _new_root(layout, trust.site, new_public)
    to_sign = succession_to_be_signed(old, new)
    signed = {
        "old": _signature(old, to_sign, layout.root_key, old_signature),
        "new": _signature(new, to_sign, layout.next_root_key, new_signature),
    }
    missing = tuple(who for who, signature in signed.items() if signature is None)
    if not missing:
        line = succession(old, new, signed["old"] or b"", signed["new"] or b"")
        replace(layout.draft_roots, line, PUBLIC)
        drafts.change(layout, lambda document: document, now_ms)
    return Followed(old, new, to_sign, missing)


def discard(layout: Layout) -> None:
    """Forget what is drafted, and a root that has still to follow. Keys that were made stay, but for that root's."""
    for path in (layout.draft, layout.draft_roots, layout.next_root_public, layout.next_root_key):
        path.unlink(missing_ok=True)


def _new_root(layout: Layout, site: str, given: VerifyingKey | None) -> VerifyingKey:
    remark = f"root of site {site}"
    if layout.next_root_public.exists():
        named = read_public_key(layout.next_root_public)
        if given is not None and given.raw != named.raw:
            raise GuestwireError("EXISTS", "Another root is to follow already: `guestwire site trust discard`.")
        return named
    if given is None:
        if layout.next_root_key.exists():
            given = read_signing_key(layout.next_root_key).public
        elif not layout.next_root_key.parent.is_dir():
            folder = layout.next_root_key.parent
            text = f"The roots' folder {folder} is not here: put it back, or name a new root that is elsewhere by --new-public."
            raise GuestwireError("KEY-FILE-INVALID", text)
        else:
            key = SigningKey.generate()
            write_new(layout.next_root_key, format_private(key, f"{remark}: keep it offline").encode(), PRIVATE)
            given = key.public
    write_new(layout.next_root_public, format_public(given, remark).encode(), PUBLIC)
    return given


def _signature(root: VerifyingKey, to_sign: bytes, key_path: Path, given: bytes | None) -> bytes | None:
    keys = to_sign[len(Domain.ROOT.value) :]
    if given is not None:
        if not root.verifies(Domain.ROOT, keys, given):
            raise GuestwireError(
                "TRUST-INVALID", f"The signature is not that of the root {root.id.hex()} over its file."
            )
        return given
    if not key_path.exists():
        return None
    key = read_signing_key(key_path)
    if key.public.raw != root.raw:
        raise GuestwireError("KEY-FILE-INVALID", f"{key_path} is not the key of the root {root.id.hex()}.")
    return key.sign(Domain.ROOT, keys)
