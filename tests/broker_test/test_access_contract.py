"""Users, access lists and TLS, on both kinds of broker."""

import base64
import datetime
import hashlib
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.link.codec import ConnAckPacket, ConnectPacket, Will

ACL = """
# clients without a name
topic read public/#

user alice
topic readwrite shared/+
topic deny shared/secret
topic write public/alice

pattern write gw/1/%u/out/#
pattern read gw/1/%u/in/#
pattern read by-id/%c
"""


@pytest.fixture
def passwords(tmp_path):
    """As mosquitto_passwd writes it; a mosquitto that accepts it proves the form."""
    path = tmp_path / "passwords"
    lines = []
    for user in ("alice", "bob"):
        salt = user.encode().ljust(12, b"-")
        digest = hashlib.pbkdf2_hmac("sha512", f"{user}-secret".encode(), salt, 101)
        lines.append(f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture
def acl(tmp_path):
    path = tmp_path / "acl"
    path.write_text(ACL)
    return path


@pytest.fixture
async def guarded(broker_factory, acl):
    """An access list, user names taken on trust."""
    return await broker_factory(BrokerOptions(listeners=(Listener(acl=acl),)))


@pytest.mark.parametrize(
    ("user", "topic", "allowed"),
    [
        (None, "public/x", False),
        (None, "gw/1//out/x", False),
        ("alice", "public/alice", True),
        ("alice", "public/bob", False),
        ("alice", "shared/x", True),
        ("alice", "shared/secret", False),
        ("alice", "shared/x/y", False),
        ("alice", "gw/1/alice/out/x", True),
        ("alice", "gw/1/alice/in/x", False),
        ("alice", "gw/1/bob/out/x", False),
        ("bob", "gw/1/bob/out/a/b", True),
        ("bob", "shared/x", False),
        ("+", "gw/1/bob/out/x", False),
        ("a/b", "gw/1/a/b/out/x", True),
    ],
)
async def test_who_may_write_what(guarded, connect, user, topic, allowed):
    client = await connect(guarded.port, "some-id", username=user)
    assert await client.publish(topic) == (0x10 if allowed else 0x87)


@pytest.mark.parametrize(
    ("user", "topic", "allowed"),
    [
        (None, "public/alice", True),
        (None, "shared/x", False),
        ("alice", "shared/x", True),
        ("bob", "shared/x", False),
    ],
)
async def test_who_may_read_what(guarded, connect, user, topic, allowed):
    """A subscription is granted; what may not be read is not delivered."""
    writer = await connect(guarded.port, "writer", username="alice")
    reader = await connect(guarded.port, "by", username=user)
    assert await reader.subscribe("#") == [1]
    await writer.publish(topic, b"tested")
    if allowed:
        assert await reader.payloads(1) == [b"tested"]
    else:
        await reader.ping()


async def test_retained_messages_are_checked_too(guarded, connect):
    writer = await connect(guarded.port, "writer", username="alice")
    await writer.publish("shared/r", b"kept", retain=True)
    bob = await connect(guarded.port, "bob", username="bob")
    await bob.subscribe("shared/#")
    await bob.ping()
    alice = await connect(guarded.port, "alice", username="alice")
    await alice.subscribe("shared/#")
    assert await alice.payloads(1) == [b"kept"]


async def test_a_will_is_checked(guarded, connect, open_client):
    watcher = await connect(guarded.port, "watcher", username="alice")
    await watcher.subscribe("shared/#")
    client = await open_client(guarded.port)
    client.send(ConnectPacket("c", username="bob", will=Will("shared/w", payload=b"no")))
    await client.get(ConnAckPacket)
    client.drop()
    ok = await connect(guarded.port, "d", username="alice", will=Will("shared/w", payload=b"yes"))
    ok.drop()
    assert await watcher.payloads(1) == [b"yes"]


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [("alice", b"alice-secret", 0), ("alice", b"bob-secret", 0x87), ("carol", b"x", 0x87), (None, None, 0x87)],
)
async def test_passwords(broker_factory, open_client, passwords, user, password, reason):
    broker = await broker_factory(BrokerOptions(listeners=(Listener(passwords=passwords),)))
    client = await open_client(broker.port)
    client.send(ConnectPacket("c", username=user, password=password))
    assert (await client.get(ConnAckPacket)).reason_code.value == reason


def _certificate(name, issuer=None, ca=False):
    """A P-256 certificate and its key; `issuer` is such a pair, or None for a self-signed one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer_name, signer_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(signer_key, hashes.SHA256()), key


def _write(folder, name, pair):
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        pair[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


@pytest.fixture
def pki(tmp_path):
    """Files: ca, server, alice (of that CA) and a stranger's certificate named alice."""
    ca = _certificate("ca", ca=True)
    pairs = {"ca": ca, "server": _certificate("localhost", ca), "alice": _certificate("alice", ca)}
    pairs["stranger"] = _certificate("alice", _certificate("other-ca", ca=True))
    return {name: _write(tmp_path, name, pair) for name, pair in pairs.items()}


def _client_context(pki, who=None):
    context = ssl.create_default_context(cafile=pki["ca"][0])
    if who:
        context.load_cert_chain(*pki[who])
    return context


async def test_tls_beside_a_plain_listener(broker_factory, connect, pki):
    tls = Tls(*pki["server"])
    broker = await broker_factory(BrokerOptions(listeners=(Listener(), Listener(tls=tls))))
    assert broker.tls_port not in (None, broker.port)
    assert [x.tls for x in broker.addresses] == [False, True]
    secure, plain = await connect(broker.tls_port, tls=_client_context(pki)), await connect(broker.port)
    await secure.subscribe("t")
    await plain.publish("t", b"over")
    assert await secure.payloads(1) == [b"over"]


async def test_the_certificates_name_is_the_user(broker_factory, connect, pki, acl):
    tls = Tls(*pki["server"], ca=pki["ca"][0], require_client_certificate=True)
    broker = await broker_factory(BrokerOptions(listeners=(Listener(tls=tls, acl=acl),)))
    assert broker.url.startswith("mqtts://")
    client = await connect(broker.tls_port, "c", tls=_client_context(pki, "alice"), username="bob")
    assert await client.publish("gw/1/alice/out/x") == 0x10
    assert await client.publish("gw/1/bob/out/x") == 0x87
    for who in (None, "stranger"):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            await connect(broker.tls_port, "d", tls=_client_context(pki, who))


async def test_listeners_with_rules_of_their_own(broker_factory, connect, pki, acl):
    """Also: an absent client of the guarded listener still gets what it may read."""
    tls = Tls(*pki["server"], ca=pki["ca"][0], require_client_certificate=True)
    broker = await broker_factory(BrokerOptions(listeners=(Listener(), Listener(tls=tls, acl=acl))))
    context = _client_context(pki, "alice")
    reader = await connect(broker.tls_port, "r", tls=context, session_expiry_interval=60)
    await reader.subscribe("gw/1/alice/in/#")
    assert await reader.publish("public/x") == 0x87
    await reader.disconnect()
    free = await connect(broker.port)
    await free.publish("gw/1/alice/in/x", b"for alice")
    again = await connect(broker.tls_port, "r", tls=context, clean_start=False, session_expiry_interval=60)
    assert await again.payloads(1) == [b"for alice"]
