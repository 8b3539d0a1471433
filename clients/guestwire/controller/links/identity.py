"""As whom the controller goes by a connection, and whom it believes there: reads the files that the connection names."""

from collections.abc import Sequence
from pathlib import Path

from guestwire.controller.config import Connection
from guestwire.model.errors import GuestwireError
from guestwire.sdk import credentials
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.trust_store import TrustStore


def identity(connection: Connection, documents: Sequence[bytes], now_ms: int) -> Credentials:
    """The credentials for a connection. `documents`: what is known of its site's trust documents besides its file. The newest counts.
    Over a socket the controller is its user there, or with a key the principal of that, whom the host holds to its scope.

    Raises KEY-FILE-INVALID, TRUST-INVALID, KEY-UNKNOWN (the key is not in the trust document, or counts no more), and
    CONFIG-INVALID where something is missing, or the key is no controller's.
    """
    store = _store(connection, documents)
    trust = store.trust if store is not None else None
    if trust is not None and trust.site != connection.site:
        text = f"The trust document is for site {trust.site}, not {connection.site}."
        raise GuestwireError("TRUST-INVALID", text, field="trust")
    if connection.via == "socket" and connection.key is None:
        local = credentials.read(connection, now_ms)
        return Credentials(local.issuer, local.client, None, trust, store)
    if trust is None or store is None or connection.key is None:
        text = "A connection over mqtt or tcp, or with a key, needs trust, root and key: nothing can be believed or signed without."
        raise GuestwireError("CONFIG-INVALID", text, field="key" if trust is not None else "trust")
    key = credentials.read_private_key(Path(connection.key))
    known = trust.key(key.id, now_ms)
    if known is None:
        text = f"The key in {connection.key} is not in the site's trust document, not valid now, or revoked."
        raise GuestwireError("KEY-UNKNOWN", text, detail={"key": key.id.hex()})
    principal = known.signer.principal
    kind, _, name = principal.partition(":")
    if kind != "controller":
        text = f"{connection.key} is the key of {principal}: a controller goes by a key of its own, as controller:NAME."
        raise GuestwireError("CONFIG-INVALID", text, field="key")
    return Credentials(principal, connection.client or name, key, trust, store)


def _store(connection: Connection, documents: Sequence[bytes]) -> TrustStore | None:
    if connection.trust is None or connection.root is None:
        return None
    root = credentials.read_public_key(Path(connection.root))
    return TrustStore(Path(connection.trust), None, root, documents)
