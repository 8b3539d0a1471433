"""Attacks on what a person decides by: plans, readings, and what became of a job. And what a broker may do to any packet without
a word of it being another: the command is the one that was given, and happens once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from hostile_cast import RESET
from hostile_replays import Play, Scenario
from hostile_requests import resigned, stripped
from hostile_stage import Between, Change, Stage, code_of, requests_of, until
from packets import Publish

from guestwire.model.base import Model
from guestwire.model.desired import content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol.audit import AuditQuery
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import Header, body_hash, decode, encode
from guestwire.protocol.error_body import to_body
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.host_api import HostApi

SOON = CallOptions(timeout_s=0.3)


def readings_of(stage: Stage, client: str, operation: str, change: Change) -> Between:
    """What changes the answers to one operation of a client."""

    def wanted(way: str, found: Publish) -> bool:
        if way != "down" or f"/client/{client}/response/" not in found.topic:
            return False
        return decode(found.payload).header.operation == operation

    return Between(stage.wire.level, wanted, change)


def other_words(body: Callable[[bytes], bytes], status: str = "ok") -> Change:
    """Another answer, by nobody."""

    def change(found: Publish) -> Publish:
        envelope = decode(found.payload)
        made = body(envelope.body)
        return found.with_payload(encode(envelope.header._replace(status=status, body_hash=body_hash(made)), made))

    return change


def stopped(body: bytes) -> bytes:
    """A guest that runs, as one that is stopped."""
    said = unpack(body)
    return pack({**said, "status": {**said["status"], "state": "stopped"}})


def nothing_there(_: bytes) -> bytes:
    return to_body(GuestwireError("NOT-FOUND"))


def not_believed(operation: str, change: Change, ask: Callable[[HostApi], Awaitable[object]]) -> Play:
    """The client asks, and is told that what came cannot be believed."""

    async def play(stage: Stage, client: str) -> None:
        async with stage.client(client) as asking:
            between = readings_of(stage, client, operation, change)
            stage.wire.near.rewrite = between
            assert await code_of(ask(asking.host("h1"))) == "UNSIGNED-RESPONSE"
            assert between.seen

    return play


async def ask_plan(api: HostApi, options: CallOptions = SOON, *, restart: bool = False) -> Answer[Plan]:
    desired = (await api.config_show(c.ConfigRef())).reply.desired
    return await api.config_plan(c.ConfigPlan(desired=desired, hash=content_hash(desired), restart=restart), options)


async def ask_guest(api: HostApi) -> object:
    return await api.guest_show(RESET, SOON)


async def ask_audit(api: HostApi) -> object:
    return await api.audit_list(AuditQuery(), SOON)


async def plan_of_another_draft(stage: Stage, client: str) -> None:
    """The host's own answer to this client about another draft, under the same request id."""
    first: list[bytes] = []

    def change(found: Publish) -> Publish:
        first.append(found.payload)
        return found.with_payload(first[0])

    async with stage.client(client) as asking:
        stage.wire.near.rewrite = readings_of(stage, client, "config-plan", change)
        answer = await ask_plan(asking.host("h1"), CallOptions(timeout_s=20))
        again = CallOptions(timeout_s=0.3, request_id=answer.request_id)
        assert await code_of(ask_plan(asking.host("h1"), again, restart=True)) == "HOST-UNREACHABLE"
        assert len(first) == 2


async def job_said_to_be_done(stage: Stage, client: str) -> None:
    """The command is kept back until it is over. Asked what became of it, somebody else says that it was done."""
    held_back: list[Publish] = []

    def hold(found: Publish) -> Sequence[Publish]:
        held_back.append(found)
        return ()

    def done(found: Publish) -> Publish:
        envelope = decode(found.payload)
        asked = m.JobGet(
            request_id=held_header().request_id, issuer="operator:admin", operation="guest-reset", state="succeeded",
            accepted_at=1, expires=1, final=(forged_final(),),
        )  # fmt: skip
        body = to_bytes(asked)
        return found.with_payload(encode(envelope.header._replace(status="ok", body_hash=body_hash(body)), body))

    def held_header() -> Header:
        return decode(held_back[0].payload).header

    def forged_final() -> bytes:
        body = b"\x80"
        header = held_header()._replace(kind="response", status="ok", phase="final", body_hash=body_hash(body))
        return encode(header, body)

    before = stage.wire.resets()
    stage.wire.far["h1"].rewrite = requests_of(stage, client, hold)
    between = readings_of(stage, client, "job-get", done)
    stage.wire.near.rewrite = between
    async with stage.client(client) as asking:
        call = asyncio.ensure_future(
            code_of(asking.host("h1").guest_reset(RESET, CallOptions(timeout_s=1.5, accept_within_s=0.2)))
        )
        await until(lambda: bool(between.seen) or call.done())
        assert between.seen
        assert await call == "HOST-UNREACHABLE"
    stage.honest_again()
    await stage.honest()
    assert stage.wire.resets() == before + 1


async def success_made_up(stage: Stage, client: str) -> None:
    """The command never comes to the host, and the broker answers in the host's name."""
    row = BY_NAME["guest-reset"]
    asked: list[bytes] = []

    def hold(found: Publish) -> Sequence[Publish]:
        asked.append(found.payload)
        return ()

    before = stage.wire.resets()
    stage.wire.far["h1"].rewrite = requests_of(stage, client, hold)
    async with stage.client(client) as asking:
        call = asyncio.ensure_future(code_of(asking.host("h1").guest_reset(RESET, CallOptions(timeout_s=1.0))))
        await until(lambda: bool(asked))
        view: Model = (await stage.wire.api().guest_show(RESET)).reply
        body = to_bytes(view)
        header = decode(asked[0]).header._replace(
            kind="response", issuer="host:h1", status="ok", phase="final", body_hash=body_hash(body), reply_to=client
        )
        assert row.reply is type(view)
        for keys in ((), (stage.cast["host:h2"],), (stage.cast["operator:eve"],)):
            await stage.wire.deliver(
                stage.wire.near, f"gw/1/plant/client/{client}/response/h1", encode(header, body, keys)
            )
        assert await call == "UNSIGNED-RESPONSE"
    stage.honest_again()
    await stage.honest()
    assert stage.wire.resets() == before + 1


READINGS: tuple[Scenario, ...] = (
    Scenario("plan-stripped", not_believed("config-plan", stripped, ask_plan), "UNSIGNED-RESPONSE"),
    Scenario("plan-forged", not_believed("config-plan", resigned(), ask_plan), "UNSIGNED-RESPONSE"),
    Scenario("plan-of-another-draft", plan_of_another_draft, "MISADDRESSED"),
    Scenario("reading-stripped", not_believed("guest-show", stripped, ask_guest), "UNSIGNED-RESPONSE"),
    Scenario("reading-says-stopped", not_believed("guest-show", other_words(stopped), ask_guest), "UNSIGNED-RESPONSE"),
    Scenario("reading-says-there-is-none", not_believed("guest-show", other_words(nothing_there, "NOT-FOUND"), ask_guest),
             "UNSIGNED-RESPONSE"),
    Scenario("reading-forged", not_believed("guest-show", resigned(), ask_guest), "UNSIGNED-RESPONSE"),
    Scenario("audit-log-stripped", not_believed("audit-list", stripped, ask_audit), "UNSIGNED-RESPONSE"),
    Scenario("job-said-to-be-done", job_said_to_be_done, "UNSIGNED-RESPONSE"),
    Scenario("success-made-up", success_made_up, "UNSIGNED-RESPONSE"),
)  # fmt: skip


# -- packets


def harmless(change: Change, *, v5: bool = False) -> Play:
    """The guest is reset once, and the client is told so."""

    async def play(stage: Stage, client: str) -> None:
        if v5 and stage.wire.level != 5:
            return  # 3.1.1 has no properties
        before, refused = stage.wire.resets(), stage.wire.refused()
        between = requests_of(stage, client, change)
        stage.wire.far["h1"].rewrite = between
        async with stage.client(client) as asking:
            assert (await asking.host("h1").guest_reset(RESET)).verified
        stage.honest_again()
        await stage.honest()
        assert between.seen
        assert (stage.wire.resets(), stage.wire.refused()) == (before + 2, refused)

    return play


def without_properties(found: Publish) -> Publish:
    return replace(found, properties=b"\x00")


def other_properties(found: Publish) -> Publish:
    """Response topic (0x08) of somebody else, correlation data (0x09) of nothing, and an expiry (0x02) of a second."""
    topic = b"gw/1/plant/client/mallory/response/h1"
    made = b"\x08" + len(topic).to_bytes(2, "big") + topic + b"\x09\x00\x01x" + b"\x02\x00\x00\x00\x01"
    return replace(found, properties=bytes([len(made)]) + made)


def at_most_once(found: Publish) -> Publish:
    return replace(found, flags=found.flags & 0b1001, packet_id=b"")


def doubled(found: Publish) -> Sequence[Publish]:
    return [found, at_most_once(found), replace(found, flags=found.flags | 0b1000)]


PACKETS: tuple[Scenario, ...] = (
    Scenario("packet-without-properties", harmless(without_properties, v5=True), None),
    Scenario("packet-answers-elsewhere", harmless(other_properties, v5=True), None),
    Scenario("packet-at-most-once", harmless(at_most_once), None),
    Scenario("packet-said-to-be-a-duplicate", harmless(lambda found: replace(found, flags=found.flags | 0b1000)), None),
    Scenario("packet-three-times", harmless(doubled), None),
)
