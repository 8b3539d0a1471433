"""The clients people have: mosquitto_pub, _sub and _rr against both kinds of broker."""

import asyncio
import shutil
from subprocess import PIPE

import pytest

pytestmark = pytest.mark.skipif(shutil.which("mosquitto_rr") is None, reason="no mosquitto clients on this machine")


async def _run(program, broker, *arguments):
    process = await asyncio.create_subprocess_exec(
        program, "-V", "5", "-h", broker.host, "-p", str(broker.port), *arguments, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_retained_publish_and_subscribe(broker):
    await _run(
        "mosquitto_pub", broker, "-t", "a/r", "-m", "kept", "-r", "-q", "1", "-D", "publish", "content-type", "text"
    )
    out = await _run("mosquitto_sub", broker, "-t", "a/+", "-q", "1", "-C", "1", "-W", "10", "-F", "%t %p %C %r")
    assert out == "a/r kept text 1\n"


async def test_a_session_collects_while_away(broker):
    session = ("-i", "s", "-c", "-q", "1", "-t", "q", "-x", "600")
    await _run("mosquitto_sub", broker, *session, "-E")
    for text in ("one", "two"):
        await _run("mosquitto_pub", broker, "-t", "q", "-m", text, "-q", "1")
    assert await _run("mosquitto_sub", broker, *session, "-C", "2", "-W", "10") == "one\ntwo\n"


async def test_request_and_response(broker, connect):
    responder = await connect(broker.port)
    await responder.subscribe("request")
    asking = asyncio.create_task(
        _run("mosquitto_rr", broker, "-t", "request", "-e", "response", "-m", "ping", "-q", "1", "-W", "10")
    )
    request = await responder.message()
    assert (request.payload, request.response_topic) == (b"ping", "response")
    responder.fire(request.response_topic, b"pong", 1, correlation_data=request.correlation_data)
    assert await asking == "pong\n"
