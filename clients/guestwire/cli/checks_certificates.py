"""Doctor: the certificate that this client shows, its key, the CA it leads to, and their dates; by their files alone."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from guestwire.cli.findings import Finding
from guestwire.cli.validity import validity
from guestwire.model.errors import GuestwireError
from guestwire.sdk.contexts import Context
from guestwire.site.certificates import Described, describe, load_chain

LEAF_SOON = datetime.timedelta(days=30)
AUTHORITY_SOON = datetime.timedelta(days=180)
"""A CA signs nothing that outlives it, and a new one has to reach every host first."""
LONGEST_CHAIN = 8
RENEW = "Have a new one issued and put it in place of this file."
MATCH = "Put the certificate and the key that were issued together into the context (certificate, certificate_key)."


def check(context: Context, client: str | None, now_ms: int) -> list[Finding]:
    """What a peer will find wrong with this client, before it is asked. `client`: the id it should be for, where that is
    known. Nothing where the context has neither certificate nor CA."""
    findings: list[Finding] = []
    authorities = _chain("ca", context.ca, findings) if context.ca else []
    chain = _chain("certificate", context.certificate, findings) if context.certificate else []
    if said := _described(chain[:1]):
        findings.append(_name(said[0], client, told=context.username))
        if context.certificate_key:
            findings.append(_key(chain[0], Path(context.certificate_key)))
        findings.append(_purpose(said[0]))
        if authorities:
            findings.append(_path(chain, authorities))
        findings.append(_dates("certificate dates", said, now_ms, LEAF_SOON, RENEW))
    elif chain:
        findings.append(Finding("certificate", "fail", f"{context.certificate} is not well formed", RENEW))
    if above := [*chain[1:], *authorities]:
        remedy = "Make the site's next CA, and give it to every host and client, before this one ends."
        findings.append(_dates("ca dates", _described(above), now_ms, AUTHORITY_SOON, remedy))
    return findings


def _chain(what: str, path: str, findings: list[Finding]) -> list[x509.Certificate]:
    """The certificates in a file; none, and a finding, where it has none."""
    try:
        return load_chain(Path(path).read_bytes())
    except OSError as err:
        findings.append(Finding(what, "fail", f"{path}: {err.strerror}", "Put the file there, or correct the context."))
    except GuestwireError:
        findings.append(
            Finding(what, "fail", f"{path} holds no certificate that can be read", "It must be PEM, the leaf first.")
        )
    return []


def _described(chain: Sequence[x509.Certificate]) -> tuple[Described, ...]:
    try:
        return tuple(one for certificate in chain for one in describe(certificate.public_bytes(Encoding.PEM)))
    except GuestwireError:
        return ()


def _name(leaf: Described, client: str | None, *, told: str | None) -> Finding:
    text = f"of {leaf.cn or 'nobody'}, serial {leaf.serial}, by {leaf.issuer}"
    if client is None or leaf.cn == client:
        return Finding("certificate", "ok", text)
    text += f"; this client is {client}"
    remedy = f"The common name is who the peer takes this client for: use the certificate of {client}."
    # a broker that goes by user names does not look at it
    return Finding("certificate", "warn" if told else "fail", text, remedy)


def _key(leaf: x509.Certificate, path: Path) -> Finding:
    what = "certificate key"
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as err:
        return Finding(what, "fail", f"{path}: {err.strerror}", "Put the file there, or correct the context.")
    except TypeError:
        return Finding(what, "fail", f"{path} is encrypted", "Nobody is asked for its password: store it unencrypted.")
    except (ValueError, UnsupportedAlgorithm):
        return Finding(what, "fail", f"{path} holds no private key that can be read (PEM)", MATCH)
    if key.public_key() != leaf.public_key():
        return Finding(what, "fail", f"{path} is the key of another certificate", MATCH)
    return Finding(what, "ok", "fits the certificate")


def _purpose(leaf: Described) -> Finding:
    what = "certificate purpose"
    if "ca" in leaf.purposes:
        return Finding(what, "fail", "it is a CA's own", "Use a certificate that the CA issued for this client.")
    if "client" in leaf.purposes:
        return Finding(what, "ok", "TLS client" + (" and server" if "server" in leaf.purposes else ""))
    remedy = "Have one issued for TLS clients (extended key usage clientAuth)."
    if "server" in leaf.purposes:
        return Finding(what, "fail", "for TLS servers only", remedy)
    return Finding(what, "warn", "it does not say what it is for: a host's own listener refuses it", remedy)


def _path(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> Finding:
    """From the leaf up to one of the CAs, each signed by the next, as the peer will go."""
    what, at = "certificate chain", chain[0]
    names = [_cn(at)]
    for _ in range(LONGEST_CHAIN):
        issuer = next((one for one in (*authorities, *chain[1:]) if one != at and _signed(at, one)), None)
        if issuer is None:
            break
        at = issuer
        names.append(_cn(at))
        if at in authorities:
            return Finding(what, "ok", " <- ".join(names))
    return Finding(
        what, "warn", f"{' <- '.join(names)}: nobody in `ca` has signed that",
        "Is the issuing CA's certificate behind the leaf in the same file, and `ca` that of the same site?",
    )  # fmt: skip


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _cn(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string().removeprefix("CN=") or "nobody"


def _dates(what: str, those: Sequence[Described], now_ms: int, soon: datetime.timedelta, remedy: str) -> Finding:
    """Of several, the worst: what ends first, or does not count yet."""
    judged = [(one, validity(one.not_before, one.not_after, now_ms, soon)) for one in those]
    order = ("fail", "warn", "ok")
    if not judged:
        return Finding(what, "fail", "a certificate is not well formed", remedy)
    one, (level, text) = min(judged, key=lambda pair: (order.index(pair[1][0]), pair[0].not_after))
    if now_ms < one.not_before:
        remedy = "Is this machine's clock right? Otherwise wait, or have one issued that counts now."
    return Finding(what, level, f"{one.cn}: {text}", remedy)
