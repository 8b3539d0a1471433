"""Who may ask for what in a site: adds keys to the trust document, has new ones follow them, and revokes them.

A key is made here, beside the document, or its holder made it elsewhere and gave its public half. A key that is to follow
another one is valid beside it, so that nobody is without a key in between; the old one goes when it is revoked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug
from guestwire.protocol.key_files import format_private
from guestwire.protocol.roles import scope_of
from guestwire.protocol.signing import SigningKey, VerifyingKey, key_id
from guestwire.protocol.trust import FOREVER, RoleName, Signer, Trust, TrustDocument
from guestwire.site.files import PRIVATE, read_signing_key, write_new
from guestwire.site.layout import Layout

DAY_MS = 86_400_000
KINDS: dict[str, RoleName] = {
    "operator": "operator",
    "controller": "controller",
    "host": "host",
    "observer": "observer",
}
"""The kinds of principals that have keys, and the role of each where none is named."""
RESERVED = frozenset({"broker", "ca"})
State = Literal["in force", "added in the draft", "revoked", "revoked in the draft"]


@dataclass(frozen=True, slots=True)
class Row:
    """A key as a person is shown it. `enrolled`: it came by an enroller, not by the root."""

    signer: Signer
    key: str
    state: State
    enrolled: bool = False


def as_signer(
    principal: str, key: VerifyingKey, now_ms: int, *, role: RoleName | None = None, hosts: Iterable[str] = ("*",),
    valid_days: int | None = None,
) -> Signer:  # fmt: skip
    """A key's entry in the document. Raises CONFIG-INVALID when the principal cannot be, or cannot have the role."""
    kind, name = named(principal)
    role = role or KINDS[kind]
    if (role == "host") != (kind == "host"):
        raise GuestwireError("CONFIG-INVALID", f"{principal} cannot have the role {role}.", field="role")
    for host in hosts:
        if host != "*" and not is_slug(host):
            raise GuestwireError("CONFIG-INVALID", f"{host!r} is no host id.", field="host")
    return Signer(
        principal=f"{kind}:{name}", public_key=key.raw.hex(), scope=scope_of(role, tuple(hosts)), role=role,
        not_after=FOREVER if valid_days is None else now_ms + valid_days * DAY_MS,
    )  # fmt: skip


def named(principal: str) -> tuple[str, str]:
    """Kind and name of a principal. Raises CONFIG-INVALID."""
    kind, _, name = principal.partition(":")
    if kind not in KINDS:
        raise GuestwireError(
            "CONFIG-INVALID", f"{principal!r} is not KIND:NAME ({', '.join(KINDS)}).", field="principal"
        )
    check_name(name, kind)
    return kind, name


def check_name(name: str, kind: str) -> None:
    """Raises CONFIG-INVALID unless a principal of that kind can be called so."""
    if not is_slug(name):
        raise GuestwireError("CONFIG-INVALID", f"{name!r} is not 1 to 36 of a-z 0-9 and hyphen.", field=kind)
    if name in RESERVED:
        raise GuestwireError("CONFIG-INVALID", f"{name!r} is reserved.", field=kind)


def check_new(document: TrustDocument, principals: Iterable[str], trust: Trust | None = None) -> None:
    """Raises EXISTS when a name is in use: each is a user name at the broker as well, so that kinds do not tell apart. `trust`:
    in force, for the hosts that enrolled; one of them would be none any more."""
    known = {signer.principal.partition(":")[2] for signer in document.signers}
    if trust is not None and trust.members is not None:
        known |= {member.host for member in trust.members.hosts}
    for principal in principals:
        name = named(principal)[1]
        if name in known:
            raise GuestwireError("EXISTS", f"The site has a {name!r} already; nothing was overwritten.")
        known.add(name)


def made_key(layout: Layout, principal: str, *, following: bool = False) -> SigningKey:
    """The principal's key, made in the site's directory; one that an interrupted run left is taken up. `following`: the one
    that follows the key that is there."""
    path = next_key(layout, principal) if following else layout.key(principal)
    if path.exists():
        return read_signing_key(path)
    key = SigningKey.generate()
    write_new(path, format_private(key, principal).encode(), PRIVATE)
    return key


def next_key(layout: Layout, principal: str) -> Path:
    """Where the key is that is to follow a principal's, until that one is revoked."""
    path = layout.key(principal)
    return path.with_name(f"{path.stem}.next.key")


def with_signer(document: TrustDocument, added: Signer) -> TrustDocument:
    """The document with a key more. Raises EXISTS when it is there, KEY-UNKNOWN when it was revoked."""
    if key_id(bytes.fromhex(added.public_key)).hex() in document.revoked:
        raise GuestwireError("KEY-UNKNOWN", f"This key of {added.principal} was revoked: make another one.")
    if any(signer.public_key == added.public_key for signer in document.signers):
        raise GuestwireError("EXISTS", f"This key is in the trust document already ({added.principal}).")
    return document.model_copy(update={"signers": (*document.signers, added)})


def newest(document: TrustDocument, principal: str) -> Signer:
    """The entry of a principal's newest key, which the one that follows it is made after. Raises NOT-FOUND."""
    good = [s for s in document.signers if s.principal == principal and identifier(s) not in document.revoked]
    if not good:
        raise GuestwireError("NOT-FOUND", f"The trust document has no key of {principal} that is in force.")
    return good[-1]


def without(document: TrustDocument, which: str, trust: Trust | None) -> TrustDocument:
    """The document with a key revoked, by its id, or every key of a principal. Hosts that enrolled as well. Raises NOT-FOUND."""
    everybody = {identifier(s): s.principal for s in document.signers}
    if trust is not None and trust.members is not None:
        for member in trust.members.hosts:
            everybody.setdefault(key_id(bytes.fromhex(member.public_key)).hex(), f"host:{member.host}")
    found = [key for key, principal in everybody.items() if which in (key, principal)]
    if not found:
        raise GuestwireError("NOT-FOUND", f"The trust document has no key and no principal {which}.")
    return document.model_copy(update={"revoked": tuple(dict.fromkeys((*document.revoked, *found)))})


def rows(trust: Trust | None, document: TrustDocument) -> tuple[Row, ...]:
    """Every key, and how it stands. `document`: as it will be, the draft where there is one."""
    known = {s.public_key for s in trust.document.signers} if trust else set()
    revoked = set(trust.document.revoked) if trust else set()
    members = trust.members if trust else None
    if members is not None:
        revoked |= set(members.revoked)

    def state(signer: Signer, *, there: bool) -> State:
        if identifier(signer) in revoked:
            return "revoked"
        if identifier(signer) in document.revoked:
            return "revoked in the draft"
        return "in force" if there else "added in the draft"

    found = [Row(s, identifier(s), state(s, there=s.public_key in known)) for s in document.signers]
    for member in members.hosts if members is not None else ():
        signer = Signer(
            principal=f"host:{member.host}", public_key=member.public_key, scope=scope_of("host"), role="host"
        )
        found.append(Row(signer, identifier(signer), state(signer, there=True), enrolled=True))
    return tuple(found)


def settle(layout: Layout, trust: Trust) -> None:
    """Put keys in place that followed others: the one before counts no more."""
    good = {signer.public_key for signer in trust.signers}
    for folder in (layout.base / "hosts", layout.base / "keys"):
        for path in sorted(folder.glob("*.next.key")):
            place = path.with_name(f"{path.name.removesuffix('.next.key')}.key")
            follows = read_signing_key(path).public.raw.hex() in good
            if follows and (not place.exists() or read_signing_key(place).public.raw.hex() not in good):
                path.replace(place)


def identifier(signer: Signer) -> str:
    """The id of its key, in hexadecimal."""
    return key_id(bytes.fromhex(signer.public_key)).hex()
