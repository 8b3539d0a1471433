"""The stream, over a real server and a real client."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Self

import pytest
from api_world import PASSWORD, Caller, World, api_world
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from guestwire.controller.api import stream as stream_api
from guestwire.controller.api.gate import CSRF_HEADER
from guestwire.controller.api.stream import Stream
from guestwire.controller.api.stream_viewer import (
    AGAIN_LATER,
    DENIED,
    MISBEHAVED,
    SILENT,
    UNKNOWN,
    Snapshot,
    StreamLimits,
)
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.serving import serving
from guestwire.controller.store import tokens, users
from guestwire.controller.store.database import Database
from guestwire.controller.users.accounts import Changed
from guestwire.controller.users.person import Binding, Person

H1, H2, OTHER = HostRef("plant", "h1"), HostRef("plant", "h2"), HostRef("lab", "h1")
QUICK = StreamLimits(tick_s=0.02, heartbeat_s=60, check_s=60, send_s=2, first_s=0.5, linger_s=5)
DEADLINE_S = 20


def host(ref: HostRef, value: int = 0) -> Change:
    return Change("host", str(ref), {"value": value}, (ref,))


class Streaming:
    """A controller's stream, served."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosts: dict[HostRef, int] = {H1: 0, H2: 0, OTHER: 0}
        self.read = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.stream: Stream
        self.url = ""

    async def snapshot(self, person: Person) -> Sequence[Change]:
        self.read.set()
        await self.go.wait()
        return [host(ref, value) for ref, value in self.hosts.items()]

    def change(self, ref: HostRef, value: int) -> None:
        self.hosts[ref] = value
        self.world.feed.publish(host(ref, value))

    @asynccontextmanager
    async def viewer(self, who: Caller | None, **more: Any) -> AsyncIterator["Viewer"]:
        headers = more.pop("headers", None)
        if headers is None:
            headers = {} if who is None else {name: value for name, value in who.headers.items() if name != CSRF_HEADER}
        async with connect(self.url, additional_headers=headers, **more) as connection:
            yield Viewer(connection)


class Viewer:
    """The other end."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.epoch = ""
        self.revision = -1
        self.seen: dict[str, Any] = {}
        """What somebody has who does what the messages say."""

    async def say(self, message: Any) -> Self:
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))
        return self

    async def subscribe(self, *kinds: str, **more: Any) -> Self:
        await self.say({"subscribe": {"kinds": kinds or ("host",), **more}})
        return await self.until("ready")

    async def next(self) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            message = json.loads(await self.connection.recv())
        if message["type"] in ("snapshot", "ready"):
            self.epoch = message["epoch"]
        self.revision = message.get("revision", self.revision)
        for one in message.get("items", ()) or message.get("changes", ()):
            if one["document"] is None:
                self.seen.pop(one["key"], None)
            else:
                self.seen[one["key"]] = one["document"].get("value", one["document"])
        return message

    async def until(self, kind: str) -> Self:
        while (await self.next())["type"] != kind:
            pass
        return self

    async def until_seen(self, key: str, value: Any) -> None:
        while self.seen.get(key) != value:
            await self.next()

    async def closed(self) -> int | None:
        """With which code the other end closes."""
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    await self.connection.recv()
        return caught.value.rcvd.code if caught.value.rcvd else None


@asynccontextmanager
async def streaming(
    database: Database, limits: StreamLimits = QUICK, **snapshots: Snapshot
) -> AsyncIterator[Streaming]:
    async with AsyncExitStack() as stack:
        made: list[Streaming] = []

        def routers(world: World) -> Any:
            one = Streaming(world)
            one.stream = Stream(
                world.feed,
                world.access,
                world.identities,
                {"host": one.snapshot, **snapshots},
                world.clock,
                limits=limits,
            )
            made.append(one)
            return (stream_api.router(one.stream),)

        world = await stack.enter_async_context(api_world(database, routers=routers))
        app = world.app
        (one,) = made
        await stack.enter_async_context(one.stream)
        base = await stack.enter_async_context(serving(app, ("127.0.0.1", 0)))
        one.url = base.replace("http", "ws") + "/api/v1/stream"
        yield one


@pytest.fixture
async def there(any_database: Database) -> AsyncIterator[Streaming]:
    async with streaming(any_database) as made:
        yield made


async def test_everything_and_then_what_changes(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as viewer:
        await viewer.subscribe("host")
        assert viewer.seen == {"plant/h1": 0, "plant/h2": 0, "lab/h1": 0}
        there.change(H1, 1)
        message = await viewer.next()
        assert (message["type"], message["changes"]) == (
            "delta", [{"kind": "host", "key": "plant/h1", "document": {"value": 1}}],
        )  # fmt: skip
        there.world.feed.publish(Change("host", "plant/h2", None, (H2,)))
        there.change(OTHER, 5)
        await viewer.until_seen("lab/h1", 5)
        assert viewer.seen == {"plant/h1": 1, "lab/h1": 5}


async def test_a_snapshot_comes_in_pieces(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, items=10)) as there:
        there.hosts = {HostRef("plant", f"h{n}"): n for n in range(25)}
        anna = await there.world.user("anna", ("observer", "*"))
        async with there.viewer(anna) as viewer:
            await viewer.say({"subscribe": {"kinds": ["host", "job"]}})
            pieces = [await viewer.next() for _ in range(4)]
            assert [(one["type"], len(one.get("items", ()))) for one in pieces] == [
                ("snapshot", 10), ("snapshot", 10), ("snapshot", 5), ("ready", 0),
            ]  # fmt: skip
            assert len({(one["epoch"], one["revision"]) for one in pieces}) == 1
            assert len(viewer.seen) == 25


async def test_changes_during_the_snapshot_are_not_missed(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    there.go.clear()
    async with there.viewer(anna) as viewer:
        await viewer.say({"subscribe": {"kinds": ["host"]}})
        async with asyncio.timeout(DEADLINE_S):
            await there.read.wait()
        there.change(H1, 7)
        there.go.set()
        await viewer.until_seen("plant/h1", 7)


async def test_one_sees_what_one_may(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    bob = await there.world.user("bob", ("observer", "host:plant/h1"))
    async with there.viewer(anna) as all_of_it, there.viewer(bob) as some:
        await all_of_it.subscribe("host", "user")
        await some.subscribe("host", "user")
        assert some.seen == {"plant/h1": 0}
        there.change(OTHER, 1)
        there.world.feed.publish(Change("user", "eve", {"name": "eve"}))
        there.change(H2, 2)
        there.change(H1, 3)
        await all_of_it.until_seen("plant/h1", 3)
        await some.until_seen("plant/h1", 3)
        assert some.seen == {"plant/h1": 3}
        assert all_of_it.seen == {"plant/h1": 3, "plant/h2": 2, "lab/h1": 1}


async def test_hosts_and_queries(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as some, there.viewer(anna) as query:
        await some.subscribe("host", hosts=["plant/h2"])
        there.hosts[H1] = 42
        await query.subscribe("host", q="42")
        assert (some.seen, query.seen) == ({"plant/h2": 0}, {"plant/h1": 42})
        there.change(H1, 43)
        there.change(H2, 42)
        await some.until_seen("plant/h2", 42)
        await query.until_seen("plant/h2", 42)
        assert query.seen == {"plant/h2": 42}
        await some.subscribe("host", hosts=["lab/h1"])
        assert some.seen == {"plant/h2": 42, "lab/h1": 0}


async def test_resuming(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as keeps, there.viewer(anna) as viewer:
        await keeps.subscribe("host")
        await viewer.subscribe("host")
        there.change(H1, 1)
        await viewer.until_seen("plant/h1", 1)
        epoch, revision = viewer.epoch, viewer.revision
        await viewer.connection.close()
        there.change(H2, 2)
        await keeps.until_seen("plant/h2", 2)
        there.change(H2, 3)
        there.change(OTHER, 4)
        await keeps.until_seen("lab/h1", 4)
        there.read.clear()
        async with there.viewer(anna) as again:
            await again.say({"subscribe": {"kinds": ["host"]}, "resume": {"epoch": epoch, "revision": revision}})
            message = await again.next()
            assert message["type"] == "delta"
            assert {one["key"]: one["document"]["value"] for one in message["changes"]} == {"plant/h2": 3, "lab/h1": 4}
            assert (await again.next())["type"] == "ready"
            assert not there.read.is_set()
            there.change(H1, 9)
            await again.until_seen("plant/h1", 9)


@pytest.mark.parametrize("what", ["another epoch", "the future"])
async def test_who_cannot_resume_begins_anew(there: Streaming, what: str) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as viewer:
        await viewer.subscribe("host")
        resume = (
            {"epoch": "0" * 32, "revision": 0} if what == "another epoch" else {"epoch": viewer.epoch, "revision": 99}
        )
        viewer.seen.clear()
        await viewer.say({"subscribe": {"kinds": ["host"]}, "resume": resume})
        await viewer.until("ready")
        assert len(viewer.seen) == 3


async def test_who_is_behind_is_told_and_begins_anew(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, behind=50)) as there:
        anna = await there.world.user("anna", ("observer", "*"))
        there.go.clear()
        async with there.viewer(anna) as viewer:
            await viewer.say({"subscribe": {"kinds": ["host"]}})
            async with asyncio.timeout(DEADLINE_S):
                await there.read.wait()
            for n in range(3):
                for m in range(40):
                    there.change(HostRef("plant", f"x{n}-{m}"), 1)
                revision = there.stream.history.revision
                while there.stream.history.revision == revision:
                    await asyncio.sleep(0.005)
            there.go.set()
            await viewer.until("resync")
            await viewer.until("ready")
            assert len(viewer.seen) == 123


async def test_what_the_feed_lost_everybody_reads_anew(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as one, there.viewer(anna) as two:
        await one.subscribe("host")
        await two.subscribe("host")
        for n in range(20_001):
            there.world.feed.publish(host(HostRef("plant", f"y{n}")))
        there.hosts[H1] = 77
        for viewer in (one, two):
            await viewer.until("resync")
            await viewer.until_seen("plant/h1", 77)


async def test_a_viewer_that_takes_nothing_is_let_go(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, send_s=0.3)) as there:
        anna = await there.world.user("anna", ("observer", "*"))
        big = "x" * 200_000
        async with there.viewer(anna) as other, there.viewer(anna, max_queue=1, compression=None) as slow:
            await slow.say({"subscribe": {"kinds": ["host"]}})
            await slow.until("ready")
            await other.subscribe("job")
            n = 0
            async with asyncio.timeout(DEADLINE_S):
                while len(there.stream._viewers) > 1:
                    n += 1
                    there.world.feed.publish(Change("host", f"plant/big{n % 40}", {"big": big, "n": n}, (H1,)))
                    await asyncio.sleep(0.01)
            slow.connection.transport.abort()
            there.world.feed.publish(Change("job", "j1", {"value": 1}, (H1,)))
            await other.until_seen("j1", 1)


async def test_who_comes_in(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    browser = await there.world.logged_in("anna")
    cookie = f"guestwire_session={browser.client.cookies['guestwire_session']}"
    origin = there.url.replace("ws://", "http://").removesuffix("/api/v1/stream")
    token = anna.headers["Authorization"]

    async def refused(headers: dict[str, str]) -> int | None:
        async with there.viewer(None, headers=headers) as viewer:
            return await viewer.closed()

    assert await refused({"Authorization": "Bearer gwt_" + "a" * 43}) == UNKNOWN
    assert await refused({"Authorization": "Basic x"}) == UNKNOWN
    assert await refused({"Cookie": "guestwire_session=" + "a" * 43}) == UNKNOWN
    assert await refused({"Cookie": cookie}) == DENIED
    assert await refused({"Cookie": cookie, "Origin": "http://evil.example"}) == DENIED
    assert await refused({"Cookie": cookie, "Origin": "null"}) == DENIED
    assert await refused({"Cookie": cookie, "Origin": origin, "Sec-Fetch-Site": "cross-site"}) == DENIED
    refusals: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(refusals) < 7:  # the row comes after the answer
            refusals = [row.outcome for row in await there.world.rows() if row.target == "/api/v1/stream"]
    assert refusals == ["UNAUTHENTICATED"] * 3 + ["CSRF-REFUSED"] * 4
    for headers in ({"Cookie": cookie, "Origin": origin}, {"Authorization": token, "Origin": "http://evil.example"}):
        async with there.viewer(None, headers=headers) as viewer:
            assert len((await viewer.subscribe()).seen) == 3


async def test_a_token_in_the_first_message(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    token = anna.headers["Authorization"].removeprefix("Bearer ")
    async with there.viewer(None) as viewer:
        await viewer.say({"token": token})
        assert len((await viewer.subscribe()).seen) == 3
    async with there.viewer(None) as viewer:
        await viewer.say({"token": token, "subscribe": {"kinds": ["host"]}})
        assert len((await viewer.until("ready")).seen) == 3
    for first, why in (
        ({"token": "gwt_" + "a" * 43}, UNKNOWN),
        ({"subscribe": {"kinds": ["host"]}}, UNKNOWN),
        ("nonsense", MISBEHAVED),
    ):
        async with there.viewer(None) as viewer:
            await viewer.say(first)
            assert await viewer.closed() == why
    async with there.viewer(None) as viewer:
        assert await viewer.closed() == SILENT
    async with there.viewer(None) as viewer:
        await viewer.connection.send(b"bytes")
        assert await viewer.closed() == MISBEHAVED


async def test_wrong_messages_are_answered(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as viewer:
        await viewer.subscribe("host")
        for wrong, field in (
            ("nonsense", None), ({}, "subscribe"), ({"subscribe": {"kinds": ["secrets"]}}, "subscribe.kinds"),
            ({"subscribe": {"kinds": ["host"], "hosts": ["x"]}}, None),
        ):  # fmt: skip
            await viewer.say(wrong)
            message = await viewer.next()
            assert (message["type"], message["code"], message.get("field")) == ("problem", "INVALID-BODY", field)
        there.change(H1, 3)
        await viewer.until_seen("plant/h1", 3)
        for _ in range(12):
            await viewer.say({})
        codes = [(await viewer.next())["code"] for _ in range(12)]
        assert codes[-1] == "THROTTLED"


async def test_a_message_that_is_too_large(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    async with there.viewer(anna) as viewer:
        await viewer.say("x" * 70_000)
        assert await viewer.closed() == 1009


async def test_who_may_not_any_more_sees_no_more(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, heartbeat_s=0.03, check_s=0.03)) as there:
        world = there.world
        anna = await world.user("anna", ("observer", "*"))
        bob = await world.user("bob", ("observer", "site:plant"))
        async with there.viewer(anna) as loses, there.viewer(bob) as gone:
            await loses.subscribe("host")
            await gone.subscribe("host")
            await world.accounts.give(None, "anna", Binding("observer", "host:plant/h1"))
            await world.accounts.take(None, "anna", Binding("observer", "*"))
            world.clock.move(31)
            await loses.until("resync")
            loses.seen.clear()
            await loses.until("ready")
            assert loses.seen == {"plant/h1": 0}
            there.change(OTHER, 1)
            there.change(H1, 2)
            await loses.until_seen("plant/h1", 2)
            assert loses.seen == {"plant/h1": 2}
            await world.accounts.change(None, "bob", Changed(disabled=True))
            world.clock.move(31)
            assert await gone.closed() == UNKNOWN


async def test_who_may_see_something_else_again_and_again_is_not_too_slow(any_database: Database) -> None:
    """And whoever only watches uses nothing."""
    async with streaming(any_database, replace(QUICK, heartbeat_s=0.03, check_s=0.03)) as there:
        world = there.world
        world.groups.hosts["line"] = frozenset({H1})
        anna = await world.user("anna", ("observer", "group:line"))
        began = world.clock().wall_ms
        async with there.viewer(anna) as viewer:
            await viewer.subscribe("host")
            for n in range(6):
                world.groups.hosts["line"] = frozenset({H1, OTHER} if n % 2 else {H1, H2})
                world.clock.move(31)
                while (message := await viewer.next())["type"] != "resync":
                    pass
                assert message["reason"] == "access"
                viewer.seen.clear()
                await viewer.until("ready")
                assert viewer.seen.keys() == {str(ref) for ref in world.groups.hosts["line"]}
        async with any_database.read() as tx:
            user = await users.by_name(tx, "anna")
            assert user is not None
            assert [one.used_at for one in await tokens.of_person(tx, user.id)] == [began]


async def test_viewers_that_take_nothing_keep_nobody_from_beginning(any_database: Database) -> None:
    job = Change("job", "j1", {"value": 1}, (H1,))

    async def jobs(_: Person) -> Sequence[Change]:
        return [job]

    async with streaming(any_database, replace(QUICK, send_s=60, items=1, snapshots=1), job=jobs) as there:
        there.hosts = dict.fromkeys((HostRef("plant", f"h{n}") for n in range(100)), "x" * 400_000)  # type: ignore[arg-type]
        anna = await there.world.user("anna", ("observer", "*"))
        async with there.viewer(anna) as other, there.viewer(anna, max_queue=1, compression=None) as slow:
            await slow.say({"subscribe": {"kinds": ["host"]}})
            async with asyncio.timeout(DEADLINE_S):
                await there.read.wait()
            await other.subscribe("job")
            assert other.seen == {"j1": 1}
            slow.connection.transport.abort()


async def test_heartbeats(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, heartbeat_s=0.03)) as there:
        anna = await there.world.user("anna", ("observer", "*"))
        async with there.viewer(anna) as viewer:
            await viewer.subscribe("host")
            await viewer.until("heartbeat")
            told = there.stream.history.revision
            assert (await viewer.until("heartbeat")).revision == told
            there.stream.history.add([])  # something that this viewer was not sent
            assert there.stream.history.revision > told
            for _ in range(2):
                assert (await viewer.until("heartbeat")).revision == told


async def test_not_too_many(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, viewers=3, viewers_each=2)) as there:
        anna = await there.world.user("anna", ("observer", "*"))
        bob = await there.world.user("bob", ("observer", "*"))
        async with there.viewer(anna) as one, there.viewer(anna) as two, there.viewer(bob) as three:
            for viewer in (one, two, three):
                await viewer.subscribe()
            async with there.viewer(anna) as more:
                assert await more.closed() == AGAIN_LATER
            async with there.viewer(bob) as more:
                assert await more.closed() == AGAIN_LATER
            await one.connection.close()
            while len(there.stream._viewers) > 2:
                await asyncio.sleep(0.005)
            async with there.viewer(bob) as again:
                await again.subscribe()


async def test_who_must_choose_a_password_sees_nothing(there: Streaming) -> None:
    await there.world.accounts.make(None, "new", PASSWORD, roles=(Binding("observer", "*"),))
    browser = await there.world.logged_in("new")
    cookie = f"guestwire_session={browser.client.cookies['guestwire_session']}"
    origin = there.url.replace("ws://", "http://").removesuffix("/api/v1/stream")
    async with there.viewer(None, headers={"Cookie": cookie, "Origin": origin}) as viewer:
        assert await viewer.closed() == DENIED


async def test_nothing_is_followed_while_nobody_watches(any_database: Database) -> None:
    async with streaming(any_database, replace(QUICK, linger_s=0.05)) as there:
        feed, clock = there.world.feed, there.world.clock
        anna = await there.world.user("anna", ("observer", "*"))
        assert not feed.watched
        for _ in range(2):
            async with there.viewer(anna) as viewer:
                await viewer.subscribe()
                assert feed.watched
                there.change(H1, 5)
                await viewer.until_seen("plant/h1", 5)
            async with asyncio.timeout(DEADLINE_S):
                while feed.watched:
                    clock.move(0.05)
                    await asyncio.sleep(0.005)


async def test_viewers_of_the_same_share_a_text(there: Streaming) -> None:
    anna = await there.world.user("anna", ("observer", "*"))
    bob = await there.world.user("bob", ("operator", "*"))
    async with there.viewer(anna) as one, there.viewer(bob) as two, there.viewer(bob) as other:
        await one.subscribe("host")
        await two.subscribe("host")
        await other.subscribe("host", "job")
        views = {viewer.view for viewer in there.stream._viewers}
        assert len(views) == 2
