"""Attacks with what hosts and controllers say by themselves: presence, wills, notices, alarms, and this host's own words."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from fleet import PATIENCE_S, SITE, unix_ms
from hostile_answers import alter_signature
from hostile_cast import DAY_MS, STRANGER
from hostile_replays import Play, Scenario
from hostile_requests import flipped, part, reheaded, resigned, stripped
from hostile_stage import Between, Change, Stage, until
from packets import Publish

from guestwire.link.clock import now
from guestwire.link.invoke import Heard
from guestwire.link.transport import Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import statements, topics
from guestwire.protocol.envelope import decode, encode
from guestwire.protocol.notices import AlarmNotice
from guestwire.protocol.packing import unpack
from guestwire.protocol.presence import HostPresence, PresenceBody
from guestwire.sdk.hosts import HostWatch

FAR = 1_000_000
"""An epoch that no host has come to."""


def presence_of(host: str) -> str:
    return topics.make("presence", SITE, host)


def as_said(
    stage: Stage, host: str, epoch: int, what: str, *, signer: str | None = None, at_ms: int | None = None
) -> bytes:
    """A presence of a host as it would say it; by a stranger's key where no signer is named."""
    at = now()
    at = at._replace(wall_ms=at.wall_ms if at_ms is None else at_ms)
    key = STRANGER if signer is None else stage.cast[signer]
    made = HostPresence(SITE, host, key, epoch, "boot", "0.1", at)
    if what == "online":
        return made.heartbeat(at)
    return made.will(at) if what == "will" else made.farewell(what, at)


def presences(change: Change, level: int) -> Between:
    return Between(level, lambda way, it: way == "down" and it.topic.endswith("/presence"), change)


async def seen(stage: Stage) -> dict[str, tuple[str, bool]]:
    return {one.host: (one.state, one.verified) for one in await stage.wire.client.hosts(0.3)}


TRUTH = dict.fromkeys(("h1", "h2", "h3", "h4"), ("online", True))


def changed(change: Change) -> Play:
    """Every presence is changed on its way: who looks hears of nobody, and nothing false."""

    async def play(stage: Stage, _client: str) -> None:
        between = presences(change, stage.wire.level)
        stage.wire.near.rewrite = between
        assert set((await seen(stage)).values()) == {("offline", False)}
        assert len(between.seen) >= 4
        stage.honest_again()
        assert await seen(stage) == TRUTH

    return play


def beside(make: Callable[[Stage], bytes], host: str = "h1") -> Play:
    """Something comes before the truth, and after it."""

    async def play(stage: Stage, _client: str) -> None:
        made = make(stage)

        def change(found: Publish) -> Sequence[Publish]:
            if found.topic != presence_of(host):
                return [found]
            more = Publish(0, found.topic, b"", b"\x00" if stage.wire.level == 5 else b"", made)
            return [more, found, more]

        stage.wire.near.rewrite = presences(change, stage.wire.level)
        watch = HostWatch(SITE, lambda: stage.wire.client.trust)
        async with stage.wire.client.watch(
            Subscription(topics.topic_filter("presence", site=SITE), 1, retained=True)
        ) as heard:
            for _ in range(6):
                message = await heard.next()
                assert message is not None
                watch.hear(message)
        assert {one.host: (one.state, one.verified) for one in watch.all()} == TRUTH
        assert watch.refused == 2

    return play


async def old_presence(stage: Stage, _client: str) -> None:
    """What the host said itself, of an epoch that is over: a heartbeat, a will and a farewell."""
    link = stage.wire.hosts["h1"].agent.link
    assert link is not None
    epoch = link.epoch
    watch = HostWatch(SITE, lambda: stage.wire.client.trust)
    watch.hear(Heard(presence_of("h1"), as_said(stage, "h1", epoch, "online", signer="host:h1"), retained=False))
    for what in ("stopped", "will", "online"):
        frame = as_said(stage, "h1", epoch - 1, what, signer="host:h1")
        assert watch.hear(Heard(presence_of("h1"), frame, retained=False)) is None
    assert (watch.one("h1").state, watch.one("h1").verified) == ("online", True)


async def old_heartbeat_of_the_dead(stage: Stage, _client: str) -> None:
    """A heartbeat of yesterday is given to who has heard nothing yet, as if it were said now."""
    frame = as_said(stage, "h1", 1, "online", signer="host:h1", at_ms=unix_ms() - DAY_MS)

    def change(found: Publish) -> Sequence[Publish]:
        if found.topic != presence_of("h1"):
            return [found]
        return [Publish(0, found.topic, b"", b"\x00" if stage.wire.level == 5 else b"", frame)]

    stage.wire.near.rewrite = presences(change, stage.wire.level)
    assert (await seen(stage))["h1"] == ("offline", True)


async def under_another_topic(stage: Stage, _client: str) -> None:
    """What h2 says, as h1's."""

    def change(found: Publish) -> Sequence[Publish]:
        if found.topic == presence_of("h1"):
            return ()
        return [found, Publish(0, presence_of("h1"), b"", b"\x00" if stage.wire.level == 5 else b"", found.payload)]

    stage.wire.near.rewrite = presences(change, stage.wire.level)
    assert await seen(stage) == {**TRUTH, "h1": ("offline", False)}


async def conflict_made_up(stage: Stage, _client: str) -> None:
    """Somebody says to the host that he is this host: unsigned, by his own key, by another host's. It stays, and tells of it
    once, however often that is said."""
    agent = stage.wire.hosts["h1"].agent
    assert agent.link is not None
    epoch, transport = agent.link.epoch, agent.link.session.transport
    frames = [as_said(stage, "h1", FAR, "online"), as_said(stage, "h1", FAR, "stopped", signer="host:h2")]
    envelope = decode(frames[0])
    frames += [encode(envelope.header, envelope.body), b"\xc1rubbish"]
    alarms: list[str | None] = []
    watched = Subscription(topics.make("notice", SITE, "h1", "alarm"), 1)
    before = stage.wire.resets()
    async with stage.wire.client.watch(watched) as heard:
        for frame in frames * 5:
            await stage.wire.deliver(stage.wire.far["h1"], presence_of("h1"), frame, retain=True)
        await stage.honest()
        with suppress(TimeoutError):  # what is said a second time would have been said before the honest command was
            while True:
                async with asyncio.timeout(0.05 if alarms else PATIENCE_S):
                    message = await heard.next()
                assert message is not None
                said = statements.read(message.payload, stage.wire.client.trust, SITE, "host:h1", "notice", now())
                alarms.append(said.read(AlarmNotice).code)
    assert alarms == ["HOST-ID-CONFLICT"]
    assert stage.wire.resets() == before + 1
    assert (agent.link.epoch, agent.link.session.transport) == (epoch, transport)


async def own_old_words(stage: Stage, _client: str) -> None:
    """The host hears its own farewell of an epoch ago: it says again that it is there, and stays."""
    agent = stage.wire.hosts["h1"].agent
    assert agent.link is not None
    epoch = agent.link.epoch
    said: list[Publish] = []

    def note(found: Publish) -> Publish:
        said.append(found)
        return found

    wanted = presence_of("h1")
    stage.wire.far["h1"].rewrite = Between(stage.wire.level, lambda way, it: way == "up" and it.topic == wanted, note)
    for what in ("stopped", "will"):
        await stage.wire.deliver(stage.wire.far["h1"], wanted, as_said(stage, "h1", epoch - 1, what, signer="host:h1"))
    await until(lambda: len(said) >= 2)
    await stage.honest()
    assert agent.link.epoch == epoch
    assert all(unpack(decode(one.payload).body)["online"] for one in said)


def notice(stage: Stage, *, signer: str | None) -> bytes:
    body = AlarmNotice(log=bytes(16), seq=1, at=unix_ms(), event="journal", text="all is lost", code="JOURNAL-FULL")
    key = STRANGER if signer is None else stage.cast[signer]
    return statements.state("notice", SITE, "host:h1", body, key, unix_ms(), n=1)


def refused_by_a_reader(make: Callable[[Stage], bytes], kind: str, code: str) -> Play:
    """Whoever reads it (the SDK, `guestwire notices`) is told that it is not what it seems to be."""

    async def play(stage: Stage, _client: str) -> None:
        with pytest.raises(GuestwireError) as raised:
            statements.read(make(stage), stage.wire.client.trust, SITE, "host:h1", kind, now())
        assert raised.value.code == code

    return play


def altered(make: Callable[[Stage], bytes], change: Change) -> Callable[[Stage], bytes]:
    def made(stage: Stage) -> bytes:
        found = change(Publish(0, "", b"", b"", make(stage)))
        assert isinstance(found, Publish)
        return found.payload

    return made


def true_notice(stage: Stage) -> bytes:
    return notice(stage, signer="host:h1")


async def controller_made_up(stage: Stage, _client: str) -> None:
    """A controller that is none: hosts do not take its presence for anything, in any epoch."""
    agent = stage.wire.hosts["h1"].agent
    assert agent.link is not None
    epoch = agent.link.epoch
    for controller in ("main", "mallory"):
        body = PresenceBody(epoch=FAR, n=1, boot_id="x", online=True, why="heartbeat", since=0, agent_version="1")
        frame = statements.state("presence", SITE, f"controller:{controller}", body, STRANGER, unix_ms(), n=1)
        await stage.wire.deliver(
            stage.wire.far["h1"], topics.make("controller-presence", SITE, controller), frame, retain=True
        )
    await stage.honest()
    assert agent.link.epoch == epoch


def forged(what: str, signer: str | None = None) -> Callable[[Stage], bytes]:
    return lambda stage: as_said(stage, "h1", FAR, what, signer=signer)


STATEMENTS: tuple[Scenario, ...] = (
    Scenario("presence-stripped", changed(stripped), "BAD-SIGNATURE"),
    Scenario("presence-resigned", changed(resigned()), "BAD-SIGNATURE"),
    Scenario("presence-signature-altered", changed(alter_signature), "BAD-SIGNATURE"),
    Scenario("presence-body-altered", changed(part(1, flipped)), "BODY-MISMATCH"),
    Scenario("presence-dated-anew", changed(reheaded(issued_at=1)), "BAD-SIGNATURE"),
    Scenario("presence-with-an-extension", changed(reheaded(crit=("x",))), "UNKNOWN-CRITICAL"),
    Scenario("stopped-forged", beside(forged("stopped")), "BAD-SIGNATURE"),
    Scenario("stopped-by-another-host", beside(forged("stopped", "host:h2")), "BAD-SIGNATURE"),
    Scenario("stopped-by-a-controller", beside(forged("stopped", "controller:main")), "BAD-SIGNATURE"),
    Scenario("stopped-unsigned", beside(altered(forged("stopped"), stripped)), "BAD-SIGNATURE"),
    Scenario("online-forged", beside(forged("online")), "BAD-SIGNATURE"),
    Scenario("will-forged", beside(forged("will")), "BAD-SIGNATURE"),
    Scenario("presence-of-an-old-epoch", old_presence, None),
    Scenario("presence-of-yesterday", old_heartbeat_of_the_dead, None),
    Scenario("presence-under-another-topic", under_another_topic, "MISADDRESSED"),
    Scenario("own-presence-forged", conflict_made_up, "HOST-ID-CONFLICT"),
    Scenario("own-presence-of-an-old-epoch", own_old_words, None),
    Scenario("controller-presence-forged", controller_made_up, None),
    Scenario("alarm-forged", refused_by_a_reader(lambda stage: notice(stage, signer=None), "notice", "BAD-SIGNATURE"),
             "BAD-SIGNATURE"),
    Scenario("alarm-unsigned", refused_by_a_reader(altered(true_notice, stripped), "notice", "BAD-SIGNATURE"), "BAD-SIGNATURE"),
    Scenario("alarm-by-another-host", refused_by_a_reader(lambda stage: notice(stage, signer="host:h2"), "notice", "BAD-SIGNATURE"),
             "BAD-SIGNATURE"),
    Scenario("alarm-altered", refused_by_a_reader(altered(true_notice, part(1, flipped)), "notice", "BODY-MISMATCH"), "BODY-MISMATCH"),
    Scenario("notice-as-presence", refused_by_a_reader(true_notice, "presence", "MISADDRESSED"), "MISADDRESSED"),
    Scenario("notice-as-reported", refused_by_a_reader(true_notice, "reported", "MISADDRESSED"), "MISADDRESSED"),
    Scenario("notice-as-capabilities", refused_by_a_reader(true_notice, "capabilities", "MISADDRESSED"), "MISADDRESSED"),
)  # fmt: skip
