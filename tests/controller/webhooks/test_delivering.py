"""Webhooks: a real receiver gets what happened, signed and in order; one that is away gets it later; the rest is not held up."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from alarm_desk import ADMIN, H1, OPERATOR, alarm_desk
from api_world import MovedClock
from webhook_receiver import WITHIN_S, signed, webhook_receiver

from guestwire.controller.alarms.comparing import Raise, Subject
from guestwire.controller.alarms.rule import AlarmRule, PresenceTrigger
from guestwire.controller.feed import Feed
from guestwire.controller.store import webhooks
from guestwire.controller.store.database import Database
from guestwire.controller.store.webhooks import Delivery
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.webhooks.delivering import GIVE_UP_MS, Delivering, again_at
from guestwire.controller.webhooks.webhooks import Webhooks, WebhookWords
from guestwire.model.errors import GuestwireError

RULE = AlarmRule(
    trigger=PresenceTrigger(on="presence", states=("offline",)), severity="critical", summary="{host} is away"
)


class Desk:
    def __init__(self, database: Database, clock: MovedClock) -> None:
        self.database = database
        self.clock = clock
        self.client = httpx.AsyncClient(follow_redirects=False)
        self.delivering = Delivering(database, self.client, clock)
        self.webhooks = Webhooks(database, Access(NoGroups()), Feed(), clock, self.delivering.wake)

    async def make(self, name: str, url: str, **words: Any) -> str:
        row = await self.webhooks.make(ADMIN, WebhookWords(name=name, url=url, **words))
        return row.id


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    made = Desk(database, MovedClock())
    async with made.client:
        yield made


async def _raise(desk: Desk, part: str = "") -> None:
    async with alarm_desk(desk.database) as alarms, desk.database.write() as tx:
        await alarms.alarms.begin(tx, "away", RULE, Raise(Subject(H1, part), f"{part} is away", None, 0))
    desk.delivering.wake()


async def test_what_happened_is_told_and_signed(desk: Desk) -> None:
    async with webhook_receiver() as receiver, desk.delivering:
        row = await desk.webhooks.make(ADMIN, WebhookWords(name="pager", url=receiver.url))
        await _raise(desk, "x")
        async with asyncio.timeout(WITHIN_S):
            headers, body = await receiver.came.get()
        said = json.loads(body)
        assert (said["event"], said["alarm"]["text"], said["alarm"]["severity"]) == ("raised", "x is away", "critical")
        assert signed(row.secret, headers, body)
        assert not signed(row.secret, headers, body + b" ")


BAD_NAME = "https://xn--zzzzzz---.example/"


async def test_a_name_that_cannot_be_looked_up_holds_up_nobody(desk: Desk) -> None:
    with pytest.raises(GuestwireError, match="INVALID-BODY"):
        await desk.make("bad", BAD_NAME)
    async with webhook_receiver() as there, desk.delivering:
        row = await desk.webhooks.make(ADMIN, WebhookWords(name="bad", url="https://receiver.example/"))
        async with desk.database.write() as tx:  # as an earlier release took it
            await webhooks.put(tx, replace(row, url=BAD_NAME))
        await desk.make("there", there.url)
        await _raise(desk, "x")
        assert (await there.next())["alarm"]["part"] == "x"
        await _raise(desk, "y")
        assert (await there.next())["alarm"]["part"] == "y"


async def test_one_that_is_slow_holds_up_nobody(desk: Desk) -> None:
    """Each takes nearly as long as it may: the others do not wait for all of that."""
    async with webhook_receiver() as slow, webhook_receiver() as there:
        await desk.make("slow", slow.url)
        slow.on_request = lambda: desk.clock.move(9)
        for part in "abcdef":
            await _raise(desk, part)
        async with desk.delivering:
            await slow.next()
            await desk.make("there", there.url)
            await _raise(desk, "now")
            assert (await there.next())["alarm"]["part"] == "now"
            assert slow.came.qsize() < 4
            while (await slow.next())["alarm"]["part"] != "now":
                pass


async def test_one_that_is_turned_off_is_told_no_more(desk: Desk) -> None:
    async with webhook_receiver() as off, webhook_receiver() as there:
        row_id, _ = await desk.make("off", off.url), await desk.make("there", there.url)
        await _raise(desk, "x")
        await desk.webhooks.change(ADMIN, row_id, WebhookWords(name="off", url=off.url, enabled=False), 1)
        async with desk.delivering:
            assert (await there.next())["alarm"]["part"] == "x"
            await _raise(desk, "y")
            assert (await there.next())["alarm"]["part"] == "y"
        assert off.came.empty()
        assert (await desk.webhooks.show(ADMIN, row_id))[1] == []


async def test_one_that_is_away_gets_it_later_in_order_and_holds_up_nobody(desk: Desk) -> None:
    async with webhook_receiver() as away, webhook_receiver() as there:
        away.status = 503
        slow, _ = await desk.make("away", away.url), await desk.make("there", there.url)
        async with desk.delivering:
            for part in "ab":
                await _raise(desk, part)
                assert (await there.next())["alarm"]["part"] == part
            assert (await away.next())["alarm"]["part"] == "a"
        _, waiting = await desk.webhooks.show(ADMIN, slow)
        assert [one.document["part"] for one in waiting] == ["a", "b"]
        away.status = 204
        desk.clock.move(3600)
        async with desk.delivering:
            parts = [(await away.next())["alarm"]["part"]]
            while parts[-1] != "b":
                parts.append((await away.next())["alarm"]["part"])
        assert parts[-2:] == ["a", "b"]


async def test_which_alarms_a_webhook_wants(desk: Desk) -> None:
    async with webhook_receiver() as receiver, desk.delivering:
        webhook = await desk.make("cleared-only", receiver.url, events=("cleared",))
        off = await desk.make("off", receiver.url, enabled=False)
        await _raise(desk)
        await desk.webhooks.try_out(ADMIN, webhook)
        assert (await receiver.next())["event"] == "trial"
        await desk.webhooks.remove(ADMIN, off, 1)
        assert receiver.came.empty()


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "http://example.org/x", "https://", "https://eve@x/", "https://[::1", "x"]
)
async def test_urls_that_are_not_taken(desk: Desk, url: str) -> None:
    with pytest.raises(GuestwireError, match="INVALID-BODY"):
        await desk.make("x", url)


async def test_who_may_and_what_is_there_already(desk: Desk) -> None:
    words = WebhookWords(name="x", url="https://x.example/")
    with pytest.raises(GuestwireError, match="DENIED"):
        await desk.webhooks.make(OPERATOR, words)
    made = await desk.webhooks.make(ADMIN, words)
    for code, work in (
        ("EXISTS", desk.webhooks.make(ADMIN, words)),
        ("REVISION-STALE", desk.webhooks.change(ADMIN, made.id, words, 9)),
        ("REVISION-STALE", desk.webhooks.remove(ADMIN, made.id, 9)),
        ("NOT-FOUND", desk.webhooks.try_out(ADMIN, "0198c2f4-0000-0000-0000-000000000000")),
    ):
        with pytest.raises(GuestwireError, match=code):
            await work
    assert (await desk.webhooks.change(ADMIN, made.id, words.model_copy(update={"enabled": False}), 1)).revision == 2
    assert [row.secret for row in await desk.webhooks.page(ADMIN, "", 9)] == [made.secret]


def test_when_it_is_sent_again() -> None:
    pauses = [(again_at(_waits(tries), 10_000) or 0) - 10_000 for tries in (0, 1, 5, 30)]
    assert pauses == [5_000, 10_000, 160_000, 3_600_000]
    assert again_at(_waits(3), GIVE_UP_MS) is None


def _waits(tries: int) -> Delivery:
    return Delivery(1, "w", "raised", {}, 0, tries, 0)
