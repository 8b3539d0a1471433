"""Which hosts are members of a site, decided: who is let in by which key, whose key is another's, who is out.

A host that the root has named itself is not changed here, for who signs the members must not be able to: a new key for it is
for the root to sign.
"""

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey, key_id
from guestwire.protocol.trust import Member, Members, Trust
from guestwire.protocol.trust_file import MAX_BYTES, seal_members, split

RESERVED = frozenset({"broker", "ca"})


def keys_of(trust: Trust, host: str) -> tuple[str, ...]:
    """The public keys of a host, revoked or not: those that the root signed, or the one that it enrolled with."""
    by_root = tuple(s.public_key for s in trust.document.signers if s.principal == f"host:{host}")
    members = trust.members.hosts if trust.members is not None else ()
    return by_root or tuple(member.public_key for member in members if member.host == host)


def key_of(trust: Trust, host: str) -> str | None:
    """The public key of a host that is known, revoked or not: the first one where the root has signed several."""
    return next(iter(keys_of(trust, host)), None)


def named_by_root(trust: Trust, host: str) -> bool:
    return any(signer.principal == f"host:{host}" for signer in trust.document.signers)


def check_name(trust: Trust, host: str) -> None:
    """Raises EXISTS when the name is somebody else's: each is a user name at the broker as well."""
    others = (signer.principal.partition(":") for signer in trust.document.signers)
    if host in RESERVED or any(name == host and kind != "host" for kind, _, name in others):
        raise GuestwireError(
            "EXISTS", f"{host!r} is the name of somebody else in this site, or reserved.", field="host"
        )


def check_key(trust: Trust, host: str, public_key: str) -> None:
    """Whether a host that is known speaks by its key. Raises KEY-UNKNOWN when it is not known or its key was revoked, and
    HOST-ID-CONFLICT when it is known by another one."""
    identifier = key_id(bytes.fromhex(public_key))
    if trust.revokes(identifier, f"host:{host}"):
        raise GuestwireError(
            "KEY-UNKNOWN", f"The key of {host} was revoked. To let it in again: `guestwire host enrol`."
        )
    known = keys_of(trust, host)
    if not known:
        raise GuestwireError("KEY-UNKNOWN", f"The site knows no host {host}.")
    if public_key not in known:
        raise _conflict(f"The site knows {host} by another key than this one.")


def admitted(trust: Trust, host: str, public_key: str, *, replace: bool, now_ms: int) -> Members | None:
    """The members with a host that comes with a key; None: nothing is to change. `replace`: it may have had another one, which
    is revoked then.

    Raises EXISTS, KEY-UNKNOWN when the key was revoked, and HOST-ID-CONFLICT when the host is known by another key or the key
    is somebody else's.
    """
    check_name(trust, host)
    identifier = key_id(bytes.fromhex(public_key))
    if trust.revokes(identifier, f"host:{host}"):
        raise GuestwireError("KEY-UNKNOWN", "This key was revoked: begin anew with a key that is new (--new-key).")
    for signer in trust.signers:
        if signer.public_key == public_key and signer.principal != f"host:{host}":
            raise _conflict(
                f"This key is {signer.principal}'s: was a disk copied? Begin anew with a new one (--new-key)."
            )
    if public_key in keys_of(trust, host):
        return None
    known = key_of(trust, host)
    if known is not None and named_by_root(trust, host):
        raise _conflict(
            f"The root has signed another key for {host}. Enrol with that one, as host.key in the identity's folder; only the"
            " root can replace it (`guestwire site signer rotate`)."
        )
    if known is not None and not replace:
        raise _conflict(
            f"The site knows {host} by another key. If it was set up anew: `guestwire host enrol --replace`."
        )
    before = trust.members
    hosts = tuple(member for member in (before.hosts if before else ()) if member.host != host)
    revoked = before.revoked if before else ()
    if known is not None:
        revoked = (*revoked, key_id(bytes.fromhex(known)).hex())
    return _next(trust, (*hosts, Member(host=host, public_key=public_key)), revoked, now_ms)


def expelled(trust: Trust, host: str, now_ms: int) -> Members:
    """The members without a host, its key revoked. Raises NOT-FOUND when it is no member."""
    before = trust.members
    known = next((member for member in (before.hosts if before else ()) if member.host == host), None)
    if before is None or known is None:
        raise GuestwireError("NOT-FOUND", f"{host} is no host that enrolled.")
    hosts = tuple(member for member in before.hosts if member is not known)
    return _next(trust, hosts, (*before.revoked, key_id(bytes.fromhex(known.public_key)).hex()), now_ms)


def with_members(data: bytes, members: Members, enroller: SigningKey) -> bytes:
    """The trust file with other members. Raises CONFIG-INVALID when it gets too large."""
    successions, document, _ = split(data)
    whole = successions + document + seal_members(members, enroller)
    if len(whole) > MAX_BYTES:
        raise GuestwireError("CONFIG-INVALID", "The site has more hosts than its trust document can hold.")
    return whole


def _next(trust: Trust, hosts: tuple[Member, ...], revoked: tuple[str, ...], now_ms: int) -> Members:
    revision = trust.revision[1] + 1
    return Members(site=trust.site, rev=revision, issued_at=now_ms, hosts=hosts, revoked=tuple(dict.fromkeys(revoked)))


def _conflict(text: str) -> GuestwireError:
    return GuestwireError("HOST-ID-CONFLICT", text)
