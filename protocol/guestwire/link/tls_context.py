"""The TLS that a host offers to clients which come to it: 1.2 or 1.3, and only with a certificate of the site."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, authority: Path, revoked: Path | None = None) -> ssl.SSLContext:
    """For a server with that certificate (a chain, leaf first) and key; clients must have one of `authority`. `revoked`: a
    list (PEM) of those that do not count any more, signed by the CA that issued them; then a list that has run out lets
    nobody in. No session is taken up again: each connection is judged anew. Raises OSError (ssl.SSLError is one)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2; those of 1.3 are as good
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key, password=_no_password)
    context.load_verify_locations(authority)
    if revoked is not None:
        context.load_verify_locations(revoked)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal for the password of an encrypted key."""
    raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the key is encrypted, and there is nobody to ask for its password")
