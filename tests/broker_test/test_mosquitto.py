"""A real mosquitto: configuration text, start, options, restart, end."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.mosquitto import free_port, mosquitto_config
from guestwire.broker_test.options import BrokerOptions, Listener, Tls


class TestConfig:
    def test_one_listener_shares_its_security(self):
        text = mosquitto_config(BrokerOptions(listeners=(Listener(acl=Path("/a")),)), (1234,), "root")
        lines = text.splitlines()
        assert "listener 1234 127.0.0.1" in lines
        assert "per_listener_settings false" in lines
        assert "set_tcp_nodelay true" in lines
        assert "acl_file /a" in lines
        assert "allow_anonymous true" in lines
        assert "user root" in lines
        assert lines.index("acl_file /a") < lines.index("listener 1234 127.0.0.1")

    def test_different_listeners_have_their_own(self):
        tls = Tls(Path("/c"), Path("/k"), Path("/ca"), require_client_certificate=True)
        options = BrokerOptions(listeners=(Listener(), Listener(tls=tls, passwords=Path("/p"))))
        plain, secure = mosquitto_config(options, (1, 2), None).split("listener 1 ")[1].split("listener 2 ")
        assert "allow_anonymous true" in plain
        assert "password_file" not in plain
        for line in ("certfile /c", "keyfile /k", "cafile /ca", "require_certificate true", "password_file /p"):
            assert line in secure
        assert "allow_anonymous false" in secure

    def test_queues_are_bounded_by_bytes_and_number(self):
        """2.0.11 ignores the bytes as long as the number is unlimited."""
        text = mosquitto_config(BrokerOptions(max_queued_bytes=7, max_queued_messages=8), (1,), None)
        assert "max_queued_bytes 7" in text.splitlines()
        assert "max_queued_messages 8" in text.splitlines()

    @pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.1"])
    async def test_only_loopback(self, mosquitto_factory, bind):
        with pytest.raises(BrokerError, match=r"127\.0\.0\.1 only") as caught:
            await mosquitto_factory(BrokerOptions(bind=bind))
        assert caught.value.code == "BROKER-START-FAILED"


async def test_ready_with_version_port_and_log(mosquitto_broker, connect):
    assert mosquitto_broker.version[0].isdigit()
    assert mosquitto_broker.url == f"mqtt://127.0.0.1:{mosquitto_broker.port}"
    assert mosquitto_broker.tls_port is None
    await connect(mosquitto_broker.port, "somebody")
    assert "as somebody" in await mosquitto_broker.log.wait_for("as somebody")


async def test_a_taken_port_is_an_error_with_its_log(mosquitto_broker, mosquitto_factory):
    with pytest.raises(BrokerError, match="Address already in use"):
        await mosquitto_factory(BrokerOptions(listeners=(Listener(port=mosquitto_broker.port),)))


async def test_a_bad_file_is_an_error_with_its_log(mosquitto_factory, tmp_path):
    with pytest.raises(BrokerError, match="nothing-here"):
        await mosquitto_factory(BrokerOptions(listeners=(Listener(passwords=tmp_path / "nothing-here"),)))


async def test_kill_is_seen_and_restart_uses_the_same_port(mosquitto_broker):
    port, pid = mosquitto_broker.port, mosquitto_broker.pid
    await mosquitto_broker.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await mosquitto_broker.restart()
    assert mosquitto_broker.port == port
    assert mosquitto_broker.pid != pid


async def test_a_stopped_process_is_ended_too(mosquitto_factory):
    broker = await mosquitto_factory(BrokerOptions(stop_timeout_s=0.5))
    pid = broker.pid
    os.kill(pid, signal.SIGSTOP)
    await broker.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_reload_reads_the_access_list_again(mosquitto_factory, connect, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    client = await connect(broker.port)
    assert await client.publish("a") == 0x87
    acl.write_text("topic readwrite #\n")
    broker.reload()
    await broker.log.wait_for("Reloading config")
    assert (await connect(broker.port)).connack.reason_code.value == 0
    assert await client.publish("a") == 0x10


PARENT = """
import asyncio, sys
from guestwire.broker_test.mosquitto import mosquitto
async def main():
    async with mosquitto() as broker:
        print(broker.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.usefixtures("mosquitto_factory")
async def test_no_mosquitto_outlives_a_killed_parent():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    watched = os.pidfd_open(pid)
    try:
        ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(watched, lambda: ended.done() or ended.set_result(None))
        parent.kill()
        await asyncio.wait_for(ended, 10)
    finally:
        asyncio.get_running_loop().remove_reader(watched)
        os.close(watched)
        await parent.wait()


def test_free_ports_are_free():
    assert free_port() > 1023
