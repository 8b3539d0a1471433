"""The site's service as a client asks it for its trust document: the real service, and what is not one."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk.trust_authority import fetch
from guestwire.site import drafts, publishing
from guestwire.site.authority import Authority
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout
from guestwire.site.service import ServiceParts, application
from guestwire.site.service_log import ServiceLog
from guestwire.site.serving import serving

Answer = Callable[[asyncio.StreamWriter], None]


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "plant", SitePlan("plant", hosts=("h1",), tls=True), unix_ms())


@asynccontextmanager
async def service(layout: Layout) -> AsyncIterator[str]:
    parts = ServiceParts(Authority(layout, unix_ms), ServiceLog(layout.service_log), unix_ms, time.monotonic)
    async with serving(application(parts), layout, ["127.0.0.1"], ("127.0.0.1", 0), unix_ms) as (host, port):
        yield f"https://{host}:{port}"


async def test_the_document_and_only_when_it_is_news(layout: Layout) -> None:
    ca = str(layout.ca_certificate)
    async with service(layout) as url:
        assert await fetch(url, ca, (0, 0)) == layout.trust.read_bytes()
        assert await fetch(url, ca, (1, 0)) is None
        with publishing.site_open(layout):
            drafts.change(layout, lambda d: d.model_copy(update={"signers_needed": {"3": 2}}), unix_ms())
            publishing.sign(layout, unix_ms())
        assert await fetch(url, ca, (1, 0)) == layout.trust.read_bytes()


async def test_the_service_of_another_site(layout: Layout, tmp_path: Path) -> None:
    other = create(tmp_path / "other", SitePlan("plant", tls=True), unix_ms())
    async with service(other) as url:
        with pytest.raises(GuestwireError, match="certificate") as refused:
            await fetch(url, str(layout.ca_certificate), (0, 0))
    assert refused.value.code == "ENROLMENT-PEER-FALSE"


@asynccontextmanager
async def somebody(layout: Layout, answer: Answer) -> AsyncIterator[str]:
    """A server with the broker's certificate, which says what the test wants."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(layout.certificate("broker"), layout.certificate_key("broker"))
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            answer(writer)
            await ended.wait()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        ended.set()
        server.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "did not answer within"),
        (b"HTTP/1.1 200 OK\r\n", "did not answer within"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "did not answer within"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "no trust document"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no trust document"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "status 503"),
        (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        (b"x" * 40_000, "does not speak HTTP"),
    ],
)
async def test_what_is_no_answer(layout: Layout, said: bytes, why: str) -> None:
    async with somebody(layout, lambda writer: writer.write(said)) as url:
        with pytest.raises(GuestwireError, match=why) as refused:
            await fetch(url, str(layout.ca_certificate), (0, 0), within_s=0.3)
    assert refused.value.code == "ENROLMENT-UNREACHABLE"


async def test_nobody_is_there(layout: Layout) -> None:
    with pytest.raises(GuestwireError) as refused:
        await fetch("https://127.0.0.1:1", str(layout.ca_certificate), (0, 0))
    assert refused.value.code == "ENROLMENT-UNREACHABLE"


async def test_no_ca_to_check_it_by(layout: Layout) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        await fetch("https://127.0.0.1:1", str(layout.trust), (0, 0))


@pytest.mark.parametrize("url", ["https://127.0.0.1:99999", "https://[::1:8443"])
async def test_what_is_no_address(layout: Layout, url: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        await fetch(url, str(layout.ca_certificate), (0, 0))
