"""Who a client is, from the files of a context."""

from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk import credentials
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, add, create
from guestwire.site.layout import Layout

NOW = 1_760_000_000_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "plant", SitePlan("plant", hosts=("h1",)), NOW)


def _context(layout: Layout, **changes: object) -> Context:
    values = {
        "site": "plant", "brokers": ("mqtt://b",), "trust": str(layout.trust), "root": str(layout.root_public),
        "key": str(layout.key("operator:admin")),
    } | changes  # fmt: skip
    return Context(**{key: value for key, value in values.items() if value is not None})  # type: ignore[arg-type]


def test_the_principal_is_the_trust_documents(layout: Layout) -> None:
    who = credentials.read(_context(layout), NOW)
    assert (who.issuer, who.client) == ("operator:admin", "admin")
    assert credentials.read(_context(layout, client="desk"), NOW).client == "desk"


def test_without_a_key_and_over_a_socket(layout: Layout) -> None:
    assert credentials.read(_context(layout, key=None), NOW).issuer == "observer:observer"
    who = credentials.read(_context(layout, via="socket", socket="/s", host="h1"), NOW)
    assert who.issuer.startswith("local:")
    assert who.key is None


def test_a_key_that_the_site_does_not_know(layout: Layout) -> None:
    before = layout.trust.read_bytes()
    add(layout.base, ["operator:late"], NOW)
    layout.trust.write_bytes(before)
    with pytest.raises(GuestwireError, match="KEY-UNKNOWN"):
        credentials.read(_context(layout, key=str(layout.key("operator:late"))), NOW)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"site": "other"}, "TRUST-INVALID"),
        ({"key": "/nowhere"}, "KEY-FILE-INVALID"),
        ({"trust": "/nowhere"}, "TRUST-INVALID"),
        ({"root": "/nowhere"}, "KEY-FILE-INVALID"),
        ({"trust": None, "root": None}, "CONFIG-INVALID"),
    ],
)
def test_what_is_refused(layout: Layout, changes: dict[str, str | None], code: str) -> None:
    with pytest.raises(GuestwireError, match=code):
        credentials.read(_context(layout, **changes), NOW)


def test_another_sites_trust_document(layout: Layout, tmp_path: Path) -> None:
    other = create(tmp_path / "other", SitePlan("plant"), NOW)
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        credentials.read(_context(layout, trust=str(other.trust)), NOW)


def test_over_tcp_a_client_is_who_its_certificate_says(tmp_path: Path) -> None:
    site = create(tmp_path / "tls", SitePlan("plant", hosts=("h1",), tls=True), NOW)
    straight = {
        "via": "tcp", "address": "h", "host": "h1", "ca": str(site.ca_certificate),
        "certificate": str(site.certificate("admin")), "certificate_key": str(site.certificate_key("admin")),
    }  # fmt: skip
    who = credentials.read(_context(site, **straight), NOW)
    assert (who.issuer, who.client) == ("operator:admin", "admin")
    assert credentials.read(_context(site, **straight, key=None), NOW).issuer == "observer:admin"
    with pytest.raises(GuestwireError) as refused:
        credentials.read(_context(site, **straight, client="desk"), NOW)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", "client")
    with pytest.raises(GuestwireError) as refused:
        credentials.read(_context(site, **straight | {"certificate": str(site.root_public)}), NOW)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", "certificate")
