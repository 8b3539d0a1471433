"""The controller's server: in our loop, over HTTP for this machine alone, over HTTPS for others; it ends when it is told to."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from made_certificates import SERVER, Authority

from guestwire.controller.serving import serving
from guestwire.model.errors import GuestwireError


async def _application(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


async def test_http_on_this_machine() -> None:
    async with serving(_application, ("127.0.0.1", 0)) as url, httpx.AsyncClient() as client:
        answer = await client.get(url)
        assert (answer.status_code, answer.text) == (200, "http")
        assert "server" not in answer.headers
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient() as client:
            await client.get(url)


async def test_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("localhost", (SERVER,))
    context = ssl.create_default_context(cafile=str(authority.certificate))
    tls = (str(files.certificate), str(files.key))
    async with serving(_application, ("127.0.0.1", 0), tls=tls) as url, httpx.AsyncClient(verify=context) as client:
        answer = await client.get(url.replace("127.0.0.1", "localhost"))
        assert (answer.status_code, answer.text) == (200, "https")


@pytest.mark.parametrize(
    ("listen", "tls", "code"),
    [
        (("0.0.0.0", 0), None, "CONFIG-INVALID"),
        (("127.0.0.1", 0), ("/nowhere.crt", "/nowhere.key"), "KEY-FILE-INVALID"),
        (("192.0.2.1", 0), ("/nowhere.crt", "/nowhere.key"), "CONFIG-INVALID"),
    ],
    ids=["open to others without TLS", "no files", "not an address of this machine"],
)
async def test_what_is_not_served(listen: tuple[str, int], tls: tuple[str, str] | None, code: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        async with serving(_application, listen, tls=tls):
            pass
    assert refused.value.code == code


async def test_a_request_under_way_has_its_answer_before_the_end() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked.set()
        await answered.wait()
        await _application(scope, receive, send)

    async with httpx.AsyncClient() as client:
        async with serving(slow, ("127.0.0.1", 0)) as url:
            request = asyncio.create_task(client.get(url))
            await asked.wait()
            asyncio.get_running_loop().call_soon(answered.set)
        assert (await request).status_code == 200


async def test_a_connection_stays_for_longer_than_those_who_keep_it_for_their_next_request() -> None:
    """httpx keeps it for five seconds, nginx for sixty: were it closed here at that moment, the request on its way would be lost."""
    async with serving(_application, ("127.0.0.1", 0)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"http\r\n0\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.5):
                await reader.read(1)
        writer.close()
