"""Commands over real mosquitto while the network cuts, delays, doubles, reorders and loses: each effect happens once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fleet import client_context, make_site
from packets import publish
from wire import Wire, wire

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.proxy import Direction, fault_proxy
from guestwire.link.transport import TransportError
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import open_client

RESET = m.GuestRef(guest="rtlinux")
COUNT = 12

both_transports = pytest.mark.parametrize("transport", ["mqtt5", "aiomqtt"])


async def reset_all(made: Wire, count: int = COUNT) -> None:
    """Ask for resets all at once; every one succeeds, and happened exactly once."""
    before = made.resets()
    answers = await asyncio.gather(*(made.api().guest_reset(RESET, CallOptions(timeout_s=40)) for _ in range(count)))
    assert all(answer.verified for answer in answers)
    assert made.resets() == before + count


def twice(_direction: Direction, packet: bytes) -> Sequence[bytes]:
    """Every PUBLISH doubled: at QoS 1 a network does that when it loses the PUBACK."""
    return [packet, packet] if publish(packet) is not None else [packet]


def swapped() -> Callable[[Direction, bytes], Sequence[bytes]]:
    """Every PUBLISH waits until the next one has gone before it; any other packet lets it go."""
    waiting: dict[Direction, bytes] = {}

    def rewrite(direction: Direction, packet: bytes) -> Sequence[bytes]:
        held = waiting.pop(direction, None)
        if held is not None:
            return [packet, held]
        if publish(packet) is not None:
            waiting[direction] = packet
            return []
        return [packet]

    return rewrite


def losing(answers: int) -> Callable[[Direction, bytes], Sequence[bytes]]:
    """The first copy of every request at QoS 0 is lost, and so many answers: only the client that asked sends again."""
    seen: set[bytes] = set()
    left = answers

    def rewrite(direction: Direction, packet: bytes) -> Sequence[bytes]:
        nonlocal left
        found = publish(packet)
        if found is None or found.qos:
            return [packet]
        if direction == "up":
            left -= 1
            return [packet] if left < 0 else []
        lost = found.payload not in seen
        seen.add(found.payload)
        return [] if lost else [packet]

    return rewrite


@both_transports
async def test_delayed_packets(transport: str, tmp_path: Path) -> None:
    async with wire(tmp_path, transport=transport) as made:
        made.near.delay(0.15)
        made.far["h1"].delay(0.15)
        await reset_all(made)


@both_transports
@pytest.mark.parametrize("side", ["client", "host"])
async def test_doubled_packets(side: str, transport: str, tmp_path: Path) -> None:
    async with wire(tmp_path, transport=transport) as made:
        (made.near if side == "client" else made.far["h1"]).rewrite = twice
        await reset_all(made)


@both_transports
async def test_reordered_packets(transport: str, tmp_path: Path) -> None:
    async with wire(tmp_path, transport=transport) as made:
        made.near.rewrite = swapped()
        made.far["h1"].rewrite = swapped()
        await reset_all(made)


@both_transports
async def test_lost_packets(transport: str, tmp_path: Path) -> None:
    async with wire(tmp_path, transport=transport) as made:
        made.far["h1"].rewrite = losing(COUNT)
        pings = (made.api().host_ping(m.Ping(payload=bytes([n])), CallOptions(timeout_s=20)) for n in range(COUNT))
        answers = await asyncio.gather(*pings)
        assert [answer.reply.payload for answer in answers] == [bytes([n]) for n in range(COUNT)]
        await reset_all(made)


@both_transports
@pytest.mark.parametrize("side", ["client", "host"])
async def test_connections_that_are_cut_again_and_again(side: str, transport: str, tmp_path: Path) -> None:
    """Cut at a packet that matters, in the middle of the work, three times."""
    async with wire(tmp_path, transport=transport) as made:
        proxy = made.near if side == "client" else made.far["h1"]
        cuts = 0
        seen = 0

        def cutting(_direction: Direction, packet: bytes) -> Sequence[bytes]:
            nonlocal cuts, seen
            seen += publish(packet) is not None
            if seen >= 5 and cuts < 3:
                seen = 0
                cuts += 1
                asyncio.get_running_loop().call_soon(proxy.cut)
                return []
            return [packet]

        proxy.rewrite = cutting
        await reset_all(made)
        assert cuts == 3


@both_transports
async def test_a_half_open_connection_is_noticed(transport: str, tmp_path: Path) -> None:
    """The host's packets vanish without a word: its keep alive tells, and what was asked meanwhile is done once."""
    async with wire(tmp_path, transport=transport, keep_alive_s=1) as made:
        proxy = made.far["h1"]
        before, connections = made.resets(), proxy.accepted
        proxy.drop()
        call = asyncio.create_task(made.api().guest_reset(RESET, CallOptions(timeout_s=40)))
        link = made.hosts["h1"].agent.link
        assert link is not None
        async with asyncio.timeout(15):
            while link.session.transport is not None:
                await asyncio.sleep(0.01)
        proxy.heal()
        assert (await call).verified
        assert proxy.accepted > connections
        assert made.resets() == before + 1


async def test_a_host_without_a_trusted_clock_is_commanded_all_the_same(tmp_path: Path) -> None:
    """It asks for proof that each command is new, and replays have none."""
    async with wire(tmp_path, change=lambda parts: replace(parts, clock=lambda: "unsynchronised")) as made:
        await reset_all(made, 4)


@pytest.mark.parametrize("how", ["refuse", "refuse-v5", "close"])
async def test_a_broker_that_speaks_3_1_1_only(how: str, tmp_path: Path) -> None:
    """Both ends fall back, and everything works."""
    async with wire(tmp_path, no_v5=how) as made:
        link = made.hosts["h1"].agent.link
        assert link is not None
        assert link.session.transport is not None
        assert link.session.transport.connack.level == 4
        await reset_all(made)
        api = made.api()
        assert (await api.guest_destroy(RESET)).reply.status.state == "stopped"
        assert (await api.guest_start(m.GuestStart(guest="rtlinux"))).verified
        assert len((await api.guest_list()).reply.guests) == 2
        made.far["h1"].cut()
        made.near.cut()
        await reset_all(made, 4)


async def test_a_transport_that_has_5_only_says_so(tmp_path: Path) -> None:
    require_mosquitto()
    async with mosquitto() as broker, fault_proxy(broker.port) as proxy:
        proxy.no_v5 = "refuse"
        context = client_context(make_site(tmp_path, ["h1"]), f"mqtt://127.0.0.1:{proxy.port}", "mqtt5")
        with pytest.raises(TransportError) as raised:
            async with open_client(context):
                pass
    assert raised.value.code == "BROKER-NO-V5"


@both_transports
async def test_commands_outlive_a_restart_of_the_broker(transport: str, tmp_path: Path) -> None:
    """Asked for while the host is away, kept by the broker over its restart, done once when the host is back."""
    kept = tmp_path / "broker"
    kept.mkdir()
    async with wire(tmp_path, transport=transport, persistence=kept) as made:
        before = made.resets()
        proxy = made.far["h1"]
        await proxy.refuse()
        proxy.cut()
        call = asyncio.create_task(made.api().guest_reset(RESET, CallOptions(timeout_s=40)))
        await made.broker.log.wait_for("/request/admin/guest-reset")
        await made.broker.restart()
        assert made.resets() == before
        await proxy.accept()
        assert (await call).verified
        assert made.resets() == before + 1
