"""As whom the sites know somebody's public key: `users.enrolled_keys`' port, over the trust documents of the links."""

from collections.abc import Callable

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
