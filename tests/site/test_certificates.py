"""Certificates of a site that was made: TLS both ways, as strict as Python is from 3.13 on, and what one says."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Described, describe
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout
from guestwire.site.leaves import issue_client, issue_host, issue_server
from guestwire.site.register import registered

NOW = 1_760_000_000_000
DATE = datetime.fromtimestamp(NOW / 1000, UTC)


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


def _contexts(layout: Layout, client_name: str, server_name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client = ssl.create_default_context(cafile=str(layout.ca_certificate))
    client.load_cert_chain(layout.certificate(client_name), layout.certificate_key(client_name))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(layout.ca_certificate))
    server.load_cert_chain(layout.certificate(server_name), layout.certificate_key(server_name))
    server.verify_mode = ssl.CERT_REQUIRED
    for context in (client, server):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return client, server


@pytest.mark.parametrize(
    ("client_name", "server_name", "asked_for"), [("h1", "broker", "localhost"), ("admin", "h1", "h1")]
)
def test_mutual_tls(tmp_path: Path, client_name: str, server_name: str, asked_for: str) -> None:
    """A host at the broker; an operator at a host's own listener."""
    layout = create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), _now_ms())
    client_context, server_context = _contexts(layout, client_name, server_name)
    wires = [ssl.MemoryBIO() for _ in range(4)]
    from_client, to_client, from_server, to_server = wires
    client = client_context.wrap_bio(to_client, from_client, server_hostname=asked_for)
    server = server_context.wrap_bio(to_server, from_server, server_side=True)
    _handshake(client, server, wires)
    peer = server.getpeercert()
    assert peer is not None
    assert peer["subject"] == ((("commonName", client_name),),)


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def test_a_site_with_tls(tmp_path: Path) -> None:
    plan = SitePlan("plant", hosts=("h1",), tls=True, broker_names=("broker.plant.example", "10.0.0.1"))
    layout = create(tmp_path / "plant", plan, NOW)
    of = {name: describe(layout.certificate(name).read_bytes())[0] for name in ("broker", "h1", "admin", "main")}
    assert {name: (it.cn, it.purposes, it.names) for name, it in of.items()} == {
        "broker": ("broker.plant.example", ("server",), ("broker.plant.example", "10.0.0.1")),
        "h1": ("h1", ("client", "server"), ("h1",)),
        "admin": ("admin", ("client",), ()),
        "main": ("main", ("client",), ()),
    }
    assert {row.name for row in registered(layout.issued)} == {"broker.plant.example", "h1", "admin", "main"}
    assert {row.key == "-" for row in registered(layout.issued) if row.name in ("h1", "admin", "main")} == {False}


def test_no_tls_no_ca(tmp_path: Path) -> None:
    layout = create(tmp_path / "plant", SitePlan("plant"), NOW)
    assert not layout.ca_key.exists()
    assert not layout.issuing_key.exists()
    assert not layout.certificate("admin").exists()


ROOT = make_root_ca("plant", DATE)
CA = make_issuing_ca(ROOT, "plant", DATE)


@pytest.mark.parametrize(
    ("make", "purposes", "names"),
    [
        (lambda: issue_server(CA, ["b", "::1"], DATE, 1), ("server",), ("b", "::1")),
        (lambda: issue_client(CA, "b", DATE, 1), ("client",), ()),
        (lambda: issue_host(CA, "b", DATE, 1), ("client", "server"), ("b",)),
    ],
)
def test_what_a_leaf_says(make: Callable[[], object], purposes: tuple[str, ...], names: tuple[str, ...]) -> None:
    leaf, ca = describe(make().certificate)  # type: ignore[attr-defined]
    issuer = describe(CA.certificate)[0].cn
    hour, day = 3_600_000, 86_400_000
    assert leaf == Described("b", issuer, leaf.serial, NOW - hour, NOW + day, purposes, names)  # type: ignore[arg-type]
    assert (ca.cn, ca.purposes, ca.issuer) == (issuer, ("ca",), describe(ROOT.certificate)[0].cn)


@pytest.mark.parametrize("data", [b"", b"x", CA.key, CA.certificate[:200], b"\n" * 70_000])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(GuestwireError) as refused:
        describe(data)
    assert refused.value.code == "CERTIFICATE-INVALID"


def test_a_key_is_not_shown() -> None:
    assert CA.key.decode().splitlines()[1] not in repr(CA)
