"""Makes the enrolment code of a host: whom it may become, where it is to ask, and whom it is to believe there."""

from collections.abc import Sequence

from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import EnrolmentCode, parse_address
from guestwire.protocol.ids import is_slug
from guestwire.protocol.trust import Trust
from guestwire.site.authority import read_trust
from guestwire.site.codes import new_code, read_codes, with_code, write_codes
from guestwire.site.layout import Layout
from guestwire.site.locking import site_locked
from guestwire.site.members import check_name, key_of, named_by_root
from guestwire.site.service_place import ServicePlace, read_place, service_fingerprint


def invite(
    layout: Layout, host: str, *, address: str | None, brokers: Sequence[str], valid_ms: int, replace: bool, now_ms: int
) -> EnrolmentCode:  # fmt: skip
    """The code, once it is on record. `address`: HOST:PORT; None: where the service was last. `brokers`: what the host is
    told of brokers. `replace`: it may come with another key than it is known by.

    Raises CONFIG-INVALID, EXISTS when the name is somebody else's, HOST-ID-CONFLICT when only the root can replace the host's
    key, and what is wrong with the site's files.
    """
    if not is_slug(host):
        raise GuestwireError("CONFIG-INVALID", f"{host!r} is not 1 to 36 of a-z 0-9 and hyphen.", field="host")
    with site_locked(layout):
        trust = read_trust(layout)
        check_name(trust, host)
        _check_replace(trust, host, replace=replace)
        code, kept = new_code(
            trust.site, host, _reached(address, read_place(layout)), service_fingerprint(layout), now_ms=now_ms,
            valid_ms=valid_ms, brokers=brokers, replace=replace,
        )  # fmt: skip
        write_codes(layout, with_code(read_codes(layout), kept, now_ms))
    return code


def _check_replace(trust: Trust, host: str, *, replace: bool) -> None:
    if replace and named_by_root(trust, host):
        raise GuestwireError(
            "HOST-ID-CONFLICT",
            f"The root itself has signed the key of {host}: only the root can replace it (`guestwire site`).",
        )
    if replace and key_of(trust, host) is None:
        raise GuestwireError(
            "NOT-FOUND", f"The site knows no host {host}: without --replace it is let in as a new one."
        )


def _reached(address: str | None, place: ServicePlace | None) -> str:
    if address is None:
        if place is None:
            raise GuestwireError(
                "CONFIG-INVALID", "Where does `guestwire site serve` listen? It did not run here yet: name it by --address.",
                field="address",
            )  # fmt: skip
        return place.address
    name, _ = parse_address(address)
    if place is not None and name not in place.names:
        raise GuestwireError(
            "CONFIG-INVALID",
            f"The service's certificate is for {', '.join(place.names)}, not for {name}: a host could enrol there and not renew."
            f" Run `guestwire site serve` with --name {name} as well.",
            field="address",
        )
    return address
