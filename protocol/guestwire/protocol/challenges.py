"""Proof that a request is new, for a host whose clock cannot tell: it is asked again with a nonce of the host's.

Nothing is kept of a challenge, so nobody can crowd it out: the nonce is when it ends and a code that only this object makes.
"""

import hashlib
import hmac
import secrets

from guestwire.protocol.envelope import Header
from guestwire.protocol.steps import Now

CHALLENGE_S = 60.0


class Challenges:
    """Makes nonces for requests and knows its own again, for a minute each."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, header: Header, now: Now) -> bytes:
        """The nonce that this request is to come back with."""
        until = round((now.mono + CHALLENGE_S) * 1000).to_bytes(8, "big", signed=True)
        return until + self._code(until, header)

    def met(self, header: Header, now: Now) -> bool:
        """Whether the request carries a nonce that was made for it, in time."""
        nonce = header.nonce
        if nonce is None or int.from_bytes(nonce[:8], "big", signed=True) <= now.mono * 1000:
            return False
        return hmac.compare_digest(nonce[8:], self._code(nonce[:8], header))

    def _code(self, until: bytes, header: Header) -> bytes:
        asked = until + header.request_id + header.body_hash
        return hashlib.blake2b(asked, key=self._key, digest_size=16).digest()
