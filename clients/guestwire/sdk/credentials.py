"""Who a client is and whom it believes: reads the key, trust and root files that a context names."""

import os
from dataclasses import dataclass
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol import key_files
from guestwire.protocol.signing import SigningKey, VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import MAX_BYTES, unseal
from guestwire.sdk.contexts import Context
from guestwire.sdk.trust_store import TrustStore, kept_path


@dataclass(frozen=True, slots=True)
class Credentials:
    """`issuer` is the principal requests are made as, `client` the name the broker knows this client by."""

    issuer: str
    client: str
    key: SigningKey | None = None
    trust: Trust | None = None
    store: TrustStore | None = None
    """Where `trust` is from, and goes on from."""


def read(context: Context, now_ms: int) -> Credentials:
    """The credentials of a context. Raises KEY-FILE-INVALID, TRUST-INVALID, KEY-UNKNOWN (a key the site does not know)."""
    store = read_store(Path(context.trust), Path(context.root)) if context.trust and context.root else None
    trust = store.trust if store is not None else None
    if trust is not None and trust.site != context.site:
        raise GuestwireError("TRUST-INVALID", f"The trust document is for site {trust.site}, not {context.site}.")
    if context.via == "socket":
        local = f"local-{os.getuid()}"
        return Credentials(f"local:{os.getuid()}", context.client or local, None, trust, store)
    named = _certified(context) if context.via == "tcp" else context.client
    if context.key is None:
        client = named or context.username or "observer"
        return Credentials(f"observer:{client}", client, None, trust, store)
    key = read_private_key(Path(context.key))
    if trust is None:
        raise GuestwireError("CONFIG-INVALID", "A context with a key needs trust and root as well.", field="trust")
    known = trust.key(key.id, now_ms)
    if known is None:
        raise GuestwireError(
            "KEY-UNKNOWN",
            f"The key in {context.key} is not in the site's trust document, not valid now, or revoked.",
            detail={"key": key.id.hex()},
        )
    principal = known.signer.principal
    return Credentials(principal, named or principal.partition(":")[2], key, trust, store)


def _certified(context: Context) -> str:
    """The name in a context's certificate: straight to a host that is who a client is. Raises CONFIG-INVALID."""
    from cryptography import x509

    assert context.certificate is not None
    try:
        certificate = x509.load_pem_x509_certificate(_bytes(Path(context.certificate), "CONFIG-INVALID", MAX_BYTES))
        [name] = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError as err:
        text = f"{context.certificate} holds no certificate with a common name."
        raise GuestwireError("CONFIG-INVALID", text, field="certificate") from err
    certified = str(name.value)
    if context.client not in (None, certified):
        text = f"The certificate is that of {certified}, and client is {context.client}: over tcp they are the same."
        raise GuestwireError("CONFIG-INVALID", text, field="client")
    return certified


def read_store(trust: Path, root: Path) -> TrustStore:
    """The trust of a context, which goes on to newer documents. Raises TRUST-INVALID, KEY-FILE-INVALID."""
    pinned = read_public_key(root)
    return TrustStore(trust, kept_path(trust, pinned, os.environ), pinned)


def read_trust(trust: Path, root: Path) -> Trust:
    """A trust document, checked against the root key that a client pins. Raises TRUST-INVALID, KEY-FILE-INVALID."""
    data = _bytes(trust, "TRUST-INVALID", MAX_BYTES)
    return unseal(data, read_public_key(root))


def read_public_key(path: Path) -> VerifyingKey:
    """The public key in a file. Raises KEY-FILE-INVALID."""
    data = _bytes(path, "KEY-FILE-INVALID", key_files.MAX_BYTES)
    try:
        return key_files.parse_public(data.decode("ascii", "replace"))
    except GuestwireError as err:
        raise GuestwireError(err.code, f"{path}: {err.message}") from err


def read_private_key(path: Path) -> SigningKey:
    """The private key in a file that nobody else may read. Raises KEY-FILE-INVALID."""
    data = _bytes(path, "KEY-FILE-INVALID", key_files.MAX_BYTES, private=True)
    try:
        return key_files.parse_private(data.decode("ascii", "replace"))
    except GuestwireError as err:
        raise GuestwireError(err.code, f"{path}: {err.message}") from err


def read_password(context: Context) -> str | None:
    """The broker password of a context, its line end taken off. Raises KEY-FILE-INVALID."""
    if context.password_file is None:
        return None
    data = _bytes(Path(context.password_file), "KEY-FILE-INVALID", key_files.MAX_BYTES, private=True)
    return data.decode("utf-8", "replace").rstrip("\r\n")


def read_secret(path: Path) -> str:
    """The first line of a file that nobody else may read: a password. Raises KEY-FILE-INVALID."""
    text = _bytes(path, "KEY-FILE-INVALID", key_files.MAX_BYTES, private=True).decode("utf-8", "replace")
    return text.partition("\n")[0].rstrip("\r")


def read_token(context: Context) -> str:
    """The token of a context of a controller, its line end taken off. Raises UNAUTHENTICATED where there is none any more, and
    KEY-FILE-INVALID."""
    assert context.token_file is not None
    path = Path(context.token_file)
    if not path.exists():
        raise GuestwireError("UNAUTHENTICATED", f"There is no token in {path}: get one with `guestwire login`.")
    text = _bytes(path, "KEY-FILE-INVALID", key_files.MAX_BYTES, private=True).decode("utf-8", "replace").strip()
    if not text.isascii() or not text.isprintable() or not text or " " in text:
        raise GuestwireError("KEY-FILE-INVALID", f"{path} holds no token: `guestwire login` gets one.")
    return text


def check_closed(path: str | None) -> None:
    """Raises KEY-FILE-INVALID where a key that is read by others than us (OpenSSL) is open to other users. Whether it can be
    read is for them to say."""
    if path is not None and Path(path).exists() and not key_files.is_private(Path(path).stat().st_mode):
        raise GuestwireError("KEY-FILE-INVALID", f"{path} is open to other users: run `chmod 600 {path}`.")


def _bytes(path: Path, code: str, limit: int, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            closed = key_files.is_private(os.fstat(file.fileno()).st_mode)
            data = file.read(limit + 1)
    except OSError as err:
        raise GuestwireError(code, f"{path}: {err.strerror}.") from err
    if private and not closed:
        raise GuestwireError(code, f"{path} is open to other users: run `chmod 600 {path}`.")
    if len(data) > limit:
        raise GuestwireError(code, f"{path} is larger than such a file can be.")
    return data
