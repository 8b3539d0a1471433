"""Who may come in by the TCP listener: a table of certificates, trust documents and clocks."""

import pytest

from guestwire.agent.tcp_admission import TcpAdmission
from guestwire.agent.time_floor import TimeFloor
from guestwire.link.peer_certificate import PeerCertificate
from guestwire.model.host import ClockQuality
from guestwire.protocol.signing import SigningKey, key_id
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

NOW, DAY = 1_800_000_000_000, 86_400_000


def signer(principal: str, hosts: tuple[str, ...] = ("*",), **times: int) -> Signer:
    key = SigningKey.generate().public.raw
    return Signer(principal=principal, public_key=key.hex(), scope=Scope(hosts=hosts, risk=3), **times)


REVOKED = signer("operator:gone")
SIGNERS = (
    signer("operator:anna"), signer("controller:main", ("h2",)), signer("observer:wall", ("h1", "h3")), signer("host:h2"),
    signer("operator:former", not_after=NOW - DAY), signer("operator:later", not_before=NOW + DAY), REVOKED,
)  # fmt: skip
TRUST = Trust(
    TrustDocument(
        site="plant", rev=1, issued_at=1, signers=SIGNERS, revoked=(key_id(bytes.fromhex(REVOKED.public_key)).hex(),)
    )
)


def admission(clock: ClockQuality = "synchronised", wall_ms: int = NOW, floor_ms: int = 0) -> TcpAdmission:
    return TcpAdmission("h1", lambda: TRUST, lambda: Now(wall_ms, 0.0), lambda: clock, TimeFloor(floor_ms))


def certificate(
    name: str = "anna", begins: int = NOW - DAY, ends: int = NOW + DAY, for_clients: bool = True
) -> PeerCertificate:
    return PeerCertificate(name, begins, ends, for_clients)


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (certificate(), None),
        (certificate("main"), None),
        (certificate("wall"), None),
        (certificate("h2"), "CLIENT-UNKNOWN"),
        (certificate("gone"), "CLIENT-UNKNOWN"),
        (certificate("former"), "CLIENT-UNKNOWN"),
        (certificate("later"), "CLIENT-UNKNOWN"),
        (certificate("nobody"), "CLIENT-UNKNOWN"),
        (certificate(""), "CLIENT-UNKNOWN"),
        (certificate("operator:anna"), "CLIENT-UNKNOWN"),
        (certificate("0"), "CLIENT-UNKNOWN"),
        (certificate(for_clients=False), "CERTIFICATE-PURPOSE"),
        (certificate(ends=NOW - 1), "CERTIFICATE-EXPIRED"),
        (certificate(begins=NOW + 1), "CERTIFICATE-NOT-YET-VALID"),
    ],
)
def test_with_a_clock_that_is_right(shown: PeerCertificate, code: str | None) -> None:
    assert admission().refusal(shown) == code


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (certificate(), None),
        (certificate("former"), "CLIENT-UNKNOWN"),
        (certificate("later"), None),
        (certificate(begins=NOW + 9 * DAY, ends=NOW + 10 * DAY), None),
        (certificate(ends=NOW - 1), "CERTIFICATE-EXPIRED"),
        (certificate("gone"), "CLIENT-UNKNOWN"),
    ],
)
def test_a_host_in_1970_judges_by_what_it_has_seen(shown: PeerCertificate, code: str | None) -> None:
    assert admission("unsynchronised", wall_ms=0, floor_ms=NOW).refusal(shown) == code


@pytest.mark.parametrize(
    ("client", "may"), [("anna", True), ("wall", True), ("main", False), ("gone", False), ("h2", False)]
)
def test_who_may_watch(client: str, may: bool) -> None:
    assert admission().may_watch(client) is may
