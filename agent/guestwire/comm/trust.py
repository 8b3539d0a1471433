"""Whom guestwire-comm believes on its own socket: root, itself and the agent's user, by uid; everybody else may do nothing.

Who asked the agent is in the header that it passes on: those users may name any issuer.
"""

from collections.abc import Iterable

from guestwire.model.events import HOST, REMOTE
from guestwire.protocol.steps import Call
from guestwire.protocol.trust import LocalScope, Scope, Trust, TrustDocument

EVERYTHING = Scope(operations=("*",), hosts=("*",), risk=3)


def trust_in(uids: Iterable[int], site: str, now_ms: int) -> Trust:
    """A trust document of those users alone."""
    users = tuple(LocalScope(uid=uid, scope=EVERYTHING) for uid in sorted(set(uids)))
    return Trust(TrustDocument(rev=1, site=site, issued_at=now_ms, signers=(), local=users))


def party_of(call: Call) -> str:
    """For whom the agent asks: a local user is the host, everybody else is the cloud."""
    return HOST if call.asked_as.startswith("local:") else REMOTE
