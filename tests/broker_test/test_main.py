"""The broker as a command: its ready line, its end, its errors."""

import asyncio
import json
import os
import signal
import sys
from subprocess import PIPE

import pytest

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.main import options_from, parser

KINDS = ["mosquitto", "embedded"]


async def _start(*arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.broker_test", *arguments, stdout=PIPE, stderr=PIPE
    )


@pytest.fixture
def kind_arguments(request):
    if request.param == "mosquitto":
        require_mosquitto()
        return request.param, []
    return request.param, ["--embedded"]


@pytest.mark.parametrize("kind_arguments", KINDS, indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ready_line_as_json_and_a_clean_end(kind_arguments, number, connect):
    kind, arguments = kind_arguments
    process = await _start("--json", *arguments)
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    assert ready["kind"] == kind
    assert (ready["host"], ready["tls_port"]) == ("127.0.0.1", None)
    assert ready["url"] == f"mqtt://127.0.0.1:{ready['port']}"
    await (await connect(ready["port"])).ping()
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out, err) == (0, b"", b"")
    with pytest.raises(ProcessLookupError):
        os.kill(ready["pid"], 0)


async def test_ready_line_as_text_and_the_log_when_verbose(connect):
    process = await _start("--embedded", "--verbose")
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    start, _, url = line.rpartition(" on ")
    assert start.startswith("guestwire broker: embedded ")
    await connect(int(url.strip().rpartition(":")[2]), "visible")
    process.terminate()
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert b"as visible" in err
    assert process.returncode == 0


async def test_when_mosquitto_dies_so_does_the_command():
    require_mosquitto()
    process = await _start("--json")
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    os.kill(ready["pid"], signal.SIGKILL)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"ended by itself" in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--bind", "0.0.0.0"], b"127.0.0.1 only"),
        (["--port", "70000"], b"no port"),
        (["--tls-only"], b"needs both"),
        (["--tls-cert", "c"], b"needs both"),
        (["--acl", "/nowhere/acl"], b"/nowhere/acl"),
        (["--password-file", "/nowhere/p"], b"/nowhere/p"),
        (["--persistence", "/nowhere"], b"no folder"),
        (["--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"], b"BROKER-START-FAILED"),
    ],
)
async def test_errors_have_their_code_and_exit_1(arguments, text):
    process = await _start("--embedded", *arguments)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert out == b""
    assert b"BROKER-START-FAILED" in err
    assert text in err
    assert b"Traceback" not in err


def test_how_many_clients_it_takes_can_be_said():
    assert options_from(parser().parse_args([])).max_clients == 2000
    assert options_from(parser().parse_args(["--max-clients", "4000"])).max_clients == 4000


async def test_usage_is_exit_2():
    process = await _start("--no-such-option")
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "guestwire.broker_test", "--with-parent", "--json", *sys.argv[1:]])
time.sleep(60)
"""


@pytest.mark.parametrize("kind_arguments", KINDS, indirect=True)
async def test_with_parent_it_ends_when_its_starter_is_killed(kind_arguments, connect):
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, *kind_arguments[1], stdout=PIPE)
    ready = json.loads(await asyncio.wait_for(parent.stdout.readline(), 30))
    client = await connect(ready["port"])
    parent.kill()
    await client.gone()
    # the pipe's other end is the broker's stdout: its end is the process's end
    assert await asyncio.wait_for(parent.stdout.read(), 30) == b""
    await parent.wait()
