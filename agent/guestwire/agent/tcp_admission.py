"""Who may come in by the TCP listener: a client that the trust document knows, with a certificate that is good now."""

from collections.abc import Callable

from guestwire.agent.time_floor import TimeFloor
from guestwire.link.peer_certificate import PeerCertificate
from guestwire.model.host import ClockQuality
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

CLIENT_KINDS = ("operator", "controller", "observer")
"""A host is no client: its certificate opens no other host."""


class TcpAdmission:
    """An Admission of link/tcp_arrival, by the trust document in force. A host whose clock is not to be trusted judges by the
    latest time that it has seen."""

    def __init__(
        self,
        host: str,
        trust: Callable[[], Trust],
        now: Callable[[], Now],
        clock: Callable[[], ClockQuality],
        floor: TimeFloor,
    ) -> None:
        self._host = host
        self._trust = trust
        self._now = now
        self._clock = clock
        self._floor = floor

    def refusal(self, certificate: PeerCertificate) -> str | None:
        sure = self._clock() != "unsynchronised"
        at_ms = self._now().wall_ms if sure else self._floor.ms
        if certificate.not_after_ms < at_ms:
            return "CERTIFICATE-EXPIRED"
        if sure and at_ms < certificate.not_before_ms:
            return "CERTIFICATE-NOT-YET-VALID"
        if not certificate.for_clients:
            return "CERTIFICATE-PURPOSE"
        trust = self._trust()
        now_ms, name = at_ms if sure else None, certificate.name
        known = any(trust.speaks_for(f"{kind}:{name}", now_ms, seen_ms=self._floor.ms) for kind in CLIENT_KINDS)
        return None if known else "CLIENT-UNKNOWN"

    def may_watch(self, client: str) -> bool:
        """Whoever has something to do with this host."""
        trust = self._trust()
        scopes = (scope for kind in CLIENT_KINDS for scope in trust.scopes_of(f"{kind}:{client}"))
        return any("*" in scope.hosts or self._host in scope.hosts for scope in scopes)
