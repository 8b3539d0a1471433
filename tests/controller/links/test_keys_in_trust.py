"""Which key a site has for a host, of the trust document that the controller has."""

from types import SimpleNamespace
from typing import Any

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.keys_in_trust import KeysInTrust
from guestwire.protocol.signing import key_id
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import NOTHING, Member, Members, Signer, Trust, TrustDocument

H1 = HostRef("plant", "h1")
OLD, NEW, LATER, ENROLLED = (f"{number:02x}" * 32 for number in range(1, 5))


def name(public_key: str) -> str:
    return key_id(bytes.fromhex(public_key)).hex()


def signer(principal: str, public_key: str, not_before: int = 0, not_after: int = 1 << 53) -> Signer:
    return Signer(
        principal=principal, public_key=public_key, scope=NOTHING, not_before=not_before, not_after=not_after
    )  # fmt: skip


def keys(*signers: Signer, members: Members | None = None, revoked: tuple[str, ...] = (), at: int = 100) -> KeysInTrust:
    document = TrustDocument(site="plant", rev=1, issued_at=0, signers=signers, revoked=revoked)
    trust = Trust(document, members)
    links: Any = SimpleNamespace(trust=lambda site: trust if site == "plant" else None)
    return KeysInTrust(links, lambda: Now(at, 0.0))


def test_the_key_of_a_host_is_the_newest_that_counts() -> None:
    old, new, later = signer("host:h1", OLD), signer("host:h1", NEW, 50), signer("host:h1", LATER, 200)
    assert keys(old, new, later).of_host(H1) == name(NEW)
    assert keys(old, new, later, at=300).of_host(H1) == name(LATER)
    assert keys(old, new, later, revoked=(name(NEW),)).of_host(H1) == name(OLD)
    assert keys(signer("host:h1", OLD, 0, 100)).of_host(H1) is None


def test_nobody_elses_key_is_the_hosts() -> None:
    assert keys(signer("operator:h1", OLD), signer("host:h2", NEW)).of_host(H1) is None
    assert keys(signer("host:h1", OLD)).of_host(HostRef("elsewhere", "h1")) is None


def test_a_host_that_enrolled_by_a_code_has_a_key_too() -> None:
    members = Members(site="plant", rev=1, issued_at=0, hosts=(Member(host="h1", public_key=ENROLLED),))
    assert keys(members=members).of_host(H1) == name(ENROLLED)
