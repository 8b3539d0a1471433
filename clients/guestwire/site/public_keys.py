"""A public key from wherever it was made: our own key files, and PEM as OpenSSL and HSMs write it."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import MAX_BYTES
from guestwire.protocol.signing import VerifyingKey
from guestwire.site.files import read_public_key

_PEM = b"-----BEGIN "


def given_public_key(path: Path) -> VerifyingKey:
    """The Ed25519 key in a file of ours, or in PEM (SubjectPublicKeyInfo). Raises KEY-FILE-INVALID."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {err.strerror}.") from err
    if not data.lstrip().startswith(_PEM):
        return read_public_key(path)
    if b"PRIVATE" in data:
        raise GuestwireError("KEY-FILE-INVALID", f"{path} holds a private key: give the public one (`-pubout`).")
    try:
        key = load_pem_public_key(data[:MAX_BYTES])
    except (ValueError, UnsupportedAlgorithm) as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{path} holds no public key that can be read (PEM).") from err
    if not isinstance(key, Ed25519PublicKey):
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: the key is not an Ed25519 key.")
    return VerifyingKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
