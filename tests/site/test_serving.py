"""Connections to the site's service: they are counted, and end, from their first moment."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest_asyncio

from guestwire.site.enrolment import SitePlan, create
from guestwire.site.serving import HANDSHAKE_S, MAX_OF_ONE_ADDRESS, serving

WITHIN_S = 20


async def _hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[str, int]]:
    def now() -> int:
        return int(time.time() * 1000)

    layout = create(tmp_path / "plant", SitePlan("plant", tls=True), now())
    async with serving(_hello, layout, ("127.0.0.1",), ("127.0.0.1", 0), now) as where:
        yield where


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _asked(place: tuple[str, int]) -> bytes:
    reader, writer = await asyncio.open_connection(*place, ssl=_anybody())
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        return await reader.read()
    finally:
        writer.transport.abort()


async def test_who_never_goes_on_with_tls_is_counted(place: tuple[str, int]) -> None:
    """TLS takes a quarter of a MiB: without a bound a thousand that say nothing would take the service down."""
    async with asyncio.timeout(WITHIN_S):
        silent = [await asyncio.open_connection(*place) for _ in range(MAX_OF_ONE_ADDRESS)]
        try:
            reader, writer = await asyncio.open_connection(*place)
            with suppress(ConnectionResetError):
                async with asyncio.timeout(HANDSHAKE_S / 2):
                    assert await reader.read() == b""
            writer.transport.abort()
        finally:
            for _, one in silent:
                one.transport.abort()
        while True:  # the places are free again as soon as the service has heard of it
            try:
                assert b"well" in await _asked(place)
                return
            except (ConnectionError, ssl.SSLError):
                continue


async def test_those_that_fail_leave_their_places(place: tuple[str, int]) -> None:
    async with asyncio.timeout(WITHIN_S):
        for _ in range(MAX_OF_ONE_ADDRESS + 1):
            reader, writer = await asyncio.open_connection(*place)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            with suppress(ConnectionResetError):
                await reader.read()
            writer.transport.abort()
        assert b"well" in await _asked(place)


async def test_many_after_each_other(place: tuple[str, int]) -> None:
    async with asyncio.timeout(WITHIN_S):
        for _ in range(MAX_OF_ONE_ADDRESS + 1):
            assert b"well" in await _asked(place)
