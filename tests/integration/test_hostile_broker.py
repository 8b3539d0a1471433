"""A hostile broker can drop, delay and reorder. It cannot forge, alter, replay or redirect: no effect, all of it counted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio
from packets import Publish, publish
from wire import Wire, wire

from guestwire.broker_test.proxy import Direction
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import Header, decode, encode
from guestwire.protocol.packing import pack, unpack_flat
from guestwire.protocol.signing import SigningKey
from guestwire.sdk.answers import CallOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESET = m.GuestRef(guest="rtlinux")
SOON = CallOptions(timeout_s=0.5)
STRANGER = SigningKey(bytes(32))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    async with wire(tmp_path_factory.mktemp("hostile"), hosts=("h1", "h2")) as wired:
        yield wired


@pytest.fixture(autouse=True)
def honest_afterwards(made: Wire) -> Iterator[None]:
    yield
    for proxy in (made.near, *made.far.values()):
        proxy.rewrite = None


Change = Callable[[Publish], Publish]


def requests(change: Change) -> Callable[[Direction, bytes], Sequence[bytes]]:
    """What a broker does that changes every reset on its way to a host."""

    def rewrite(direction: Direction, packet: bytes) -> Sequence[bytes]:
        found = publish(packet)
        if direction == "up" or found is None or not found.topic.endswith("/guest-reset"):
            return [packet]
        return [change(found).packet()]

    return rewrite


def answers(change: Change) -> Callable[[Direction, bytes], Sequence[bytes]]:
    """What a broker does that changes every answer on its way to the client."""

    def rewrite(direction: Direction, packet: bytes) -> Sequence[bytes]:
        found = publish(packet)
        if direction == "up" or found is None or "/response/" not in found.topic:
            return [packet]
        return [change(found).packet()]

    return rewrite


def flipped(index: int) -> Change:
    """One bit of a part of the envelope (0 header, 1 body) is another."""

    def change(found: Publish) -> Publish:
        parts = list(unpack_flat(found.payload))
        data = bytearray(parts[index])
        data[-1] ^= 1
        parts[index] = bytes(data)
        return found.with_payload(pack(tuple(parts)))

    return change


def flipped_signature(found: Publish) -> Publish:
    return found.with_payload(found.payload[:-2] + bytes([found.payload[-2] ^ 1]) + found.payload[-1:])


def stripped(found: Publish) -> Publish:
    header, body, _, mandates = unpack_flat(found.payload)
    return found.with_payload(pack((header, body, (), mandates)))


def forged(**changes: object) -> Change:
    """Another header, signed by somebody else's key."""

    def change(found: Publish) -> Publish:
        envelope = decode(found.payload)
        header: Header = envelope.header._replace(**changes)
        return found.with_payload(encode(header, envelope.body, (STRANGER,)))

    return change


def other_topic(found: Publish) -> Publish:
    return replace(found, topic=found.topic.replace("/guest-reset", "/guest-destroy"))


def other_client(found: Publish) -> Publish:
    return replace(found, topic=found.topic.replace("/admin/", "/mallory/"))


def retained(found: Publish) -> Publish:
    return replace(found, flags=found.flags | 1)


def rubbish(found: Publish) -> Publish:
    return found.with_payload(b"\xc1" * 40)


@dataclass(frozen=True)
class Attack:
    """What is done to every copy of a request, and the code it is counted under."""

    what: str
    change: Change
    code: str


ATTACKS = (
    Attack("alter the header", flipped(0), "MALFORMED"),
    Attack("alter the body", flipped(1), "BODY-MISMATCH"),
    Attack("alter the signature", flipped_signature, "BAD-SIGNATURE"),
    Attack("strip the signature", stripped, "UNSIGNED"),
    Attack("forge", forged(), "KEY-UNKNOWN"),
    Attack("forge a later end", forged(ttl_ms=1), "KEY-UNKNOWN"),
    Attack("deliver to another operation", other_topic, "MISADDRESSED"),
    Attack("deliver as another client", other_client, "MISADDRESSED"),
    Attack("retain", retained, "RETAINED-REQUEST"),
    Attack("replace by rubbish", rubbish, "MALFORMED"),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what.replace(" ", "-"))
async def test_no_effect_and_all_of_it_counted(attack: Attack, made: Wire) -> None:
    refused = made.hosts["h1"].agent.executor.refused
    before, counted, sent = made.resets(), refused[attack.code], 0
    total = made.refused()

    def counting(found: Publish) -> Publish:
        nonlocal sent
        sent += 1
        return attack.change(found)

    made.far["h1"].rewrite = requests(counting)
    with pytest.raises(GuestwireError) as raised:
        await made.api().guest_reset(RESET, SOON)
    # a refusal of a copy that the client never sent need not be believed either
    assert raised.value.code in (attack.code, "HOST-UNREACHABLE", "UNSIGNED-RESPONSE")
    assert made.resets() == before
    assert sent >= 1
    assert refused[attack.code] - counted == sent
    assert made.refused() - total == sent


async def test_a_captured_command_is_not_run_again(made: Wire) -> None:
    """Neither at once nor later, by its own topic or another host's."""
    captured: list[Publish] = []

    def capture(found: Publish) -> Publish:
        captured.append(found)
        return found

    made.far["h1"].rewrite = requests(capture)
    before, before_2 = made.resets(), made.resets("h2")
    await made.api().guest_reset(RESET)
    assert made.resets() == before + 1
    made.far["h1"].rewrite = None
    again = replace(captured[0], flags=0, packet_id=b"")  # QoS 0: a packet id would be the session's own business
    for _ in range(3):
        await made.far["h1"].inject("down", again.packet())
    misaddressed = made.hosts["h2"].agent.executor.refused
    counted = misaddressed["MISADDRESSED"]
    await made.far["h2"].inject("down", replace(again, topic=again.topic.replace("/h1/", "/h2/")).packet())
    for host in ("h1", "h2"):  # answered after what was injected before it
        await made.api(host).host_ping(m.Ping())
    assert made.resets() == before + 1
    assert made.resets("h2") == before_2
    assert misaddressed["MISADDRESSED"] == counted + 1


async def test_a_command_that_is_held_back_too_long_is_not_run(made: Wire) -> None:
    held: list[Publish] = []

    def hold(direction: Direction, packet: bytes) -> Sequence[bytes]:
        found = publish(packet)
        if direction == "up" or found is None or not found.topic.endswith("/guest-reset"):
            return [packet]
        held.append(found)
        return []

    made.far["h1"].rewrite = hold
    before, expired = made.resets(), made.hosts["h1"].agent.executor.refused["EXPIRED"]
    with pytest.raises(GuestwireError):
        await made.api().guest_reset(RESET, CallOptions(timeout_s=1.0, accept_within_s=0.2))
    made.far["h1"].rewrite = None
    await made.far["h1"].inject("down", replace(held[0], flags=0, packet_id=b"").packet())
    await made.api().host_ping(m.Ping())
    assert made.resets() == before
    assert made.hosts["h1"].agent.executor.refused["EXPIRED"] == expired + 1


@pytest.mark.parametrize(
    "change", [stripped, flipped_signature, flipped(1), forged()], ids=["strip", "sign", "body", "forge"]
)
async def test_an_answer_is_not_believed_that_the_host_did_not_sign(change: Change, made: Wire) -> None:
    """The effect happened; what the client must not do is take somebody else's word for it."""
    before = made.resets()
    made.near.rewrite = answers(change)
    with pytest.raises(GuestwireError) as raised:
        await made.api().guest_reset(RESET, SOON)
    assert raised.value.code in ("UNSIGNED-RESPONSE", "HOST-UNREACHABLE", "NO-ANSWER")
    assert made.resets() == before + 1


async def test_an_answer_to_another_request_is_not_taken(made: Wire) -> None:
    """The signed answer to one request, delivered for another one."""
    signed: list[bytes] = []

    def first_again(found: Publish) -> Publish:
        if decode(found.payload).header.phase == "final":
            signed.append(found.payload)
        return found.with_payload(signed[0]) if signed else found

    made.near.rewrite = answers(first_again)
    assert (await made.api().guest_reset(RESET)).verified
    with pytest.raises(GuestwireError) as raised:
        await made.api().guest_reset(RESET, SOON)
    assert raised.value.code in ("HOST-UNREACHABLE", "NO-ANSWER")


async def test_forged_presence_and_notices_are_not_believed(made: Wire) -> None:
    """A stranger says that h1 has gone: it is shown as it is."""

    def gone(direction: Direction, packet: bytes) -> Sequence[bytes]:
        found = publish(packet)
        if direction == "up" or found is None or not found.topic.endswith("/presence"):
            return [packet]
        return [forged()(found).packet()]

    made.near.rewrite = gone
    seen = {one.host: one for one in await made.client.hosts(0.5)}
    assert not any(one.verified for one in seen.values())
    made.near.rewrite = None
    seen = {one.host: one for one in await made.client.hosts(5)}
    assert {one.state for one in seen.values()} == {"online"}
    assert all(one.verified for one in seen.values())


async def test_the_fleet_is_sound_after_all_of_it(made: Wire) -> None:
    for host in ("h1", "h2"):
        before = made.resets(host)
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                assert (await made.api(host).guest_reset(RESET)).verified
        assert made.resets(host) == before + 1
