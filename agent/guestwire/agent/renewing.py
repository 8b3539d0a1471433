"""`guestwire-agent renew`: gets the host's next certificate from the site's service. A process of its own: what it needs of
memory is given back when it ends.

The request is signed by the host's own key, and the key for TLS is a new one each time. What comes is checked as at enrolment,
against the pinned root; only then it is put into the identity folder, each file in one step.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from guestwire.agent import identity
from guestwire.agent.admission import Applicant, Checked, Known, certificate_request, checked
from guestwire.agent.certificate_dates import certificates, dates
from guestwire.agent.config import Settings
from guestwire.agent.services.generated_file import write_file
from guestwire.agent.site_service import ask, of_site
from guestwire.agent.time_floor import TimeFloor
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.authority_url import authority_address
from guestwire.protocol.enrolment import RenewRequest, renew_to_be_signed
from guestwire.protocol.signing import Domain, VerifyingKey
from guestwire.protocol.trust import Trust

_MODE = 0o600


def renew(settings: Settings, judge: Callable[[TimeFloor], ClockQuality]) -> None:
    """Renew the certificate that the settings name. `judge`: how good the clock is, given what it cannot be before.

    Raises CONFIG-INVALID when the settings are not those of a host that enrolled, what the service refuses it with,
    ENROLMENT-UNREACHABLE, ENROLMENT-PEER-FALSE, TRUST-INVALID, CERTIFICATE-INVALID, KEY-FILE-INVALID, SYSTEM-REFUSED.
    """
    cert, ca = _files(settings)
    trust = identity.trust(settings.trust)
    site, host = settings.host.site, settings.host.id
    applicant = Applicant(
        site, host, identity.host_key(settings.trust.host_key), ec.generate_private_key(ec.SECP256R1())
    )
    floor = TimeFloor(trust.document.issued_at, _not_before_ms(cert))
    trusted = judge(floor) != "unsynchronised"
    known = Known(VerifyingKey(trust.roots[0]), trust.revision, _text(ca))
    context, check = of_site(known.authorities, dates=trusted)
    request = certificate_request(applicant)
    body = RenewRequest(
        site=site, host=host, public_key=applicant.key.public.raw.hex(), request=request,
        signature=applicant.key.sign(Domain.ENROLMENT, renew_to_be_signed(site, host, request)).hex(),
    )  # fmt: skip
    address = authority_address(settings.trust.authority)
    answer = ask(address, "/renew", body.model_dump_json().encode(), context, check)
    at = datetime.fromtimestamp(now().wall_ms / 1000, UTC) if trusted else None
    got = checked(answer, applicant, known, at)
    try:
        _put(settings, cert, ca, trust, got)
    except OSError as err:
        raise GuestwireError("SYSTEM-REFUSED", f"{err.filename or cert}: {err.strerror or err}") from err


def _files(settings: Settings) -> tuple[Path, Path]:
    """The file with certificate and key, and that of the CA. Raises CONFIG-INVALID."""
    broker = settings.broker
    if not settings.trust.authority:
        raise GuestwireError("CONFIG-INVALID", "There is no service to ask.", field="trust.authority")
    if broker.cert is None or broker.cert != broker.key or broker.ca is None:
        raise GuestwireError(
            "CONFIG-INVALID",
            "Only a certificate that is in one file with its key is renewed, so that both change in one step:"
            " `guestwire-agent enrol` makes it so. Or leave trust.authority empty and renew it yourself.",
            field="broker.cert",
        )
    return broker.cert, broker.ca


def _put(settings: Settings, cert: Path, ca: Path, before: Trust, got: Checked) -> None:
    """What is new, those whom the host believes first: after a crash in between it still reaches its broker."""
    if settings.trust.document.parent == cert.parent and got.trust.revision > before.revision:
        write_file(settings.trust.document, got.trust.data, _MODE)
    if ca.parent == cert.parent and ca.read_bytes() != got.authorities:
        write_file(ca, got.authorities, _MODE)
    write_file(cert, got.tls, _MODE)


def _not_before_ms(cert: Path) -> int:
    try:
        return dates(certificates(cert)[0]).not_before_ms
    except GuestwireError:
        return 0  # a certificate that is lost can be had again


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {err.strerror}") from err
