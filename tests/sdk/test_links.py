"""Broker addresses and connection options of a context."""

import asyncio
from pathlib import Path

import pytest
from made_certificates import Authority

from guestwire.model.errors import GuestwireError
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import addresses, broker_options, host_options, mqtt_link, socket_link, tcp_link

WHO = Credentials("operator:eve", "eve")


def test_addresses() -> None:
    assert addresses(Context(site="plant", brokers=("mqtt://a", "mqtts://b:1"))) == (("a", 1883, False), ("b", 1, True))


def test_a_url_that_is_none_is_an_error_of_the_configuration() -> None:
    with pytest.raises(GuestwireError) as caught:
        addresses(Context(site="plant", brokers=("mqtt://b:99999",)))
    assert (caught.value.code, caught.value.field) == ("CONFIG-INVALID", "brokers")


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


def test_a_key_for_tls_that_is_open_to_others(tmp_path: Path) -> None:
    key = tmp_path / "eve.key"
    key.touch(0o644)
    context = Context(site="plant", brokers=("mqtts://b",), certificate=str(tmp_path / "c"), certificate_key=str(key))
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


def straight(folder: Path, address: str) -> Context:
    files = Authority(folder).issue("eve")
    return Context(
        site="plant", via="tcp", address=address, host="h1", ca=str(folder / "ca.crt"), certificate=str(files.certificate),
        certificate_key=str(files.key),
    )  # fmt: skip


def test_the_host_must_have_the_certificate_of_its_id(tmp_path: Path) -> None:
    options = host_options(straight(tmp_path, "10.0.0.1"), WHO, 3.0)
    assert (options.host, options.port, options.tls_server_name) == ("10.0.0.1", 6000, "h1")
    assert options.tls is not None
    assert options.tls.check_hostname
    with pytest.raises(GuestwireError) as refused:
        host_options(straight(tmp_path, "10.0.0.1:0"), WHO, 3.0)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", "address")


async def test_no_listener_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(GuestwireError, match="LISTENER-UNREACHABLE"):
        async with tcp_link(straight(tmp_path, "127.0.0.1:1"), WHO, 30.0):
            pass
