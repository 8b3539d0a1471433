"""Links to a site over a real mosquitto: hosts that come and are asked, a controller that goes and comes, brokers that are lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_host import FakeHost
from fleet_controller import ADMIN, PATIENCE_S, AheadClock, Controller, StartHost, by_mqtt, controller
from fleet_words import SITE

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.keys_in_trust import KeysInTrust
from guestwire.controller.store.database import Database
from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options, Subscription, Transport
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol import statements, topics
from guestwire.protocol.key_files import parse_public
from guestwire.protocol.notices import CommNotice
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.signing import key_id
from guestwire.protocol.statements import state
from guestwire.protocol.trust_file import unseal
from guestwire.sdk.hosts import listed_hosts
from guestwire.sdk.trust_looking import EVERY_S
from guestwire.site import drafts, enrolment, publishing
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory, ProxyFactory

H1, H2, H3 = HostRef(SITE, "h1"), HostRef(SITE, "h2"), HostRef(SITE, "h3")


@asynccontextmanager
async def listener(
    port: int, *filters: str, take: Callable[[Incoming], None] = lambda message: message.ack()
) -> AsyncIterator[Transport]:
    """Somebody else at the broker."""
    transport = await mqtt5.connect(Options("127.0.0.1", port, "listener", clean_start=True, session_expiry_s=0), take)
    try:
        if filters:
            await transport.subscribe([Subscription(one, 1, retained=True) for one in filters])
        yield transport
    finally:
        await transport.close()


async def refused(code: str, made: Controller, ref: HostRef, operation: str = "host-show") -> None:
    with pytest.raises(GuestwireError) as raised:
        await made.call(ref, operation, m.Empty())
    assert raised.value.code == code


async def test_a_host_comes_is_let_in_and_does_what_it_is_asked(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    host = await start_host("h1", mosquitto_broker.port)
    host.add("rt1")
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
        await made.state(H1, "online")
        await made.until(lambda: made.core.registry.get(H2) is not None)
        assert made.core.registry.state(H2) == "offline", "it is listed, and was never heard"
        await made.quiet()
        assert host.calls == ["host-show"]
        await refused("HOST-NOT-APPROVED", made, H1, "guest-list")
        await refused("HOST-UNREACHABLE", made, HostRef("east", "h1"))
        assert (await made.call(H1, "host-ping", m.Ping(payload=b"x"))).reply.payload == b"x"
        await made.approve(H1)
        shown = await made.hosts.show(ADMIN, H1)
        assert [guest.name for guest in shown.guest_list] == ["rt1"]
        done = await made.call(H1, "guest-start", m.GuestStart(guest="rt1"))
        assert (done.verified, done.reply.status.state) == (True, "running")
        assert made.links.reachable(H1)
        assert made.links.issuer(H1) == "controller:main"
        assert not made.links.reachable(HostRef("east", "h1"))
        await made.until(lambda: any(said.statement.kind == "notice" for said in made.ears.heard))
        assert made.tallies.refused == {}


async def test_the_controller_says_that_it_is_there(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, fault_proxy: "ProxyFactory"
) -> None:
    """By an epoch that goes up with every connection; with a farewell, or with the broker's word of its will."""
    trust = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
    topic = topics.make("controller-presence", SITE, "main")
    said: list[tuple[int, bool, str]] = []

    def take(message: Incoming) -> None:
        message.ack()
        statement = statements.read(message.payload, trust, SITE, "controller:main", "presence", None)
        assert statement.verified
        body = statement.read(PresenceBody)
        if (body.epoch, body.online, body.why) not in said[-1:]:  # it corrects the old words that the broker kept
            said.append((body.epoch, body.online, body.why))

    proxy = await fault_proxy(mosquitto_broker.port)
    connection = by_mqtt(layout, proxy.port)
    async with listener(mosquitto_broker.port, topic, take=take):
        async with controller(one_database, [connection]) as made:
            await made.until(lambda: (1, True, "heartbeat") in said)
            proxy.cut()
            await made.until(lambda: (2, True, "heartbeat") in said and made.connection().up)
        async with controller(one_database, [connection]) as made:
            await made.until(lambda: (3, True, "heartbeat") in said)
    assert said[:5] == [
        (1, True, "heartbeat"),
        (1, False, "will"),
        (2, True, "heartbeat"),
        (2, False, "stopped"),
        (3, True, "heartbeat"),
    ]


async def test_a_controller_whose_database_was_lost_counts_on_above_what_the_broker_remembers(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout
) -> None:
    key = read_signing_key(layout.key("controller:main"))
    body = PresenceBody(epoch=40, n=3, boot_id="old", online=True, why="heartbeat", since=1, agent_version="0.1")
    frame = state("presence", SITE, "controller:main", body, key, 1, n=3)
    forged = state(
        "presence",
        SITE,
        "controller:main",
        body.model_copy(update={"epoch": 90}),
        read_signing_key(layout.key("host:h1")),
        1,
        n=3,
    )
    async with listener(mosquitto_broker.port) as transport:
        await transport.publish(topics.make("controller-presence", SITE, "main"), frame, retain=True)
        async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
            await made.until(lambda: made.connection().up and getattr(made.connection().link, "epoch", 0) == 41)
            await transport.publish(topics.make("controller-presence", SITE, "main"), forged, retain=True)
            assert getattr(made.connection().link, "epoch", 0) == 41


async def test_nothing_is_lost_while_the_controller_is_away(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    """The broker keeps what is said meanwhile, and what is retained anyway; heartbeats do not push it out."""
    host = await start_host("h1", mosquitto_broker.port)
    connection = by_mqtt(layout, mosquitto_broker.port)
    async with controller(one_database, [connection]) as made:
        await made.state(H1, "online")
        await made.approve(H1)
    for seq in range(1, 41):
        body = CommNotice(log=host.log, seq=seq, at=seq, event="log", text=f"line {seq}")
        host.announce("comm", body)
    reported = ReportedBody(epoch=host.epoch, n=1, hypervisor_connected=True, guests=4, guests_running=2)
    await publish(host, "reported", reported, 1)
    async with controller(one_database, [connection]) as made:
        await made.until(lambda: len(made.ears.heard) >= 40, "notices")
        assert [said.statement.n for said in made.ears.heard] == list(range(1, 41))
        await made.until(lambda: made.tallies.heard["reported"] > 0)
        await made.core.keeping.flush()
        assert (await made.hosts.show(ADMIN, H1)).guests == 4


async def publish(host: FakeHost, kind: str, body: ReportedBody, n: int) -> None:
    frame = state(kind, SITE, f"host:{host.host}", body, host.key, body.n, n=n)
    assert host.session is not None
    await host.session.publish(topics.make(kind, SITE, host.host), frame, retain=True)


async def test_a_broker_that_is_lost_and_comes_back(
    mosquitto_factory: "MosquittoFactory", one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    broker = await mosquitto_factory(BrokerOptions())
    await start_host("h1", broker.port)
    clock = AheadClock()
    async with controller(one_database, [by_mqtt(layout, broker.port)], clock) as made:
        await made.state(H1, "online")
        with made.feed.subscribe() as subscriber:
            await broker.kill()
            await made.until(lambda: not made.connection().up)
            await made.until(lambda: made.connection().error is not None)
            async with asyncio.timeout(PATIENCE_S):
                changes = await subscriber.take()
        assert any(
            change.kind == "connection" and change.document["state"] != "up" for change in changes if change.document
        )
        assert made.core.registry.state(H1) == "online", "for a moment"
        clock.ahead_s += 30
        made.core.registry.look(clock())
        assert made.core.registry.state(H1) == "unknown"
        await refused("HOST-UNREACHABLE", made, H1)
        await broker.restart()
        made.connection().link.session.reconnect()  # type: ignore[union-attr]  # not to wait for its turn
        await made.state(H1, "online")
        assert made.connection().error is None


async def test_a_wrong_connection_says_what_is_wrong_and_is_mended(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout
) -> None:
    port = mosquitto_broker.port
    operator = str(layout.key("operator:admin"))
    rows = {
        "no-trust": (by_mqtt(layout, port, name="no-trust", site="a", trust=None, root=None), "CONFIG-INVALID"),
        "no-key": (by_mqtt(layout, port, name="no-key", site="b", key=None), "TRUST-INVALID"),
        "gone": (by_mqtt(layout, port, name="gone", site="c", trust="/none/trust"), "TRUST-INVALID"),
        "operator": (by_mqtt(layout, port, name="operator", key=operator), "CONFIG-INVALID"),
    }
    async with controller(one_database, [connection for connection, _ in rows.values()]) as made:
        for name, (_, code) in rows.items():
            one = made.connection(name)
            await made.until(lambda one=one: one.state == "failed", name)  # type: ignore[misc]
            assert one.error is not None
            assert one.error.code == code, (name, one.error)
        assert made.connections.show(ADMIN, "gone").error is not None


async def test_connections_come_and_go_while_the_controller_runs(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    await start_host("h1", mosquitto_broker.port)
    wanted = by_mqtt(layout, mosquitto_broker.port)
    async with controller(one_database, []) as made:
        added = await made.connections.add(ADMIN, wanted)
        assert (added.name, added.configured) == ("plant", False)
        await made.state(H1, "online")
        view = made.connections.show(ADMIN, "plant")
        assert (view.state, view.client, view.trust_revision, view.error) == ("up", "main", (1, 0), None)
        assert view.up_at > 0
        keys = KeysInTrust(made.links, made.clock)
        known = keys.known_as(read_signing_key(layout.key("operator:admin")).public.raw)
        assert [(one.site, one.principal, one.role) for one in known] == [(SITE, "operator:admin", "admin")]
        assert keys.of_host(H1) == read_signing_key(layout.key("host:h1")).id.hex()
    async with controller(one_database, []) as made:
        await made.connections.open_stored()
        await made.state(H1, "online")
        await made.connections.remove(ADMIN, "plant")
        assert list(made.links) == []
        with pytest.raises(GuestwireError) as raised:
            made.connections.show(ADMIN, "plant")
        assert raised.value.code == "NOT-FOUND"
    async with controller(one_database, [wanted]) as made:
        await made.connections.open_stored()
        assert made.connection().configured


async def test_a_host_that_is_added_to_the_site_is_known_at_once(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, tmp_path: Path, start_host: StartHost
) -> None:
    """From whichever host has the newer trust document."""
    host = await start_host("h1", mosquitto_broker.port)
    trust = tmp_path / "trust"
    trust.write_bytes(layout.trust.read_bytes())
    connection = by_mqtt(layout, mosquitto_broker.port, trust=str(trust))
    async with controller(one_database, [connection]) as made:
        await made.state(H1, "online")
        enrolment.add(layout.base, ["host:h9"], made.clock().wall_ms)
        host.executor.trust = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
        running = made.connection()
        assert running.looking is not None
        await running.looking.look()
        await made.until(lambda: made.core.registry.get(HostRef(SITE, "h9")) is not None)
        assert "h9" in listed_hosts(running.trust)
    assert b"h9" not in trust.read_bytes(), "a file that was given to it stays as it is"
    async with controller(one_database, [connection]) as made:
        await made.until(lambda: made.connection().trust is not None)
        assert "h9" in listed_hosts(made.connection().trust), "it is kept"


async def test_a_host_that_was_revoked_is_believed_no_more_from_the_next_look_on(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, tmp_path: Path, start_host: StartHost
) -> None:
    """Which comes twice within the minute that is promised; who was revoked does not say so, another host does."""
    revoked, other = [await start_host(name, mosquitto_broker.port) for name in ("h1", "h2")]
    trust = tmp_path / "trust"
    trust.write_bytes(layout.trust.read_bytes())
    clock = AheadClock()
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port, trust=str(trust))], clock) as made:
        for ref in (H1, H2):
            await made.state(ref, "online")
            await made.approve(ref)
        key = key_id(revoked.key.public.raw).hex()
        drafts.change(layout, lambda document: document.model_copy(update={"revoked": (key,)}), clock().wall_ms)
        publishing.sign(layout, clock().wall_ms)
        other.executor.trust = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
        looking = made.connection().looking
        assert looking is not None
        assert EVERY_S <= 30
        await looking.look(thorough=True)  # as every so often by itself
        for host in (revoked, other):
            host.announce("comm", CommNotice(log=host.log, seq=1, at=1, event="log"))
        await made.until(lambda: bool(made.ears.heard and made.tallies.refused))
        assert {said.ref for said in made.ears.heard} == {H2}
        with pytest.raises(GuestwireError) as raised:
            await made.call(H1, "guest-list", m.Empty(), timeout_s=0.5)
        assert raised.value.code == "UNSIGNED-RESPONSE"
        assert (await made.call(H2, "guest-list", m.Empty())).verified
        clock.ahead_s += 91
        made.core.registry.look(clock())
        assert made.core.registry.state(H1) != "online"


async def test_what_nobody_has_room_for_is_dropped_and_counted(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    host = await start_host("h1", mosquitto_broker.port)
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
        await made.state(H1, "online")
        for seq in (1, 2, 3):
            host.announce("comm", CommNotice(log=host.log, seq=seq, at=1, event="log"))
        await made.until(lambda: made.tallies.held_back[H1] == 3)
        assert made.ears.heard == [], "nobody has approved it"
        await made.approve(H1)
        made.ears.full = True
        host.announce("comm", CommNotice(log=host.log, seq=4, at=1, event="log"))
        await made.until(lambda: made.tallies.dropped["notice"] == 1)
        made.ears.full = False
        host.announce("comm", CommNotice(log=host.log, seq=5, at=1, event="log"))
        await made.until(lambda: [said.statement.n for said in made.ears.heard] == [5])
        shown = await made.hosts.show(ADMIN, H1)
        assert shown.held_back == 3
