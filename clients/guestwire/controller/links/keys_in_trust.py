"""What the trust documents of the links say of keys: as whom the sites know somebody's public key (`users.enrolled_keys`' port), and
which key a host has (`fleet.hosts`')."""

from collections.abc import Callable

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.links import Links
from guestwire.controller.users.enrolled_keys import InTrust
from guestwire.protocol.signing import key_id
from guestwire.protocol.steps import Now


class KeysInTrust:
    """The trust documents of all sites that the controller knows."""

    def __init__(self, links: Links, clock: Callable[[], Now]) -> None:
        self._links = links
        self._clock = clock

    def known_as(self, public_key: bytes) -> tuple[InTrust, ...]:
        """As whom sites know that key, those in which it counts at this moment."""
        identifier, at = key_id(public_key), self._clock().wall_ms
        found: list[InTrust] = []
        for trust in self._links.trusts():
            key = trust.key(identifier, at)
            if key is not None:
                signer = key.signer
                found.append(InTrust(trust.site, signer.principal, signer.role, signer.scope.risk))
        return tuple(found)

    def of_host(self, ref: HostRef) -> str | None:
        """The id of the key (hexadecimal) by which the site knows a host at this moment, the newest of several; None: it knows
        none, or the controller has no trust document of the site."""
        trust = self._links.trust(ref.site)
        if trust is None:
            return None
        at, whose = self._clock().wall_ms, f"host:{ref.host}"
        several = [one for one in trust.signers if one.principal == whose and one.not_before <= at < one.not_after]
        newest = max(several, key=lambda one: one.not_before, default=None)
        return None if newest is None else key_id(bytes.fromhex(newest.public_key)).hex()
