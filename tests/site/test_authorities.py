"""One CA after another, as OpenSSL sees it: at each step, whose certificates count for whom."""

import subprocess
import time
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site import authorities, drafts, publishing
from guestwire.site.certificates import Described, describe
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout
from guestwire.site.register import registered


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


NOW = unix_ms()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), NOW)


def openssl(*arguments: object) -> int:
    return subprocess.run(["openssl", *map(str, arguments)], check=False, capture_output=True, timeout=30).returncode


def counts(chain: Path, root: Path) -> bool:
    """Whether who pins `root` lets the leaf in that shows this chain."""
    return openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", chain, chain) == 0


def kept(path: Path, folder: Path) -> Path:
    """A copy, as somebody else has it."""
    copy = folder / f"{path.name}.{len(list(folder.iterdir()))}"
    copy.write_bytes(path.read_bytes())
    return copy


def published(layout: Layout) -> None:
    with publishing.site_open(layout):
        assert publishing.sign(layout, NOW) is not None


def in_document(layout: Layout) -> tuple[str, ...]:
    trust = drafts.in_force(layout)
    assert trust is not None
    return trust.document.authorities


LEAVES = ("h1", "admin", "main", "broker")


def test_another_root_ca_and_nobody_is_refused_in_between(layout: Layout, tmp_path: Path) -> None:
    (folder := tmp_path / "others").mkdir()
    first_root = kept(layout.ca_certificate, folder)
    first = {name: kept(layout.certificate(name), folder) for name in LEAVES}
    with publishing.site_open(layout):
        authorities.begin(layout, NOW)
        with pytest.raises(GuestwireError, match="Publish first"):
            authorities.switch(layout, NOW)
    both = kept(layout.ca_certificate, folder)
    published(layout)
    assert "".join(in_document(layout)) == both.read_text()
    assert len(in_document(layout)) == 2
    assert all(counts(chain, root) for chain in first.values() for root in (first_root, both))

    with publishing.site_open(layout):
        with pytest.raises(GuestwireError, match="ca switch"):
            authorities.drop(layout, NOW)
        assert set(authorities.switch(layout, NOW)) == set(LEAVES)
    second = {name: kept(layout.certificate(name), folder) for name in LEAVES}
    assert all(counts(chain, both) for chain in (*first.values(), *second.values()))
    assert not any(counts(chain, first_root) for chain in second.values())

    with publishing.site_open(layout):
        authorities.drop(layout, NOW)
    published(layout)
    assert "".join(in_document(layout)) == layout.ca_certificate.read_text()
    assert all(counts(chain, layout.ca_certificate) for chain in second.values())
    assert not any(counts(chain, layout.ca_certificate) for chain in first.values())
    assert {path.name for path in (layout.base / "root").iterdir()} == {"root.key", "ca.key"}


def test_certificates_are_renewed_and_the_broker_gets_another_name(layout: Layout) -> None:
    def said() -> dict[str, Described]:
        return {name: describe(layout.certificate(name).read_bytes())[0] for name in LEAVES}

    first, issuing, key = said(), layout.issuing_certificate.read_bytes(), layout.certificate_key("broker").read_bytes()
    with publishing.site_open(layout):
        assert set(authorities.renew(layout, NOW)) == set(LEAVES)
    second = said()
    assert all(second[name].serial != first[name].serial for name in LEAVES)
    assert second["broker"].names == first["broker"].names
    assert all(counts(layout.certificate(name), layout.ca_certificate) for name in LEAVES)
    with publishing.site_open(layout):
        authorities.renew(layout, NOW, ("broker.example",))
    assert said()["broker"].names == ("broker.example",)
    assert (layout.issuing_certificate.read_bytes(), layout.certificate_key("broker").read_bytes()) == (issuing, key)


def test_another_issuing_ca(layout: Layout, tmp_path: Path) -> None:
    (folder := tmp_path / "others").mkdir()
    first = {name: kept(layout.certificate(name), folder) for name in LEAVES}
    issuing = layout.issuing_certificate.read_bytes()
    with publishing.site_open(layout):
        assert set(authorities.rotate_issuing(layout, NOW)) == set(LEAVES)
    assert layout.issuing_certificate.read_bytes() != issuing
    assert all(counts(chain, layout.ca_certificate) for chain in first.values())
    assert all(counts(layout.certificate(name), layout.ca_certificate) for name in LEAVES)
    [before] = layout.issuing_key.parent.glob("before-*.crt")
    assert before.read_bytes() == issuing  # for the revocation list of its certificates
    assert before.with_suffix(".key").stat().st_mode & 0o777 == 0o600
    assert len(registered(layout.issued)) == 2 * len(LEAVES)


def test_an_issuing_ca_by_a_root_ca_that_is_elsewhere(layout: Layout, tmp_path: Path) -> None:
    """OpenSSL signs the request, on the machine that has the root CA's key."""
    there, request, certificate = tmp_path / "ca.key", tmp_path / "csr.pem", tmp_path / "crt.pem"
    layout.ca_key.rename(there)
    with publishing.site_open(layout):
        with pytest.raises(GuestwireError, match="--request"):
            authorities.rotate_issuing(layout, NOW)
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            authorities.take_issuing(layout, b"", NOW)
        request.write_bytes(authorities.request_issuing(layout))
    extensions = tmp_path / "ext"
    extensions.write_text(
        "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    sign = (
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        layout.ca_certificate,
        "-CAkey",
        there,
        "-days",
        "900",
        "-CAcreateserial",
    )
    assert openssl(*sign, "-extfile", extensions, "-out", certificate) == 0
    with publishing.site_open(layout):
        with pytest.raises(GuestwireError, match="CERTIFICATE-INVALID"):
            authorities.take_issuing(layout, layout.ca_certificate.read_bytes(), NOW)
        assert set(authorities.take_issuing(layout, certificate.read_bytes(), unix_ms())) == set(LEAVES)
    assert all(counts(layout.certificate(name), layout.ca_certificate) for name in LEAVES)


def test_a_site_without_tls(tmp_path: Path) -> None:
    layout = create(tmp_path / "bare", SitePlan("plant"), NOW)
    with publishing.site_open(layout), pytest.raises(GuestwireError, match="--tls"):
        authorities.begin(layout, NOW)
