"""Ed25519 over exact bytes, each kind of document under a domain of its own (RFC 8032; no re-encoding, ever)."""

import hashlib
from enum import Enum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES = 64
KEY_ID_BYTES = 8


class Domain(bytes, Enum):
    """What is signed; the prefix keeps a signature over one kind of document from being used for another."""

    ENVELOPE = b"guestwire envelope 1\x00"
    TRUST = b"guestwire trust 1\x00"
    ROOT = b"guestwire root 1\x00"
    MEMBERS = b"guestwire members 1\x00"
    MANDATE = b"guestwire mandate 1\x00"
    ENROLMENT = b"guestwire enrolment 1\x00"
    USER_KEY = b"guestwire user key 1\x00"


def key_id(public: bytes) -> bytes:
    """The name of a key: the first 8 bytes of SHA-256 over its 32 raw public bytes."""
    return hashlib.sha256(public).digest()[:KEY_ID_BYTES]


class VerifyingKey:
    """A public key. `raw` is its 32 bytes."""

    __slots__ = ("_key", "id", "raw")

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.raw = raw
        self.id = key_id(raw)

    def verifies(self, domain: Domain, data: bytes, signature: bytes) -> bool:
        """Whether `signature` over `data` under `domain` was made with the private half."""
        try:
            self._key.verify(signature, domain.value + data)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key. `raw` is its 32-byte seed: it is never logged nor sent."""

    __slots__ = ("_key", "id", "public", "raw")

    def __repr__(self) -> str:
        return f"SigningKey({self.id.hex()})"

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.raw = raw
        self.public = VerifyingKey(self._key.public_key().public_bytes_raw())
        self.id = self.public.id

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def sign(self, domain: Domain, data: bytes) -> bytes:
        """The 64-byte signature of `data` under `domain`."""
        return self._key.sign(domain.value + data)
