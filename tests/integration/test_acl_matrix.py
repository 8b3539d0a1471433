"""A real mosquitto with mutual TLS, run as `site broker-config` configures it: who may do what, tried out to the last pair.

Expected is what `access_lists.rules` says; observed is what a witness really receives and what a client is really sent.
"""

import asyncio
import getpass
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from broker_site import SITE, BrokerSite, broker_site
from tls_peer import NOT_AUTHORISED, Peer, Refused, peer, tls_context

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, free_port, mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.link.topic_filters import matches
from guestwire.protocol.access_lists import USER, Access, Grant, rules
from guestwire.protocol.topics import TOPICS, make
from guestwire.site.broker_config import Written, write_broker_config
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued
from guestwire.site.leaves import issue_client, issue_host, issue_server
from guestwire.site.mosquitto_files import MosquittoOptions

WITNESS = "witness"
USERS: dict[str, Grant | None] = {
    "h1": Grant("host"),
    "m1": Grant("host"),
    "anna": Grant("operator"),
    "bert": Grant("operator", ("h1",)),
    "ctrl": Grant("controller"),
    "eve": Grant("observer"),
    "obi": Grant("observer"),
    "rex": None,  # an operator who is revoked while he is connected
    "h9": None,  # a host that is
    "nemo": None,  # has a certificate, and is in no trust document
}


@dataclass
class Plant:
    """The site and its broker. The witness may read and write everything: the only one who is not of the generated list."""

    site: BrokerSite
    broker: Mosquitto
    out: Path
    options: MosquittoOptions

    def write(self) -> Written:
        written = write_broker_config(self.site.layout, self.site.trust(), self.out, self.options, self.site.now_ms)
        with (self.out / "access.acl").open("a") as file:
            file.write(f"\nuser {WITNESS}\ntopic readwrite #\n")
        return written

    def tls(self, name: str | None) -> ssl.SSLContext:
        layout = self.site.layout
        if name is None:
            return tls_context(layout.ca_certificate)
        return tls_context(layout.ca_certificate, layout.certificate(name), layout.certificate_key(name))

    @asynccontextmanager
    async def client(self, name: str) -> AsyncIterator[Peer]:
        async with peer(self.broker.port, self.tls(name)) as it:
            assert await it.connect(f"{name}-1") == 0
            yield it

    async def refusal(self, name: str | None) -> str:
        """Why the broker, or we, end the handshake; no byte of MQTT is sent."""
        try:
            async with peer(self.broker.port, self.tls(name)) as it:
                return await it.closed()
        except Refused as err:
            return str(err)


@asynccontextmanager
async def running(site: BrokerSite, out: Path) -> AsyncIterator[Plant]:
    require_mosquitto()
    layout = site.layout
    site.put(WITNESS, issue_client(site.issuing, WITNESS, site.now))
    port = free_port()
    data = out.with_name("data")
    data.mkdir()
    options = MosquittoOptions(address="127.0.0.1", port=port, user=getpass.getuser(), data=data)
    listener = Listener(port=port, tls=Tls(layout.certificate("broker"), layout.certificate_key("broker")))
    async with mosquitto_of(
        out, listener, lambda: write_broker_config(layout, site.trust(), out, options, site.now_ms)
    ) as it:
        plant = Plant(site, it, out, options)
        plant.write()
        await it.reloaded()
        yield plant


@asynccontextmanager
async def mosquitto_of(out: Path, listener: Listener, write: Callable[[], Written]) -> AsyncIterator[Mosquitto]:
    assert write().action == "restart"
    async with mosquitto(BrokerOptions(listeners=(listener,), config=out / "mosquitto.conf")) as broker:
        yield broker


def topics_about(user: str) -> tuple[str, ...]:
    """A topic of every kind, with the user's own name and with others' in each level that is a name."""
    values = {
        "site": (SITE, "other"), "host": (user, "h1", "h2"), "client": (user, "carl"), "controller": (user, "other"),
        "way": ("up", "down"),
    }  # fmt: skip

    def of_all_kinds() -> Iterator[str]:
        for kind in TOPICS:
            for chosen in itertools.product(*(values.get(field, ("x1",)) for field in kind.fields)):
                yield make(kind.name, *chosen)

    return tuple(dict.fromkeys(of_all_kinds()))


def allowed(user: str, access: Access, topic: str) -> bool:
    grant = USERS[user]
    return grant is not None and any(
        kind == access and matches(pattern.replace(USER, user), topic)
        for kind, pattern in rules(grant.role, site=SITE, hosts=grant.hosts)
    )


def make_site(base: Path) -> BrokerSite:
    site = broker_site(base)
    for principal in ("host:h1", "host:h2", "host:h9", "member:m1", "controller:ctrl", "observer:eve"):
        site.add(principal)
    site.add("operator:anna", "admin")
    site.add("operator:bert", "engineer", hosts=("h1",))
    site.add("operator:obi", "observer")
    site.add("operator:rex", "operator")
    site.put("nemo", issue_client(site.issuing, "nemo", site.now))
    return site


async def published(users: dict[str, Peer], witness: Peer) -> set[tuple[str, str]]:
    """Who got which topic through to the witness; whoever did not was told."""
    assert set(await witness.subscribe(["gw/#"])) == {1}
    seen: set[tuple[str, str]] = set()
    for user, client in users.items():
        answers = {topic: await client.publish(topic, user.encode()) for topic in topics_about(user)}
        through = {topic for topic, payload in await witness.settled() if payload == user.encode()}
        assert through == {topic for topic, answer in answers.items() if answer == 0}, user
        assert {answers[topic] for topic in answers.keys() - through} <= {NOT_AUTHORISED}, user
        seen |= {(user, topic) for topic in through}
        witness.received.clear()
    return seen


async def received(
    users: dict[str, Peer], witness: Peer, filters: Callable[[str], tuple[str, ...]]
) -> set[tuple[str, str]]:
    """Who is sent which topic of all that the witness publishes, with these subscriptions."""
    for user, client in users.items():
        await client.subscribe(filters(user))
        client.received.clear()
    for topic in dict.fromkeys(itertools.chain.from_iterable(topics_about(user) for user in users)):
        await witness.publish(topic, b"read me")
    seen: set[tuple[str, str]] = set()
    for user, client in users.items():
        count = -1
        while len(client.received) > count:  # what the window of QoS 1 held back comes after our acknowledgements
            count = len(client.received)
            await client.settled()
        seen |= {(user, topic) for topic, payload in client.received if payload == b"read me"}
    return seen


async def test_everybody_may_do_exactly_what_his_role_may(tmp_path: Path) -> None:
    """And who is revoked can do nothing from that moment, on a connection that is open since before as well."""
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(running(make_site(tmp_path / "site"), tmp_path / "broker"))
        users = {user: await stack.enter_async_context(plant.client(user)) for user in USERS}
        witness = await stack.enter_async_context(plant.client(WITNESS))
        assert await users["rex"].publish(make("request", SITE, "h1", "rex", "guest-list"), b"") != NOT_AUTHORISED
        assert await users["h9"].publish(make("presence", SITE, "h9"), b"") != NOT_AUTHORISED

        plant.site.revoke("rex")
        plant.site.revoke("h9")
        written = plant.write()
        assert (written.changed, written.action) == (("revoked.crl", "access.acl"), "reload")
        await plant.broker.reloaded()

        everything = {(user, topic) for user in USERS for topic in topics_about(user)}
        writable = {pair for pair in everything if allowed(pair[0], "write", pair[1])}
        assert await published(users, witness) == writable
        retained = make("presence", SITE, "h1")
        await witness.publish(retained, b"kept", retain=True)
        assert await received(users, witness, topics_about) == {
            pair for pair in everything if allowed(pair[0], "read", pair[1])
        }
        kept = {user for user, client in users.items() if (retained, b"kept") in client.received}
        assert kept == {user for user in USERS if allowed(user, "read", retained)}
        all_topics = {topic for _, topic in everything}
        assert await received(users, witness, lambda _: ("#", "$SYS/#")) == {
            (user, topic) for user in USERS for topic in all_topics if allowed(user, "read", topic)
        }
        for name in ("rex", "h9"):
            assert "REVOKED" in await plant.refusal(name)
            assert not users[name].received


async def test_what_was_queued_before_a_revocation_goes_out_and_nothing_after(tmp_path: Path) -> None:
    """The truth about mosquitto: broker.md says so."""
    presence = make("presence", SITE, "h1")
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(running(make_site(tmp_path / "site"), tmp_path / "broker"))
        host = await stack.enter_async_context(plant.client("h1"))
        slow = await stack.enter_async_context(peer(plant.broker.port, plant.tls("rex")))
        await slow.connect("rex-slow", window=1)
        await slow.subscribe([presence])
        slow.acknowledges = False
        for payload in (b"sent", b"queued"):
            await host.publish(presence, payload)
        assert [payload for _, payload in await slow.settled()] == [b"sent"]
        plant.site.revoke("rex")
        plant.write()
        await plant.broker.reloaded()
        await host.publish(presence, b"after")
        slow.acknowledges = True
        slow.acknowledge(1)
        await slow.settled()
        assert [payload for _, payload in await slow.settled()] == [b"sent", b"queued"]


async def test_a_name_that_goes_on_with_another_key_takes_a_new_start(tmp_path: Path) -> None:
    """An access list knows names only: what is open with the old certificate must be closed."""
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(running(make_site(tmp_path / "site"), tmp_path / "broker"))
        thief = await stack.enter_async_context(plant.client("h1"))
        stolen = plant.site.layout.certificate("h1").read_bytes(), plant.site.layout.certificate_key("h1").read_bytes()
        plant.site.revoke("h1")
        plant.site.add("host:h1")
        assert plant.write().action == "restart"
        await plant.broker.restart()
        assert await thief.closed()
        async with plant.client("h1"):
            pass
        plant.site.layout.certificate("h1").write_bytes(stolen[0])
        plant.site.layout.certificate_key("h1").write_bytes(stolen[1])
        assert "REVOKED" in await plant.refusal("h1")


async def test_who_takes_the_session_of_another_gets_no_more_than_his_own_role(tmp_path: Path) -> None:
    """mosquitto binds no client id to a user: the other is cut off, and nothing of his is read or written."""
    request, response = make("request", SITE, "h1", "anna", "guest-list"), make("response", SITE, "anna", "h1")
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(running(make_site(tmp_path / "site"), tmp_path / "broker"))
        anna = await stack.enter_async_context(plant.client("anna"))
        async with peer(plant.broker.port, plant.tls("h1")) as host:
            await host.connect("h1", session_s=600)
            await host.subscribe([request])
        thief = await stack.enter_async_context(peer(plant.broker.port, plant.tls("bert")))
        await anna.publish(request, b"queued for h1")
        assert await thief.connect("h1", session_s=600) == 0
        await anna.publish(request, b"while he has it")
        assert await thief.publish(response, b"as h1") == NOT_AUTHORISED
        assert not await thief.settled()


async def test_a_session_over_tls_is_not_taken_up_again_after_a_revocation(tmp_path: Path) -> None:
    """TLS 1.2 and 1.3 resume a session without the certificate: mosquitto must forget what it issued."""
    async with running(make_site(tmp_path / "site"), tmp_path / "broker") as plant:
        contexts = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = plant.tls("rex")
            context.maximum_version = version
            session, resumed = await resume(plant, context, None)
            assert not resumed
            assert (await resume(plant, context, session))[1], "it can be resumed before"
            contexts.append((context, session))
        plant.site.revoke("rex")
        plant.write()
        await plant.broker.reloaded()
        for context, session in contexts:
            with pytest.raises(OSError):
                await resume(plant, context, session)


CONNECT = bytes.fromhex("100e 0004 4d515454 05 02 003c 00 0001 78")
"""MQTT 5, clean start, keep alive 60 s, no properties, the client id x."""


async def resume(plant: Plant, tls: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[ssl.SSLSession, bool]:
    """Connect with blocking sockets, which alone know sessions: that of the connection, and whether it was resumed."""

    def connect() -> tuple[ssl.SSLSession, bool]:
        raw = socket.create_connection(("127.0.0.1", plant.broker.port), timeout=10)
        with tls.wrap_socket(raw, server_hostname="localhost", session=session) as wrapped:
            wrapped.sendall(CONNECT)
            if not wrapped.recv(16):
                raise ConnectionResetError
            found = wrapped.session
            assert found is not None
            return found, bool(wrapped.session_reused)

    return await asyncio.to_thread(connect)


DAY = timedelta(days=1)
Make = Callable[[BrokerSite], Issued]


def _stranger(site: BrokerSite) -> Issued:
    return make_issuing_ca(make_root_ca(SITE, site.now), SITE, site.now)


def _by_a_leaf(site: BrokerSite) -> Issued:
    """As a host that was broken into would issue for somebody else, with the whole chain."""
    made = issue_client(issue_host(site.issuing, "h1", site.now), "anna", site.now)
    return Issued(made.certificate + site.issuing.certificate, made.key)


CLIENTS: dict[str, tuple[Make | None, str]] = {
    "none": (None, "CERTIFICATE_REQUIRED"),
    "expired": (lambda s: issue_host(s.issuing, "h1", s.now - 3 * DAY, 1), "CERTIFICATE_EXPIRED"),
    "not yet valid": (lambda s: issue_host(s.issuing, "h1", s.now + 3 * DAY), "BAD_CERTIFICATE"),
    "a server's": (lambda s: issue_server(s.issuing, ["h1"], s.now), "UNSUPPORTED_CERTIFICATE"),
    "of another CA": (lambda s: issue_host(_stranger(s), "h1", s.now), "UNKNOWN_CA"),
    "of a CA of its own": (lambda s: issue_host(make_root_ca(SITE, s.now), "h1", s.now), "UNKNOWN_CA"),
    "of a leaf": (_by_a_leaf, "UNKNOWN_CA"),
}


@pytest.mark.parametrize("which", CLIENTS)
async def test_a_client_is_refused_and_told_why(tmp_path: Path, which: str) -> None:
    make_certificate, alert = CLIENTS[which]
    async with running(make_site(tmp_path / "site"), tmp_path / "broker") as plant:
        if make_certificate is not None:
            plant.site.put("bad", make_certificate(plant.site))
        assert alert in await plant.refusal(None if make_certificate is None else "bad")
        async with plant.client("h1"):
            pass


BROKERS: dict[str, tuple[Make, str]] = {
    "expired": (lambda s: issue_server(s.issuing, ["localhost"], s.now - 3 * DAY, 1), "expired"),
    "not yet valid": (lambda s: issue_server(s.issuing, ["localhost"], s.now + 3 * DAY), "not yet valid"),
    "a client's": (lambda s: issue_client(s.issuing, "localhost", s.now), "purpose"),
    "of another CA": (lambda s: issue_server(_stranger(s), ["localhost"], s.now), "issuer certificate"),
    "of another name": (lambda s: issue_server(s.issuing, ["other.example"], s.now), "localhost"),
}


@pytest.mark.parametrize("which", BROKERS)
async def test_a_client_refuses_a_broker_and_says_why(tmp_path: Path, which: str) -> None:
    make_certificate, why = BROKERS[which]
    async with running(make_site(tmp_path / "site"), tmp_path / "broker") as plant:
        plant.site.put("broker", make_certificate(plant.site))
        assert plant.write().action == "reload"
        await plant.broker.reloaded()
        assert why in await plant.refusal("h1")
