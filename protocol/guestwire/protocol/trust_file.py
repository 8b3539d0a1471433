"""The file of a trust document, both ways. Text, each part signed over its exact bytes:

    guestwire-root 1 OLD NEW OLDSIGNATURE NEWSIGNATURE     none to 16: the root that was, the root that follows it
    guestwire-trust 1 KEYID SIGNATURE                      then the document as JSON, signed by the last root
    guestwire-members 1 KEYID SIGNATURE                    where hosts enrolled: then the members as JSON, signed by an enroller

Keys, ids and signatures are hexadecimal. Who pinned any of the roots follows the lines to the last one: each is signed by
the old root, so that nobody else can name a successor, and by the new one, so that it was there when it was named.
"""

from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import BODY_LIMIT
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey, key_id
from guestwire.protocol.trust import Members, Trust, TrustDocument

MAX_BYTES = BODY_LIMIT - 4096
"""It travels in the body of a request."""
MAX_SUCCESSIONS = 16
_ROOT, _TRUST, _MEMBERS = b"guestwire-root 1 ", b"guestwire-trust 1 ", b"guestwire-members 1 "


def document_text(document: TrustDocument) -> bytes:
    """The bytes of a document in its file: what the root signs, after the domain's prefix (`to_be_signed`)."""
    return document.model_dump_json(indent=2).encode() + b"\n"


def to_be_signed(text: bytes) -> bytes:
    """What a root's key in an HSM signs: Ed25519 over exactly these bytes (RFC 8032, no prehash)."""
    return Domain.TRUST.value + text


def succession_to_be_signed(old: VerifyingKey, new: VerifyingKey) -> bytes:
    """What both roots sign when one follows the other."""
    return Domain.ROOT.value + old.raw + new.raw


def seal(document: TrustDocument, root: SigningKey, *, successions: bytes = b"", members: bytes = b"") -> bytes:
    """The file of a document, signed."""
    text = document_text(document)
    return assemble(text, root.public, root.sign(Domain.TRUST, text), successions=successions, members=members)


def assemble(
    text: bytes, root: VerifyingKey, signature: bytes, *, successions: bytes = b"", members: bytes = b""
) -> bytes:
    """The file of a document that was signed elsewhere. `successions` and `members` as the functions here make them."""
    return successions + _TRUST + f"{root.id.hex()} {signature.hex()}\n".encode() + text + members


def seal_members(members: Members, enroller: SigningKey) -> bytes:
    """The members' part of a file."""
    text = members.model_dump_json().encode() + b"\n"
    signature = enroller.sign(Domain.MEMBERS, text)
    return _MEMBERS + f"{enroller.id.hex()} {signature.hex()}\n".encode() + text


def succession(old: VerifyingKey, new: VerifyingKey, old_signature: bytes, new_signature: bytes) -> bytes:
    """The line that makes one root the successor of another."""
    words = (old.raw, new.raw, old_signature, new_signature)
    return _ROOT + b" ".join(word.hex().encode() for word in words) + b"\n"


def split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The parts of a file: its succession lines, document with its head line, members with theirs. Nothing is checked."""
    end = 0
    while data.startswith(_ROOT, end) and (line_end := data.find(b"\n", end)) >= 0:
        end = line_end + 1
    at = data.find(b"\n" + _MEMBERS, end)
    members_at = len(data) if at < 0 else at + 1
    return data[:end], data[end:members_at], data[members_at:]


def unseal(data: bytes, root: VerifyingKey, *, at_least: tuple[int, int] = (0, 0)) -> Trust:
    """The trust in a file. Raises TRUST-INVALID unless it is signed by `root`, or by the one that follows it, and neither of
    its revisions is below `at_least`. Nothing is read before its signature was checked."""
    if len(data) > MAX_BYTES:
        raise _invalid("This is not a trust document: it is too large.")
    lines, document_part, members_part = split(data)
    roots = _followed(lines, root)
    text, by, signature = _part(document_part, _TRUST, "This is not a trust document.")
    if by != key_id(roots[-1]).hex() or not VerifyingKey(roots[-1]).verifies(Domain.TRUST, text, signature):
        raise _invalid("The trust document is not signed by the root key that is pinned.")
    try:
        document = TrustDocument.model_validate_json(text)
    except ValidationError as err:
        raise _invalid(f"The trust document is signed but not well formed: {err}") from err
    trust = Trust(document, _members(members_part, document) if members_part else None, data=data, roots=roots)
    if is_behind(trust.revision, at_least):
        raise GuestwireError(
            "TRUST-INVALID",
            f"The trust document is revision {in_words(trust.revision)}; revision {in_words(at_least)} was in force.",
            detail={"rev": list(trust.revision), "at_least": list(at_least)},
        )
    return trust


def is_behind(revision: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a revision is lower than another in either of its numbers: a document goes back in none."""
    return revision[0] < other[0] or revision[1] < other[1]


def in_words(revision: tuple[int, int]) -> str:
    """A revision for people: the document's, and after a dot that of its members where there are any."""
    return f"{revision[0]}.{revision[1]}" if revision[1] else str(revision[0])


def _followed(lines: bytes, root: VerifyingKey) -> tuple[bytes, ...]:
    """The raw keys from the pinned root to the last one."""
    roots = [root.raw]
    rows = lines.splitlines()
    if len(rows) > MAX_SUCCESSIONS:
        raise _invalid(f"The trust document names more than {MAX_SUCCESSIONS} roots: pin the newest and begin anew.")
    for row in rows:
        try:
            old, new, old_signature, new_signature = (bytes.fromhex(word.decode()) for word in row.split(b" ")[2:])
            following = VerifyingKey(new)
        except ValueError as err:
            raise _invalid("A line of the trust document that names a root is damaged.") from err
        if old != roots[-1]:
            continue  # of before the pinned one
        signed = old + new
        if not VerifyingKey(old).verifies(Domain.ROOT, signed, old_signature) or not following.verifies(
            Domain.ROOT, signed, new_signature
        ):
            raise _invalid("The trust document names a root that the old and the new one did not both sign.")
        roots.append(new)
    return tuple(roots)


def _members(part: bytes, document: TrustDocument) -> Members:
    text, by, signature = _part(part, _MEMBERS, "The members' part of the trust document is damaged.")
    known = {key_id(raw := bytes.fromhex(one.public_key)).hex(): (one, raw) for one in document.enrollers}
    if by not in known or by in document.revoked:
        raise _invalid("The members of the trust document are signed by a key that the root names no enroller.")
    enroller, raw = known[by]
    if not VerifyingKey(raw).verifies(Domain.MEMBERS, text, signature):
        raise _invalid("The members of the trust document are not signed by their enroller.")
    try:
        members = Members.model_validate_json(text)
    except ValidationError as err:
        raise _invalid(f"The members of the trust document are signed but not well formed: {err}") from err
    in_time = enroller.not_before <= members.issued_at < enroller.not_after
    if members.site != document.site or not in_time or members.rev >= enroller.rev_below:
        raise _invalid(
            "The members of the trust document are another site's, or of a time or revision their enroller may not sign."
        )
    return members


def _part(data: bytes, magic: bytes, wrong: str) -> tuple[bytes, str, bytes]:
    """The signed text of a part, by which key id, and the signature."""
    first, _, text = data.partition(b"\n")
    words = first.decode("ascii", "replace").split(" ")
    if len(words) != 4 or not first.startswith(magic):
        raise _invalid(wrong)
    try:
        return text, words[2], bytes.fromhex(words[3])
    except ValueError:
        raise _invalid("A signature in the trust document is not hexadecimal.") from None


def _invalid(text: str) -> GuestwireError:
    return GuestwireError("TRUST-INVALID", text)
