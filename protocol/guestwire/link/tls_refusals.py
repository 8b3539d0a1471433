"""What a failed TLS handshake means, as codes of the error table: our verdict over a peer's certificate, or its over ours.

OpenSSL's names: X509_STORE_CTX_get_error(3) and SSL_alert_desc_string(3).
"""

import ssl
from collections.abc import Mapping

from guestwire.link.transport import TransportError

OTHERWISE = "TLS-FAILED"

_VERDICTS: Mapping[int, str] = {
    2: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
    3: "REVOCATION-UNKNOWN",  # X509_V_ERR_UNABLE_TO_GET_CRL
    7: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_CERT_SIGNATURE_FAILURE
    8: "REVOCATION-UNKNOWN",  # X509_V_ERR_CRL_SIGNATURE_FAILURE
    9: "CERTIFICATE-NOT-YET-VALID",  # X509_V_ERR_CERT_NOT_YET_VALID
    10: "CERTIFICATE-EXPIRED",  # X509_V_ERR_CERT_HAS_EXPIRED
    11: "REVOCATION-UNKNOWN",  # X509_V_ERR_CRL_NOT_YET_VALID
    12: "REVOCATION-UNKNOWN",  # X509_V_ERR_CRL_HAS_EXPIRED
    18: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
    19: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
    20: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
    22: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_CERT_CHAIN_TOO_LONG
    23: "CERTIFICATE-REVOKED",  # X509_V_ERR_CERT_REVOKED
    25: "CERTIFICATE-UNTRUSTED",  # X509_V_ERR_PATH_LENGTH_EXCEEDED
    26: "CERTIFICATE-PURPOSE",  # X509_V_ERR_INVALID_PURPOSE
    33: "REVOCATION-UNKNOWN",  # X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER
    62: "CERTIFICATE-NAME",  # X509_V_ERR_HOSTNAME_MISMATCH
    64: "CERTIFICATE-NAME",  # X509_V_ERR_IP_ADDRESS_MISMATCH
}

_ALERTS: Mapping[str, str] = {
    "CERTIFICATE_EXPIRED": "CERTIFICATE-EXPIRED",
    "BAD_CERTIFICATE": "CERTIFICATE-NOT-YET-VALID",  # what OpenSSL says of one; of a damaged one too
    "UNSUPPORTED_CERTIFICATE": "CERTIFICATE-PURPOSE",
    "UNKNOWN_CA": "CERTIFICATE-UNTRUSTED",
    "DECRYPT_ERROR": "CERTIFICATE-UNTRUSTED",
    "CERTIFICATE_REVOKED": "CERTIFICATE-REVOKED",
    "CERTIFICATE_REQUIRED": "CERTIFICATE-REQUIRED",
}
_NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


def verdict(err: ssl.SSLError) -> str:
    """Why the peer was refused here. TLS-FAILED when it was not for its certificate."""
    if isinstance(err, ssl.SSLCertVerificationError):
        return _VERDICTS.get(err.verify_code, "CERTIFICATE-UNTRUSTED")
    return "CERTIFICATE-REQUIRED" if _reason(err) == _NO_CERTIFICATE else OTHERWISE


def alert(err: ssl.SSLError) -> str | None:
    """What the peer's alert said of our certificate; None where it sent none that is about certificates."""
    _, found, what = _reason(err).partition("_ALERT_")
    return _ALERTS.get(what) if found else None


def refused(err: ssl.SSLError, peer: str) -> TransportError:
    """The error of a client whose handshake with `peer` failed, at whichever end."""
    detail = {"peer": peer, "why": str(err)}
    if isinstance(err, ssl.SSLCertVerificationError):
        code = verdict(err)
        return TransportError(code, f"The certificate of {peer} is not believed: {err.verify_message}.", detail=detail)
    code = alert(err) or OTHERWISE
    if code == OTHERWISE:
        return TransportError(code, f"No TLS connection to {peer}: {_words(err)}.", detail=detail)
    made = TransportError(code, detail=detail)
    return TransportError(code, f"{peer} refuses this client's certificate. {made.remedy}", detail=detail)


def _words(err: ssl.SSLError) -> str:
    return (_reason(err) or str(err)).replace("_", " ").lower()


def _reason(err: ssl.SSLError) -> str:
    """OpenSSL's name for it; an error that OpenSSL did not make has none."""
    return getattr(err, "reason", None) or ""
