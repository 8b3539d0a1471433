"""A peer that the handshake let through and the owner of the connection does not believe: both transports, both loops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop
from tls_files import certificate

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.link import aiomqtt, mqtt5
from guestwire.link.transport import Connect, Level, Options, PeerCheck, TransportError

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory

pytestmark = pytest.mark.mosquitto

LIMIT_S = 20.0
NAME = "broker.example"

Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(
    params=[(mqtt5.connect, 5), (aiomqtt.connect, 5), (aiomqtt.connect, 4)], ids=["mqtt5", "aiomqtt-5", "-4"]
)
def variant(request: pytest.FixtureRequest) -> tuple[Connect, Level]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Loop:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def broker(mosquitto_factory: MosquittoFactory, tmp_path: Path) -> Mosquitto:
    root = certificate("root", ca=True)
    (tmp_path / "ca.pem").write_bytes(root.pem)
    certificate(NAME, certificate("issuing", root, ca=True)).write(tmp_path / "cert.pem", tmp_path / "key.pem")
    tls = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    return await mosquitto_factory(BrokerOptions(listeners=(Listener(tls=tls),), verbose=True))


async def on(loop: Loop, work: Callable[[], Awaitable[None]]) -> None:
    """Run it on a loop of its own, beside the one that the broker is watched on."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await work()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(limited())

    await asyncio.to_thread(run)


async def connected(
    variant: tuple[Connect, Level], loop: Loop, broker: Mosquitto, folder: Path, check: PeerCheck
) -> None:
    connect, level = variant

    async def work() -> None:
        link = await connect(
            Options(
                "127.0.0.1", broker.port, "the-client", level, tls_server_name=NAME, check_peer=check,
                tls=ssl.create_default_context(cafile=folder / "ca.pem"), connect_timeout_s=LIMIT_S,
            ),
            lambda message: message.ack(),
        )  # fmt: skip
        assert await link.publish("t", b"") in (0, 0x10)
        await link.close()

    await on(loop, work)


async def test_the_check_sees_the_certificate_and_lets_the_connection_through(
    variant: tuple[Connect, Level], loop: Loop, broker: Mosquitto, tmp_path: Path
) -> None:
    names: list[object] = []

    def check(peer: ssl.SSLObject | ssl.SSLSocket) -> str | None:
        names.append((peer.getpeercert() or {})["subjectAltName"])
        return None

    await connected(variant, loop, broker, tmp_path, check)
    assert names == [(("DNS", NAME),)]


async def test_a_peer_that_is_not_believed_gets_no_connect_packet(
    variant: tuple[Connect, Level], loop: Loop, broker: Mosquitto, tmp_path: Path
) -> None:
    with pytest.raises(TransportError) as caught:
        await connected(variant, loop, broker, tmp_path, lambda peer: "it has run out")
    assert caught.value.code == "BROKER-UNREACHABLE"
    assert caught.value.detail["why"] == "it has run out"
    assert not any("the-client" in line for line in broker.log)


async def test_without_tls_there_is_nobody_to_check(
    variant: tuple[Connect, Level], loop: Loop, mosquitto_broker: Mosquitto
) -> None:
    connect, level = variant

    async def work() -> None:
        options = Options("127.0.0.1", mosquitto_broker.port, "c", level, check_peer=lambda peer: "nobody")
        await (await connect(options, lambda message: message.ack())).close()

    await on(loop, work)
