"""What is wrong is refused by a stable code, counted, and hurts nobody: messages, by a real agent over real mosquitto.

What users see of it at the command line is in test_cli_errors.py; outages and full disks are in test_hard_times.py.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from fleet import PATIENCE_S, Fleet, fleet
from raw_client import RawClient, raw_client

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.model.guest import Guest
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import FRAME_LIMIT, PART_LIMIT, Envelope, encode
from guestwire.protocol.error_body import from_body
from guestwire.protocol.packing import pack, unpack_flat
from guestwire.protocol.signing import SigningKey
from guestwire.site.files import read_signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUEST = {"guest": "rtlinux"}
_names = (f"c{n}" for n in itertools.count())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        made = await stack.enter_async_context(fleet(tmp_path_factory.mktemp("site"), broker, {"h1": {}, "h2": {}}))
        await made.client.host("h1").guest_start(m.GuestStart(guest="rtlinux"))
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def raw(site: Fleet) -> AsyncIterator[RawClient]:
    """A client of its own for each test: failures are counted, and throttled, by client."""
    key = read_signing_key(site.layout.key("operator:admin"))
    async with raw_client(site.broker.port, next(_names), key, "operator:admin") as client:
        yield client


def resets(site: Fleet) -> int:
    """How often any guest of h1 was reset: the effect that no bad message may have."""
    return sum(site.agents["h1"].resets().values())


async def counted(site: Fleet, code: str, before: int) -> None:
    """Wait until the host has counted one more refusal of that code."""
    async with asyncio.timeout(PATIENCE_S):
        while (count := (await site.refused("h1")).get(code, 0)) == before:
            continue
    assert count == before + 1


def altered(frame: bytes, at: int) -> bytes:
    """The frame with one bit changed; negative: from its end."""
    damaged = bytearray(frame)
    damaged[at] ^= 1
    return bytes(damaged)


def duplicate_key(raw: RawClient) -> bytes:
    one = pack({"guest": "rtlinux"})
    return raw.request("guest-reset", b"\x82" + one[1:] + one[1:])


def unsigned(raw: RawClient) -> bytes:
    body = pack(GUEST)
    return encode(raw.header("guest-reset", body), body)


def other_body(raw: RawClient) -> bytes:
    header, _, signatures, mandates = unpack_flat(raw.request("guest-reset", GUEST))
    return pack((header, pack({"guest": "linux1"}), signatures, mandates))


def large_body(raw: RawClient) -> bytes:
    header, _, signatures, mandates = unpack_flat(raw.request("guest-reset", GUEST))
    return pack((header, bytes(PART_LIMIT + 1), signatures, mandates))


def by_unknown_key(raw: RawClient) -> bytes:
    body = pack(GUEST)
    return encode(raw.header("guest-reset", body), body, (SigningKey.generate(),))


def in_another_name(raw: RawClient) -> bytes:
    return raw.request("guest-reset", GUEST, issuer="controller:main")


def past(seconds: float) -> Callable[[RawClient], bytes]:
    def make(raw: RawClient) -> bytes:
        at = raw.header("guest-reset", b"").issued_at - round(seconds * 1000)
        return raw.request("guest-reset", GUEST, issued_at=at, expires=at + 10_000)

    return make


@dataclass(frozen=True)
class Bad:
    """A message that must be refused with a code; `answered`: its sender hears of it, too."""

    what: str
    code: str
    make: Callable[[RawClient], bytes]
    answered: bool = True
    operation: str = "guest-reset"


BAD = (
    Bad("malformed", "MALFORMED", lambda raw: b"this is no envelope", answered=False),
    Bad("empty", "MALFORMED", lambda raw: b"", answered=False),
    Bad("truncated", "MALFORMED", lambda raw: raw.request("guest-reset", GUEST)[:-10], answered=False),
    Bad("followed by more", "MALFORMED", lambda raw: raw.request("guest-reset", GUEST) + b"\x00", answered=False),
    Bad("oversized frame", "FRAME-TOO-LARGE", lambda raw: bytes(FRAME_LIMIT + 1), answered=False),
    Bad("oversized body", "FRAME-TOO-LARGE", large_body, answered=False),
    Bad("duplicate key", "INVALID-BODY", duplicate_key),
    Bad("not its model", "INVALID-BODY", lambda raw: raw.request("guest-reset", {"guest": ""})),
    Bad("wrong version", "UNSUPPORTED-VERSION", lambda raw: raw.request("guest-reset", GUEST, version=(9, 0))),
    Bad("expired", "EXPIRED", past(60)),
    Bad("from the future", "EXPIRED", past(-600)),
    Bad("valid for a day", "EXPIRED", lambda raw: raw.request("guest-reset", GUEST, expires=(1 << 53) - 1)),
    Bad("no request id", "MALFORMED", lambda raw: raw.request("guest-reset", GUEST, request_id=bytes(16))),
    Bad("unsigned", "UNSIGNED", unsigned),
    Bad("by an unknown key", "KEY-UNKNOWN", by_unknown_key),
    Bad("altered signature", "BAD-SIGNATURE", lambda raw: altered(raw.request("guest-reset", GUEST), -2)),
    Bad("in another's name", "BAD-SIGNATURE", in_another_name),
    Bad("another body", "BODY-MISMATCH", other_body),
    Bad("unknown extension", "UNKNOWN-CRITICAL", lambda raw: raw.request("guest-reset", GUEST, crit=("x",))),
    Bad(
        "to another host",
        "MISADDRESSED",
        lambda raw: raw.request("guest-reset", GUEST, audience=("plant", "h2")),
        False,
    ),
    Bad(
        "of another site", "MISADDRESSED", lambda raw: raw.request("guest-reset", GUEST, audience=("mars", "h1")), False
    ),
    Bad("of another kind", "MISADDRESSED", lambda raw: raw.request("guest-reset", GUEST, kind="response"), False),
    Bad("answer to another", "MISADDRESSED", lambda raw: raw.request("guest-reset", GUEST, reply_to="other"), False),
    Bad("by another topic", "MISADDRESSED", lambda raw: raw.request("guest-reset", GUEST), False, "guest-start"),
    Bad("unknown operation", "UNIMPLEMENTED", lambda raw: raw.request("guest-bless", GUEST), True, "guest-bless"),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.what.replace(" ", "-"))
async def test_a_bad_message_is_refused_and_counted(bad: Bad, site: Fleet, raw: RawClient) -> None:
    before = (await site.refused("h1")).get(bad.code, 0)
    done = resets(site)
    await raw.publish(bad.operation, bad.make(raw))
    if bad.answered:
        answer, _ = await raw.final()
        assert answer.header.status == bad.code
        error = from_body(answer.body)
        assert error.code == bad.code
        assert len(error.message) > 10
    await counted(site, bad.code, before)
    assert resets(site) == done
    assert site.agents["h1"].running
    sound = raw.request("guest-show", GUEST)
    await raw.publish("guest-show", sound)
    assert (await raw.final())[0].header.status == "ok"


async def test_a_key_that_may_not_do_it(site: Fleet) -> None:
    key = read_signing_key(site.layout.key("controller:main"))
    before = (await site.refused("h1")).get("OUT-OF-SCOPE", 0)
    async with raw_client(site.broker.port, next(_names), key, "controller:main") as raw:
        await raw.publish("guest-destroy", raw.request("guest-destroy", GUEST))
        answer, _ = await raw.final()
    assert answer.header.status == "OUT-OF-SCOPE"
    await counted(site, "OUT-OF-SCOPE", before)


async def test_a_retained_request_is_refused(site: Fleet, raw: RawClient) -> None:
    before = (await site.refused("h1")).get("RETAINED-REQUEST", 0)
    await raw.publish("guest-reset", raw.request("guest-reset", GUEST), retain=True)
    await counted(site, "RETAINED-REQUEST", before)
    await raw.publish("guest-reset", b"", retain=True)


async def test_a_replay_gets_the_stored_answer_and_does_nothing(site: Fleet, raw: RawClient) -> None:
    done = resets(site)
    request = raw.request("guest-reset", GUEST)
    await raw.publish("guest-reset", request)
    answer, first = await raw.final()
    assert answer.header.status == "ok"
    for _ in range(3):
        await raw.publish("guest-reset", request)
        assert (await raw.final())[1] == first
    assert resets(site) == done + 1


async def test_a_replay_by_another_client_is_misaddressed(site: Fleet, raw: RawClient) -> None:
    before = (await site.refused("h1")).get("MISADDRESSED", 0)
    done = resets(site)
    async with raw_client(site.broker.port, next(_names), raw.key, "operator:admin") as other:
        await other.publish("guest-reset", raw.request("guest-reset", GUEST))
    await counted(site, "MISADDRESSED", before)
    assert resets(site) == done


async def test_an_id_is_used_for_one_request(site: Fleet, raw: RawClient) -> None:
    before = (await site.refused("h1")).get("IDEMPOTENCY-MISMATCH", 0)
    name = ids.request_id(raw.header("guest-reset", b"").issued_at)
    await raw.publish("guest-reset", raw.request("guest-reset", GUEST, request_id=name))
    assert (await raw.final())[0].header.status == "ok"
    await raw.publish("guest-reset", raw.request("guest-reset", {"guest": "linux1"}, request_id=name))
    assert (await raw.final())[0].header.status == "IDEMPOTENCY-MISMATCH"
    await counted(site, "IDEMPOTENCY-MISMATCH", before)


async def test_a_refused_request_stays_refused(site: Fleet, raw: RawClient) -> None:
    """A replay of what was refused once, after the reason is gone, does not run it."""
    request = raw.request("guest-undefine", {"guest": "later"})
    await raw.publish("guest-undefine", request)
    answer, first = await raw.final()
    assert answer.header.status == "NOT-FOUND"
    api = site.client.host("h1")
    await api.guest_define(m.GuestDefine(guest=Guest(name="later", memory_mib=16)))
    await raw.publish("guest-undefine", request)
    assert (await raw.final())[1] == first
    assert (await api.guest_show(m.GuestRef(guest="later"))).reply.guest.name == "later"


async def test_a_flood_of_bad_messages_is_not_answered_for_ever(site: Fleet, raw: RawClient) -> None:
    """After its burst a client that sends rubbish is not answered, and its good requests are told to wait."""
    for _ in range(40):
        await raw.publish("guest-reset", unsigned(raw))
    await raw.publish("guest-reset", raw.request("guest-reset", GUEST))

    def throttled(envelope: Envelope) -> bool:
        return envelope.header.status == "THROTTLED"

    answer, _ = await raw.answer(throttled)
    after_ms = from_body(answer.body).after_ms
    assert after_ms is not None
    assert after_ms > 0
    assert (await site.client.host("h1").host_ping(m.Ping())).reply.epoch == 1, "another client is not throttled"


async def test_refusals_are_told_as_notices(site: Fleet, raw: RawClient) -> None:
    async with site.cli.following(
        "notices", "-f", "-o", "json", "h1", "--class", "presence", "--class", "audit"
    ) as heard:
        await heard.line('"online"')
        await raw.publish("guest-reset", unsigned(raw))
        await heard.line(f'"class": "audit".*"code": "UNSIGNED".*"client": "{raw.name}"')
