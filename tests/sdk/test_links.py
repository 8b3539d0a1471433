"""Broker addresses and connection options of a context."""

import asyncio
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import broker_address, broker_options, mqtt_link, socket_link

WHO = Credentials("operator:eve", "eve")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://b", ("b", 1883, False)),
        ("mqtts://b", ("b", 8883, True)),
        ("mqtt://[::1]:99", ("::1", 99, False)),
        ("mqtts://b.example:1", ("b.example", 1, True)),
    ],
)
def test_addresses(url: str, address: tuple[str, int, bool]) -> None:
    assert broker_address(url) == address


@pytest.mark.parametrize("url", ["http://b", "mqtt://", "mqtt://b:port", "mqtt://b:99999", "mqtt://u@b", "mqtt://b/x"])
def test_no_addresses(url: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        broker_address(url)


def test_options(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush\n")
    secret.chmod(0o600)
    context = Context(site="plant", brokers=("mqtt://a", "mqtts://b"), username="u", password_file=str(secret))
    first, second = broker_options(context, WHO, "eve-1")
    assert (first.host, first.tls, first.username, first.password) == ("a", None, "u", "hush")
    assert second.tls is not None
    assert second.tls_server_name == "b"
    assert first.clean_start
    secret.chmod(0o644)
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        broker_options(context, WHO, "eve-1")


def test_tls_files_that_are_not_there() -> None:
    context = Context(site="plant", brokers=("mqtts://b",), ca="/nowhere/ca.crt")
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        broker_options(context, WHO, "eve-1")


async def test_every_broker_is_tried_and_the_failure_comes_at_once() -> None:
    context = Context(site="plant", brokers=("mqtt://127.0.0.1:1", "mqtt://127.0.0.1:2"))
    began = asyncio.get_running_loop().time()
    with pytest.raises(GuestwireError, match="BROKER-UNREACHABLE"):
        async with mqtt_link(context, WHO, 30.0):
            pass
    assert asyncio.get_running_loop().time() - began < 25


async def test_no_agent_on_the_socket(tmp_path: Path) -> None:
    context = Context(site="plant", via="socket", socket=str(tmp_path / "none"), host="h1")
    with pytest.raises(GuestwireError, match="SOCKET-UNREACHABLE"):
        async with socket_link(context, WHO, 30.0):
            pass
