"""Attacks with messages that are genuine: said again, somewhere else, later, in another order, after a restart, in pieces."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet import SITE, unix_ms
from hostile_cast import DAY_MS, HOUR_MS, RESET, Letter
from hostile_stage import Between, Stage, answers_to, code_of, requests_of, until
from packets import Publish

from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.envelope import decode, encode
from guestwire.protocol.packing import pack, unpack_flat
from guestwire.sdk.answers import CallOptions

Play = Callable[[Stage, str], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """An attack that takes more than one message. `code`: what it is counted and written down under, None where what is
    said again cannot be told from what its sender says again: the journal answers, and nothing happens."""

    name: str
    play: Play
    code: str | None


async def taken(stage: Stage, client: str, host: str = "h1", **options: Any) -> Letter:
    """A reset that is asked for and happens, and what it was on the wire."""
    between = requests_of(stage, client, lambda found: found)
    stage.wire.far[host].rewrite = between
    async with stage.client(client) as asking:
        assert (await asking.host(host).guest_reset(RESET, CallOptions(**options))).verified
    stage.wire.far[host].rewrite = None
    last = between.seen[-1]  # the one with a proof that it is new, where the host asked for one
    envelope = decode(last.payload)
    return Letter(last.topic, (last.payload,), envelope.header, envelope.body)


async def at_once(stage: Stage, client: str) -> None:
    """Three times more, when it is done."""
    letter = await taken(stage, client)
    before, refused = stage.wire.resets(), stage.wire.refused()
    for _ in range(3):
        await stage.deliver(letter)
    await stage.honest()
    assert (stage.wire.resets(), stage.wire.refused()) == (before + 1, refused)


async def while_it_runs(stage: Stage, client: str) -> None:
    """Five copies, one after the other, of what was not there before: one of them counts."""
    letter = stage.writer(client).letter()
    before = stage.wire.resets()
    for _ in range(5):
        await stage.deliver(letter)
    await stage.honest()
    assert stage.wire.resets() == before + 2


async def seconds_later(stage: Stage, client: str) -> None:
    letter = await taken(stage, client, timeout_s=20, accept_within_s=0.5)
    await until(lambda: unix_ms() > letter.header.expires)
    async with stage.refusing("EXPIRED", client):
        await stage.deliver(letter)


async def hours_later(stage: Stage, client: str) -> None:
    async with stage.refusing("EXPIRED", client):
        await stage.deliver(stage.writer(client).letter(at_ms=unix_ms() - 5 * HOUR_MS))


async def before_the_journal(stage: Stage, client: str) -> None:
    """Of a time of which the host has no journal: who knows what ran then."""
    async with stage.refusing("JOURNAL-LOST", client):
        await stage.deliver(stage.writer(client).letter(at_ms=unix_ms() - 4 * DAY_MS))


async def held_too_long(stage: Stage, client: str) -> None:
    """Kept back until it is over."""
    letter = stage.writer(client).letter(at_ms=unix_ms() - 10_001)
    async with stage.refusing("EXPIRED", client):
        await stage.deliver(letter)


async def a_restart_later(stage: Stage, client: str) -> None:
    """The journal remembers what the process does not."""
    letter = await taken(stage, client)
    before = stage.wire.resets()
    await stage.wire.restart("h1")
    for _ in range(2):
        await stage.deliver(letter)
    await stage.honest()
    assert stage.wire.resets() == before + 1


async def after_pruning(stage: Stage, client: str) -> None:
    """At a host whose clock tells nothing, and whose journal has forgotten the request: the watermark has not."""
    letter = await taken(stage, client, "h3", timeout_s=20, accept_within_s=0.5)
    journal = stage.wire.hosts["h3"].agent.journal
    before = stage.wire.resets("h3")
    await until(lambda: unix_ms() > letter.header.expires)
    while not journal.watermark_ms >= letter.header.expires:
        await journal.prune(letter.header.expires + 1, 0, True)
    await stage.wire.restart("h3")
    await until(lambda: unix_ms() > letter.header.expires + 1)
    async with stage.refusing("EXPIRED", client, host="h3"):
        await stage.deliver(letter, host="h3")
    assert stage.wire.resets("h3") == before + 1


async def after_the_disk(stage: Stage, client: str) -> None:
    """The disk with the journal is lost, and the broker keeps from the host what would remind it. What was asked before, nobody
    can tell any more whether it ran."""
    letter = await taken(stage, client, "h4")
    before = stage.wire.resets("h4")

    def lose(state: Path) -> None:
        for file in state.glob("journal.db*"):
            file.unlink()

    own = topics.make("presence", SITE, "h4")
    forgetful = Between(stage.wire.level, lambda way, it: way == "down" and it.topic == own, lambda _: ())
    stage.wire.far["h4"].rewrite = forgetful
    await stage.wire.restart("h4", lose)
    refused = stage.refused("JOURNAL-LOST", "h4")
    await stage.deliver(letter, host="h4")
    await stage.wire.api("h4").host_ping(m.Ping(), CallOptions(timeout_s=20))
    assert stage.refused("JOURNAL-LOST", "h4") == refused + 1
    assert stage.wire.resets("h4") == before
    stage.book("JOURNAL-LOST", client, host="h4")
    await stage.honest("h4")
    assert stage.wire.resets("h4") == before + 1


async def to_another_host(stage: Stage, client: str) -> None:
    letter = await taken(stage, client)
    async with stage.refusing("MISADDRESSED", client, 2, host="h2"):
        await stage.deliver(letter, host="h2")
        await stage.deliver(replace(letter, topic=letter.topic.replace("/h1/", "/h2/")), host="h2")


async def to_another_operation(stage: Stage, client: str) -> None:
    letter = await taken(stage, client)
    async with stage.refusing("MISADDRESSED", client):
        await stage.deliver(replace(letter, topic=letter.topic.replace("guest-reset", "guest-destroy")))


async def to_an_unknown_topic(stage: Stage, client: str) -> None:
    """Topics that are not a host's requests: another major, one level more, an answer's, a controller's."""
    letter = stage.writer(client).letter()
    before, refused = stage.wire.resets(), stage.wire.refused()
    for topic in (
        letter.topic.replace("gw/1/", "gw/2/"), f"{letter.topic}/more", topics.make("response", SITE, client, "h1"),
        topics.make("controller-presence", SITE, "main"), "nonsense",
    ):  # fmt: skip
        await stage.deliver(replace(letter, topic=topic))
    await stage.honest()
    assert (stage.wire.resets(), stage.wire.refused()) == (before + 1, refused)


async def reordered(stage: Stage, client: str) -> None:
    """The later one first: each happens once, and neither twice."""
    first, second = (stage.writer(client).letter() for _ in range(2))
    before = stage.wire.resets()
    for letter in (second, first, second, first):
        await stage.deliver(letter)
    await stage.honest()
    assert stage.wire.resets() == before + 3


async def id_used_again(stage: Stage, client: str) -> None:
    """By one who has a key: another body under an id that is known. The stored answer is not for that."""
    letter = await taken(stage, client)
    other = stage.writer(client, header={"request_id": letter.header.request_id}).letter(m.GuestRef(guest="winhmi"))
    async with stage.refusing("IDEMPOTENCY-MISMATCH", client):
        await stage.deliver(other)


async def mixed_parts(stage: Stage, client: str) -> None:
    """Parts of two requests, put together as if they were one: neither becomes whole."""
    writer = stage.writer(client)
    one, two = (writer.letter_of(pack({"guest": "rtlinux", "pad": bytes([n]) * 100_000})) for n in (1, 2))
    before, refused = stage.wire.resets(), stage.wire.refused()
    await stage.deliver(replace(one, frames=(one.frames[0], two.frames[1], one.frames[2])))
    await stage.honest()
    assert (stage.wire.resets(), stage.wire.refused()) == (before + 1, refused)
    await stage.deliver(replace(one, frames=(one.frames[1],)))  # sound parts are good for what they were signed for
    await stage.honest()
    assert stage.wire.resets() == before + 3


async def part_with_other_number(stage: Stage, client: str) -> None:
    """The first part as the second."""
    letter = stage.writer(client).letter_of(pack({"guest": "rtlinux", "pad": bytes(100_000)}))
    _, body, signatures, mandates = unpack_flat(letter.frames[0])
    renumbered = pack((pack(letter.header._replace(part=(2, 3))), body, signatures, mandates))
    async with stage.refusing("BAD-SIGNATURE", client):
        await stage.deliver(replace(letter, frames=(letter.frames[0], renumbered, letter.frames[2])))


# -- a host that cannot trust its clock


async def unproven_at_no_clock(stage: Stage, client: str) -> None:
    """Old and new look alike there: without a proof of its own making the host runs nothing, and asks for one."""
    before = stage.wire.resets("h3")
    asked = answers_to(stage, client, lambda found: found)
    stage.wire.near.rewrite = asked
    async with stage.client(client) as listening:
        for age_ms in (0, -HOUR_MS, -DAY_MS):
            await stage.deliver(stage.writer(client, host="h3").letter(at_ms=unix_ms() - age_ms), host="h3")
        await listening.host("h3").host_ping(m.Ping())
    said = [decode(one.payload).header.status for one in asked.seen]
    assert said == ["CLOCK-UNSYNCHRONISED"] * 3 + ["ok"]
    await stage.honest("h3")
    assert stage.wire.resets("h3") == before + 1


async def replay_without_a_clock(stage: Stage, client: str) -> None:
    """A proof is for one request, and that has run."""
    letter = await taken(stage, client, "h3")
    before = stage.wire.resets("h3")
    for _ in range(2):
        await stage.deliver(letter, host="h3")
    await stage.honest("h3")
    assert stage.wire.resets("h3") == before + 1


async def challenge_of_another(stage: Stage, client: str) -> None:
    """The client is given the host's question about another request: what it then signs proves nothing."""
    nonces: list[bytes] = []

    def swap(found: Publish) -> Publish:
        envelope = decode(found.payload)
        if envelope.header.nonce is None:
            return found
        nonces.append(envelope.header.nonce)
        return found.with_payload(encode(envelope.header._replace(nonce=nonces[0]), envelope.body))

    before = stage.wire.resets("h3")
    stage.wire.near.rewrite = answers_to(stage, client, swap)
    async with stage.client(client) as asking:
        await stage.deliver(stage.writer(client, host="h3").letter(), host="h3")
        await until(lambda: bool(nonces))
        shown = await code_of(asking.host("h3").guest_reset(RESET, CallOptions(timeout_s=0.7)))
    stage.honest_again()
    assert shown == "UNSIGNED-RESPONSE"
    assert len(nonces) > 3
    await stage.honest("h3")
    assert stage.wire.resets("h3") == before + 1


async def challenge_of_before(stage: Stage, client: str) -> None:
    """A proof that was held back until the host began anew."""
    stolen: list[Publish] = []

    def steal(found: Publish) -> Publish | tuple[Publish, ...]:
        if decode(found.payload).header.nonce is None:
            return found
        stolen.append(found)
        return ()

    before = stage.wire.resets("h3")
    stage.wire.far["h3"].rewrite = requests_of(stage, client, steal)
    async with stage.client(client) as asking:
        assert await code_of(asking.host("h3").guest_reset(RESET, CallOptions(timeout_s=0.4))) is not None
    await stage.wire.restart("h3")
    stage.honest_again()
    await stage.wire.deliver(stage.wire.far["h3"], stolen[0].topic, stolen[0].payload)
    await stage.honest("h3")
    assert stage.wire.resets("h3") == before + 1


REPLAYS: tuple[Scenario, ...] = (
    Scenario("replay-at-once", at_once, None),
    Scenario("replay-while-it-runs", while_it_runs, None),
    Scenario("replay-seconds-later", seconds_later, "EXPIRED"),
    Scenario("replay-hours-later", hours_later, "EXPIRED"),
    Scenario("older-than-the-journal", before_the_journal, "JOURNAL-LOST"),
    Scenario("replay-held-too-long", held_too_long, "EXPIRED"),
    Scenario("replay-a-restart-later", a_restart_later, None),
    Scenario("replay-after-pruning", after_pruning, "EXPIRED"),
    Scenario("replay-after-the-disk-was-lost", after_the_disk, "JOURNAL-LOST"),
    Scenario("replay-to-another-host", to_another_host, "MISADDRESSED"),
    Scenario("replay-to-another-operation", to_another_operation, "MISADDRESSED"),
    Scenario("replay-to-an-unknown-topic", to_an_unknown_topic, None),
    Scenario("reorder", reordered, None),
    Scenario("use-an-id-again", id_used_again, "IDEMPOTENCY-MISMATCH"),
    Scenario("mix-parts", mixed_parts, None),
    Scenario("renumber-a-part", part_with_other_number, "BAD-SIGNATURE"),
    Scenario("unproven-without-a-clock", unproven_at_no_clock, "CLOCK-UNSYNCHRONISED"),
    Scenario("replay-without-a-clock", replay_without_a_clock, None),
    Scenario("challenge-of-another-request", challenge_of_another, "CLOCK-UNSYNCHRONISED"),
    Scenario("challenge-of-before-a-restart", challenge_of_before, "CLOCK-UNSYNCHRONISED"),
)
