"""Certificates: a TLS handshake with client certificates works, and the names are where brokers look for them."""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

NOW = 1_760_000_000_000


def _handshake(client: ssl.SSLObject, server: ssl.SSLObject, wires: list[ssl.MemoryBIO]) -> None:
    from_client, to_client, from_server, to_server = wires
    done = {"client": False, "server": False}
    for _ in range(20):
        for name, end in (("client", client), ("server", server)):
            try:
                end.do_handshake()
                done[name] = True
            except ssl.SSLWantReadError:
                pass
            to_server.write(from_client.read())
            to_client.write(from_server.read())
        if all(done.values()):
            return
    raise AssertionError(done)


def _contexts(layout: Layout) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client = ssl.create_default_context(cafile=str(layout.ca_certificate))
    client.load_cert_chain(layout.certificate("h1"), layout.certificate_key("h1"))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(layout.ca_certificate))
    server.load_cert_chain(layout.certificate("broker"), layout.certificate_key("broker"))
    server.verify_mode = ssl.CERT_REQUIRED
    return client, server


def test_mutual_tls(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), NOW)
    client_context, server_context = _contexts(layout)
    wires = [ssl.MemoryBIO() for _ in range(4)]
    from_client, to_client, from_server, to_server = wires
    client = client_context.wrap_bio(to_client, from_client, server_hostname="localhost")
    server = server_context.wrap_bio(to_server, from_server, server_side=True)
    _handshake(client, server, wires)
    peer = server.getpeercert()
    assert peer is not None
    assert peer["subject"] == ((("commonName", "h1"),),)


def test_names(tmp_path: Path) -> None:
    plan = SitePlan("plant", hosts=("h1",), tls=True, broker_names=("broker.plant.example", "10.0.0.1"))
    layout = create(tmp_path / "plant", plan, NOW)
    broker = x509.load_pem_x509_certificate(layout.certificate("broker").read_bytes())
    alternatives = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["broker.plant.example"]
    assert [str(ip) for ip in alternatives.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    for name in ("h1", "admin", "main"):
        certificate = x509.load_pem_x509_certificate(layout.certificate(name).read_bytes())
        assert [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [name]


def test_no_tls_no_ca(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    assert not layout.ca_key.exists()
    assert not layout.certificate("admin").exists()
