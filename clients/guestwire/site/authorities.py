"""One CA after another, with nobody refused in between. Everything here is called with the site open.

The root CA goes in three steps, each published before the next: `begin` (peers trust both), `switch` (the new one issues), and
`drop` once every peer has a certificate below the new one. The issuing CA goes in one: peers know the root alone. One that came
before stays beside it, for the revocation list of its certificates.
"""

import datetime
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature

from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import TrustDocument
from guestwire.site import drafts
from guestwire.site.ca import check_issuing, issuing_request, make_issuing_ca, make_root_ca, new_issuing_key
from guestwire.site.certificates import Issued, certificate_pem, describe, load_chain, load_key
from guestwire.site.drafts import Draft
from guestwire.site.enrolment import write_certificate
from guestwire.site.files import PRIVATE, PUBLIC, replace, write_new
from guestwire.site.layout import Layout
from guestwire.site.leaves import BY_HAND_DAYS, renew_server
from guestwire.site.register import register
from guestwire.site.signers import identifier


def begin(layout: Layout, now_ms: int) -> Draft | None:
    """Make another root CA, which peers are to trust beside the old one. Raises FILE-MISSING where the site has no TLS."""
    _needs(layout)
    if not layout.next_ca_certificate.exists():
        site, now = drafts.current(layout).site, _date(now_ms)
        made = make_root_ca(site, now)
        replace(layout.next_ca_key, made.key, PRIVATE)
        write_new(layout.next_ca_certificate, made.certificate, PUBLIC)
    both = dict.fromkeys((*certificates(layout.ca_certificate.read_bytes()), layout.next_ca_certificate.read_text()))
    replace(layout.ca_certificate, "".join(both).encode(), PUBLIC)
    return drafts.change(layout, lambda document: _with_authorities(document, tuple(both)), now_ms)


def switch(layout: Layout, now_ms: int) -> tuple[str, ...]:
    """Have the new root CA issue: a new issuing CA below it, and new certificates for everybody whose key was made here. Gives
    their names. Raises TRUST-INVALID before the document that names the new CA is in force, NOT-FOUND without one."""
    if not layout.next_ca_certificate.exists():
        raise GuestwireError("NOT-FOUND", "No root CA is to follow: `guestwire site ca rotate`.")
    certificate = layout.next_ca_certificate.read_text()
    trust = drafts.in_force(layout)
    if trust is None or certificate not in trust.document.authorities:
        raise GuestwireError(
            "TRUST-INVALID", "Publish first: no host trusts the new CA before its trust document names it."
        )
    root = Issued(certificate.encode(), layout.next_ca_key.read_bytes())
    _put_issuing(layout, make_issuing_ca(root, trust.site, _date(now_ms)))
    names = reissue(layout, trust.document, now_ms)
    layout.next_ca_key.replace(layout.ca_key)
    layout.next_ca_certificate.unlink()
    return names


def drop(layout: Layout, now_ms: int) -> Draft | None:
    """Trust only the root CA that issues now. Raises TRUST-INVALID while another one has still to follow."""
    _needs(layout)
    if layout.next_ca_certificate.exists():
        raise GuestwireError("TRUST-INVALID", "The new root CA does not issue yet: `guestwire site ca switch`.")
    issuing = layout.issuing_certificate.read_bytes()
    kept = tuple(one for one in certificates(layout.ca_certificate.read_bytes()) if _signed_by(issuing, one.encode()))
    if not kept:
        raise GuestwireError(
            "CERTIFICATE-INVALID", f"None of the CAs in {layout.ca_certificate} signed the issuing CA."
        )
    replace(layout.ca_certificate, "".join(kept).encode(), PUBLIC)
    return drafts.change(layout, lambda document: _with_authorities(document, kept), now_ms)


def rotate_issuing(layout: Layout, now_ms: int) -> tuple[str, ...]:
    """Another issuing CA below the root CA whose key is here, and new certificates. Raises FILE-MISSING."""
    _needs(layout)
    if not layout.ca_key.exists():
        text = "The root CA's key is not here: have it sign the request (`guestwire site ca issuing --request FILE`)."
        raise GuestwireError("FILE-MISSING", text)
    document = drafts.current(layout)
    roots, key = certificates(layout.ca_certificate.read_bytes()), layout.ca_key.read_bytes()
    public = load_key(key).public_key()
    own = next((one for one in roots if load_chain(one.encode())[0].public_key() == public), None)
    if own is None:
        raise GuestwireError("KEY-FILE-INVALID", f"{layout.ca_key} is not the key of a CA in {layout.ca_certificate}.")
    _put_issuing(layout, make_issuing_ca(Issued(own.encode(), key), document.site, _date(now_ms)))
    return reissue(layout, document, now_ms)


def request_issuing(layout: Layout) -> bytes:
    """What a root CA that is elsewhere is to sign for another issuing CA (PKCS #10, PEM); its key is made here."""
    _needs(layout)
    if not layout.next_issuing_key.exists():
        replace(layout.next_issuing_key, new_issuing_key(), PRIVATE)
    return issuing_request(layout.next_issuing_key.read_bytes(), drafts.current(layout).site)


def take_issuing(layout: Layout, certificate: bytes, now_ms: int) -> tuple[str, ...]:
    """The certificate that came back: it issues from now on. Raises CERTIFICATE-INVALID, NOT-FOUND without a request."""
    if not layout.next_issuing_key.exists():
        raise GuestwireError("NOT-FOUND", "No issuing CA was requested: `guestwire site ca issuing --request FILE`.")
    key = layout.next_issuing_key.read_bytes()
    check_issuing(certificate, key, layout.ca_certificate.read_bytes(), _date(now_ms))
    _put_issuing(layout, Issued(certificate, key))
    layout.next_issuing_key.unlink()
    return reissue(layout, drafts.current(layout), now_ms)


def renew(layout: Layout, now_ms: int, broker_names: Sequence[str] = ()) -> tuple[str, ...]:
    """New certificates by the CA that issues now, before those made by hand end. Raises FILE-MISSING without TLS."""
    _needs(layout)
    return reissue(layout, drafts.current(layout), now_ms, broker_names)


def reissue(layout: Layout, document: TrustDocument, now_ms: int, broker_names: Sequence[str] = ()) -> tuple[str, ...]:
    """New certificates by the issuing CA for everybody whose certificate is in the directory, the broker and the service too.
    Their names. Hosts that enrolled renew by themselves. `broker_names`: what the broker's is for, as before where empty."""
    ca = Issued(layout.issuing_certificate.read_bytes(), layout.issuing_key.read_bytes())
    names = []
    for signer in document.signers:
        name = signer.principal.partition(":")[2]
        if identifier(signer) not in document.revoked and layout.certificate(name).exists():
            write_certificate(layout, ca, signer, now_ms)
            names.append(name)
    if layout.certificate("broker").exists():
        alternatives = broker_names or describe(layout.certificate("broker").read_bytes())[0].names
        chain = renew_server(
            ca, layout.certificate_key("broker").read_bytes(), alternatives, _date(now_ms), BY_HAND_DAYS
        )
        register(layout.issued, chain)
        replace(layout.certificate("broker"), chain, PUBLIC)
        names.append("broker")
    layout.service_certificate.unlink(missing_ok=True)  # the service makes itself another one
    return tuple(dict.fromkeys(names))


def certificates(pem: bytes) -> tuple[str, ...]:
    """Each certificate of a file by itself, PEM. Raises CERTIFICATE-INVALID."""
    return tuple(certificate_pem(one).decode() for one in load_chain(pem))


def _put_issuing(layout: Layout, new: Issued) -> None:
    """The one before stays under the id of its key, unless a run that was interrupted has put it there."""
    certificate, key = layout.issuing_certificate.read_bytes(), layout.issuing_key.read_bytes()
    old = load_chain(certificate)[0]
    if old.public_key() == load_key(key).public_key():
        name = f"before-{old.serial_number:x}"
        folder = layout.issuing_key.parent
        replace(folder / f"{name}.key", key, PRIVATE)
        replace(folder / f"{name}.crt", certificate, PUBLIC)
    replace(layout.issuing_key, new.key, PRIVATE)
    replace(layout.issuing_certificate, new.certificate, PUBLIC)


def _with_authorities(document: TrustDocument, authorities: tuple[str, ...]) -> TrustDocument:
    return document.model_copy(update={"authorities": authorities})


def _signed_by(certificate: bytes, root: bytes) -> bool:
    try:
        load_chain(certificate)[0].verify_directly_issued_by(load_chain(root)[0])
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _needs(layout: Layout) -> None:
    if not layout.issuing_certificate.exists():
        raise GuestwireError("FILE-MISSING", "The site has no CA: it was made without --tls.")


def _date(now_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_ms // 1000, datetime.UTC)
