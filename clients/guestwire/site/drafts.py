"""What a site's trust document is to be next: changes are drafted, and count when the root has signed them (`publishing`).

The draft is the next revision as a whole, byte for byte what is signed, so that it can go to an HSM or to a machine without
a network as it is. Everything here is called with the site locked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import VerifyingKey
from guestwire.protocol.trust import Trust, TrustDocument
from guestwire.protocol.trust_file import document_text, in_words, is_behind, split, unseal
from guestwire.site.files import PUBLIC, read_public_key, replace
from guestwire.site.layout import Layout

Change = Callable[[TrustDocument], TrustDocument]
"""Makes another document of one; revision and time are not its business."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed, by which root, and the lines that lead from the root before to that one, where it is new."""

    document: TrustDocument
    text: bytes
    root: VerifyingKey
    successions: bytes


def in_force(layout: Layout) -> Trust | None:
    """The trust document that was signed last; None in a site whose root has signed nothing yet.

    Raises TRUST-INVALID, also where the file is older than what was signed here, and KEY-FILE-INVALID.
    """
    root = read_public_key(layout.root_public)
    try:
        data = layout.trust.read_bytes()
    except FileNotFoundError:
        if layout.draft.exists() and not layout.revision.exists():
            return None
        raise GuestwireError("TRUST-INVALID", f"{layout.trust} is missing: put back the newest one.") from None
    trust = unseal(data, root)
    noted = _noted(layout.revision)
    if is_behind(trust.revision, noted):
        raise GuestwireError(
            "TRUST-INVALID",
            f"{layout.trust} is revision {in_words(trust.revision)}, and {in_words(noted)} was signed here: put back the "
            "newest one, hosts have it.",
            detail={"rev": list(trust.revision), "at_least": list(noted)},
        )
    return trust


def draft(layout: Layout) -> Draft | None:
    """What is to be signed next; None: nothing is. Raises TRUST-INVALID when the draft does not follow what is in force."""
    try:
        text = layout.draft.read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = TrustDocument.model_validate_json(text)
    except ValidationError as err:
        raise GuestwireError("TRUST-INVALID", f"{layout.draft} is damaged: discard it and draft anew.") from err
    trust = in_force(layout)
    if document.rev != (trust.rev if trust else 0) + 1:
        raise GuestwireError(
            "TRUST-INVALID",
            f"The draft is of revision {document.rev}, and revision {trust.rev if trust else 0} is in force: "
            "discard the draft and make it anew.",
        )
    successions = _bytes(layout.draft_roots)
    root = read_public_key(layout.next_root_public if successions else layout.root_public)
    return Draft(document, text, root, successions)


def current(layout: Layout) -> TrustDocument:
    """The document as the next change finds it: the draft, else what is in force. Raises TRUST-INVALID."""
    waiting = draft(layout)
    if waiting is not None:
        return waiting.document
    trust = in_force(layout)
    if trust is None:
        raise GuestwireError("TRUST-INVALID", f"{layout.base} is not the directory of a site.")
    return trust.document


def change(layout: Layout, edit: Change, now_ms: int) -> Draft | None:
    """Draft a change. None: it leaves everything as it is in force, and there is nothing to sign. Raises what `edit` raises,
    TRUST-INVALID."""
    before = draft(layout)
    trust = in_force(layout)
    document = edit(current(layout))
    rev = (trust.rev if trust else 0) + 1
    document = document.model_copy(update={"rev": rev, "issued_at": now_ms})
    if trust is not None and _same(document, trust.document) and not layout.draft_roots.exists():
        layout.draft.unlink(missing_ok=True)
        return None
    if before is None or not _same(document, before.document):
        replace(layout.draft, document_text(document), PUBLIC)
    return draft(layout)


def put_in_force(layout: Layout, trust: Trust) -> None:
    """Make a signed document the site's, and remember its revisions: nothing older is signed or given to anybody from here,
    neither by the root nor by who enrols hosts."""
    replace(layout.trust, trust.data, PUBLIC)
    replace(layout.revision, "{} {}\n".format(*trust.revision).encode(), PUBLIC)


def drop_signed(layout: Layout, trust: Trust) -> None:
    """Take the draft away that has become the document in force: an interrupted run may have left it."""
    signed = split(trust.data)[1].partition(b"\n")[2]
    if _bytes(layout.draft) == signed:
        layout.draft.unlink(missing_ok=True)


def _same(one: TrustDocument, other: TrustDocument) -> bool:
    """Whether they say the same, whatever their revisions."""
    plain = {"rev": 1, "issued_at": 0}
    return one.model_copy(update=plain) == other.model_copy(update=plain)


def _noted(path: Path) -> tuple[int, int]:
    words = _bytes(path).split()
    numbers = [int(word) for word in words[:2] if word.isdigit()] + [0, 0]
    return numbers[0], numbers[1]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
