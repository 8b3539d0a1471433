"""How a receiver knows that a delivery is ours, and of now: an HMAC over when it was sent and what it says. Pure.

Guestwire-Signature: t=UNIX_SECONDS,v1=HEX      v1 = HMAC-SHA256(secret, "UNIX_SECONDS." + body)
"""

import hashlib
import hmac
from typing import Final

HEADER: Final = "Guestwire-Signature"


def signature(secret: str, body: bytes, now_s: int) -> str:
    """The header's value."""
    made = hmac.new(secret.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={made}"
