"""What a site decides online about its hosts: who is let in, and who gets his next certificate. The root key is not here.

Files only; every change is made under the site's lock, and is on disk before it is answered. Whatever is issued is
registered first, so that a revocation list can name it.
"""

import datetime
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import (
    Admission,
    EnrolRequest,
    RenewRequest,
    enrol_to_be_signed,
    renew_to_be_signed,
    secret_hash,
)
from guestwire.protocol.signing import Domain, SigningKey, VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.site.certificates import Issued
from guestwire.site.codes import read_codes, used, write_codes
from guestwire.site.drafts import in_force, put_in_force
from guestwire.site.enroller import enroller_key
from guestwire.site.files import read_public_key
from guestwire.site.layout import Layout
from guestwire.site.leaves import ONLINE_DAYS, issue_from_request
from guestwire.site.locking import site_locked
from guestwire.site.members import admitted, check_key, with_members
from guestwire.site.register import register

_REMEMBERED = 4096


class Authority:
    """The deciding part of `site serve`, for one caller at a time. `clock`: Unix ms. `days`: how long certificates of hosts
    last."""

    def __init__(self, layout: Layout, clock: Callable[[], int], days: float = ONLINE_DAYS) -> None:
        self._layout = layout
        self._clock = clock
        self._days = days
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def trust(self) -> Trust:
        """The trust document in force. Raises TRUST-INVALID, KEY-FILE-INVALID."""
        return read_trust(self._layout)

    def check(self) -> None:
        """Whether everything is there that is needed. Raises what is wrong with it."""
        self._enroller(self.trust())
        self._issuing()

    def enrol(self, request: EnrolRequest) -> Admission:
        """Let a host in that has a code. The code is used up by the host's key before the host is a member, so that what is
        interrupted in between is finished by the same key and by no other.

        Raises ENROLMENT-REFUSED, ENROLMENT-CODE-*, HOST-ID-CONFLICT, KEY-UNKNOWN, CERTIFICATE-INVALID; EXISTS when the site is
        worked on; and what is wrong with its files.
        """
        hashed = secret_hash(bytes.fromhex(request.secret))
        signed = enrol_to_be_signed(request.site, request.host, hashed, request.request)
        self._check_proof(request.public_key, signed, request.signature)
        now_ms = self._clock()
        with site_locked(self._layout):
            trust = self._of_site(request.site)
            codes, code = used(
                read_codes(self._layout), bytes.fromhex(request.secret), request.host, request.public_key, now_ms
            )
            members = admitted(trust, request.host, request.public_key, replace=code.replace, now_ms=now_ms)
            write_codes(self._layout, codes)
            if members is not None:
                data = with_members(trust.data, members, self._enroller(trust))
                trust = unseal(data, self._root(), at_least=trust.revision)  # before it is written: it must be good
                put_in_force(self._layout, trust)
        return self._admission(trust, request, code.brokers)

    def renew(self, request: RenewRequest) -> Admission:
        """The next certificate of a host, for the key in its request. Each request counts once.

        Raises ENROLMENT-REFUSED, KEY-UNKNOWN, HOST-ID-CONFLICT, CERTIFICATE-INVALID, and what is wrong with the site's files.
        """
        signed = renew_to_be_signed(request.site, request.host, request.request)
        self._check_proof(request.public_key, signed, request.signature)
        self._not_again(signed)
        trust = self._of_site(request.site)
        check_key(trust, request.host, request.public_key)
        return self._admission(trust, request, ())

    def _check_proof(self, public_key: str, signed: bytes, signature: str) -> None:
        try:
            proves = VerifyingKey(bytes.fromhex(public_key)).verifies(
                Domain.ENROLMENT, signed, bytes.fromhex(signature)
            )
        except ValueError:
            proves = False
        if not proves:
            raise GuestwireError("ENROLMENT-REFUSED", "The request is not signed by the key that it is for.")

    def _not_again(self, signed: bytes) -> None:
        digest = sha256(signed).digest()
        if digest in self._seen:
            raise GuestwireError(
                "ENROLMENT-REFUSED", "This request was answered before: a host makes a new one each time."
            )
        self._seen[digest] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _of_site(self, site: str) -> Trust:
        trust = self.trust()
        if trust.site != site:
            raise GuestwireError("ENROLMENT-REFUSED", f"This is the service of the site {trust.site}, not of {site}.")
        return trust

    def _admission(self, trust: Trust, request: EnrolRequest | RenewRequest, brokers: tuple[str, ...]) -> Admission:
        now = datetime.datetime.fromtimestamp(self._clock() / 1000, datetime.UTC)
        chain = issue_from_request(self._issuing(), request.request.encode(), request.host, now, self._days)
        key = VerifyingKey(bytes.fromhex(request.public_key))
        register(self._layout.issued, chain, key.id.hex())
        named = trust.document.authorities
        authorities = "".join(named) if named else _read(self._layout.ca_certificate).decode()
        return Admission(
            site=trust.site, host=request.host, root=self._root().raw.hex(), trust=trust.data.decode(),
            certificate=chain.decode(), authorities=authorities, brokers=brokers,
        )  # fmt: skip

    def _enroller(self, trust: Trust) -> SigningKey:
        key = enroller_key(self._layout, trust.document)
        if key is None:
            raise GuestwireError(
                "KEY-FILE-INVALID",
                f"The trust document names no enroller whose key is in {self._layout.enroller_key.parent}: nobody can enrol.",
            )
        return key

    def _issuing(self) -> Issued:
        return issuing_ca(self._layout)

    def _root(self) -> VerifyingKey:
        return read_public_key(self._layout.root_public)


def read_trust(layout: Layout) -> Trust:
    """The trust document of a site, members too. Raises TRUST-INVALID, KEY-FILE-INVALID."""
    trust = in_force(layout)
    if trust is None:
        raise GuestwireError("TRUST-INVALID", "The root has signed no trust document of this site yet.")
    return trust


def issuing_ca(layout: Layout) -> Issued:
    """The CA of a site that is online. Raises KEY-FILE-INVALID where it has none."""
    return Issued(_read(layout.issuing_certificate), _read(layout.issuing_key))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise GuestwireError(
            "KEY-FILE-INVALID",
            f"{path}: {err.strerror}. Is this the directory of a site that has TLS (`site init --tls`)?",
        ) from err
