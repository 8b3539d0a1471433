"""What the site's service gives is checked before it counts: a service that lies is not believed."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from guestwire.agent.admission import Applicant, Checked, Known, certificate_request, checked
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import Admission
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import NOTHING, Signer, TrustDocument
from guestwire.protocol.trust_file import seal
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued, load_key
from guestwire.site.leaves import issue_client, issue_from_request, issue_host, issue_server

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ROOT, OTHER_ROOT, KEY, OTHER_KEY = (SigningKey.generate() for _ in range(4))
ROOT_CA, OTHER_CA = make_root_ca("plant", NOW), make_root_ca("plant", NOW)
ISSUING, OTHER_ISSUING = make_issuing_ca(ROOT_CA, "plant", NOW), make_issuing_ca(OTHER_CA, "plant", NOW)
LEAF = issue_host(ISSUING, "h1", NOW)
APPLICANT = Applicant("plant", "h1", KEY, load_key(LEAF.key))
REQUEST = certificate_request(APPLICANT).encode()
CA, FALSE_CA = ROOT_CA.certificate.decode(), OTHER_CA.certificate.decode()


def trust_file(root: SigningKey = ROOT, *, key: SigningKey = KEY, **change: Any) -> str:
    document = TrustDocument(
        site="plant", rev=3, issued_at=1,
        signers=(Signer(principal="host:h1", public_key=key.public.raw.hex(), scope=NOTHING),),
    )  # fmt: skip
    return seal(document.model_copy(update=change), root).decode()


def chain(ca: Issued = ISSUING, host: str = "h1") -> str:
    return issue_from_request(ca, REQUEST, host, NOW).decode()


GOOD = Admission(
    site="plant", host="h1", root=ROOT.public.raw.hex(), trust=trust_file(), certificate=chain(), authorities=CA,
    brokers=("mqtts://b",),
)  # fmt: skip
KNOWN = Known(ROOT.public, (3, 0), CA)


def check(admission: Admission, known: Known | None = None, now: datetime.datetime | None = NOW) -> Checked:
    return checked(admission.model_dump_json().encode(), APPLICANT, known, now)


@pytest.mark.parametrize("known", [None, KNOWN])
def test_what_is_good(known: Known | None) -> None:
    got = check(GOOD, known)
    assert got.trust.rev == 3
    assert got.root.raw == ROOT.public.raw
    assert got.authorities.decode() == CA
    assert got.tls.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert got.tls.count(b"BEGIN CERTIFICATE") == 2


def same_key(issue: Callable[..., Issued], ca: Issued, *more: Any) -> str:
    """A chain that is good but for the key in it."""
    return issue(ca, *more, NOW).certificate.decode()


LIES: list[tuple[str, dict[str, Any], str]] = [
    ("a root that did not sign", {"root": OTHER_ROOT.public.raw.hex()}, "TRUST-INVALID"),
    ("no root", {"root": "zz"}, "ENROLMENT-PEER-FALSE"),
    ("a document of another root", {"trust": trust_file(OTHER_ROOT)}, "TRUST-INVALID"),
    ("an altered document", {"trust": trust_file().replace('"rev": 3', '"rev": 4')}, "TRUST-INVALID"),
    ("no document", {"trust": ""}, "TRUST-INVALID"),
    ("another site's", {"trust": trust_file(site="other")}, "TRUST-INVALID"),
    ("one that knows the host by another key", {"trust": trust_file(key=OTHER_KEY)}, "TRUST-INVALID"),
    ("one that revokes its key", {"trust": trust_file(revoked=(KEY.id.hex(),))}, "TRUST-INVALID"),
    ("a certificate for another key", {"certificate": same_key(issue_host, ISSUING, "h1")}, "CERTIFICATE-INVALID"),
    ("another host's", {"certificate": chain(host="h2")}, "CERTIFICATE-INVALID"),
    ("another CA's", {"certificate": chain(OTHER_ISSUING)}, "CERTIFICATE-INVALID"),
    ("without the CA between", {"certificate": chain().partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"}, "CERTIFICATE-INVALID"),
    ("behind a leaf", {"certificate": chain() + same_key(issue_client, ISSUING, "x")}, "CERTIFICATE-INVALID"),
    ("a broker's", {"certificate": same_key(issue_server, ISSUING, ["h1"])}, "CERTIFICATE-INVALID"),
    ("no certificate", {"certificate": "nothing"}, "CERTIFICATE-INVALID"),
    ("no CA", {"authorities": ""}, "CERTIFICATE-INVALID"),
    ("another CA named", {"authorities": FALSE_CA}, "CERTIFICATE-INVALID"),
    ("a CA that the root does not name", {"trust": trust_file(authorities=(FALSE_CA,))}, "CERTIFICATE-INVALID"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
def test_a_service_that_lies(change: dict[str, Any], code: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        check(GOOD.model_copy(update=change))
    assert refused.value.code == code


def test_the_service_alone_changes_neither_root_nor_ca() -> None:
    """Whoever has its keys: the host's next certificate comes from the CA that the host knows, or that its root names."""
    false = GOOD.model_copy(update={"root": OTHER_ROOT.public.raw.hex(), "trust": trust_file(OTHER_ROOT)})
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        check(false, KNOWN)
    false = GOOD.model_copy(update={"certificate": chain(OTHER_ISSUING), "authorities": FALSE_CA})
    with pytest.raises(GuestwireError, match="CERTIFICATE-INVALID"):
        check(false, KNOWN)
    named = false.model_copy(update={"trust": trust_file(authorities=(CA, FALSE_CA))})
    assert check(named, KNOWN).authorities.decode() == CA + FALSE_CA


def test_an_older_document_is_refused() -> None:
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        check(GOOD, KNOWN._replace(revision=(4, 0)))
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        check(GOOD, KNOWN._replace(revision=(3, 1)))


@pytest.mark.parametrize("days", [-1, 91])
def test_dates_count_where_the_clock_does(days: int) -> None:
    at = NOW + datetime.timedelta(days=days)
    with pytest.raises(GuestwireError, match="CERTIFICATE-INVALID"):
        check(GOOD, KNOWN, at)
    check(GOOD, KNOWN, None)


@pytest.mark.parametrize("answer", [b"", b"{}", b"[1]", b"\xff", b'{"site": "plant"}'])
def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(GuestwireError, match="ENROLMENT-PEER-FALSE"):
        checked(answer, APPLICANT, None, None)
