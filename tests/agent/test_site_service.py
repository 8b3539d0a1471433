"""Asking the site's service: whatever answers there, or does not, is an error with a code, within a deadline."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from guestwire.agent.site_service import MAX_ANSWER_BYTES, ask, of_site, pinned
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import Refusal, fingerprint
from guestwire.site.ca import make_root_ca
from guestwire.site.certificates import load_key
from guestwire.site.leaves import issue_server

CA = make_root_ca("plant", datetime.now(UTC))
SERVER = issue_server(CA, ["127.0.0.1"], datetime.now(UTC))
PIN = fingerprint(load_key(SERVER.key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(tmp_path: Path, answer: Answer, *, tls: bool = True) -> AsyncIterator[tuple[str, int]]:
    (tmp_path / "c").write_bytes(SERVER.certificate)
    (tmp_path / "k").write_bytes(SERVER.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(one, "127.0.0.1", 0, ssl=context if tls else None) as server:
        yield server.sockets[0].getsockname()[:2]


async def code_of(address: tuple[str, int], *, pin: bytes = PIN, deadline_s: float = 20.0) -> str:
    with pytest.raises(GuestwireError) as refused:
        await asyncio.to_thread(ask, address, "/enrol", b"{}", *pinned(pin), deadline_s)
    return refused.value.code


def says(status: int, body: bytes, length: int | None = None) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n\r\n".encode() + body)

    return answer


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: no single wait is long."""
    await reader.readuntil(b"\r\n\r\n{}")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    gone = asyncio.create_task(reader.read(1))
    while not gone.done():
        writer.write(b"x")
        await asyncio.wait({gone}, timeout=0.05)


def _refusal(code: str) -> bytes:
    return Refusal(code=code, message="no").model_dump_json().encode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(403, _refusal("KEY-UNKNOWN")), "KEY-UNKNOWN"),
        (says(403, _refusal("OF-TOMORROW")), "ENROLMENT-REFUSED"),
        (says(404, b"<html>"), "ENROLMENT-UNREACHABLE"),
        (says(500, b""), "ENROLMENT-UNREACHABLE"),
        (says(200, b"", length=10), "ENROLMENT-UNREACHABLE"),
        (says(200, bytes(MAX_ANSWER_BYTES + 1)), "ENROLMENT-PEER-FALSE"),
    ],
)
async def test_what_is_answered(tmp_path: Path, answer: Answer, code: str) -> None:
    async with served(tmp_path, answer) as address:
        assert await code_of(address) == code


async def test_an_answer(tmp_path: Path) -> None:
    async with served(tmp_path, says(200, b"good")) as address:
        assert await asyncio.to_thread(ask, address, "/enrol", b"{}", *pinned(PIN)) == b"good"
        by_ca = of_site(CA.certificate.decode(), dates=True)
        assert await asyncio.to_thread(ask, address, "/renew", b"{}", *by_ca) == b"good"


async def test_who_is_another(tmp_path: Path) -> None:
    async with served(tmp_path, says(200, b"good")) as address:
        assert await code_of(address, pin=bytes(16)) == "ENROLMENT-PEER-FALSE"
        other = of_site(make_root_ca("plant", datetime.now(UTC)).certificate.decode(), dates=True)
        with pytest.raises(GuestwireError, match="ENROLMENT-PEER-FALSE"):
            await asyncio.to_thread(ask, address, "/renew", b"{}", *other)
        by_name = ("localhost", address[1])  # the certificate is for 127.0.0.1
        with pytest.raises(GuestwireError, match="ENROLMENT-PEER-FALSE"):
            await asyncio.to_thread(ask, by_name, "/renew", b"{}", *of_site(CA.certificate.decode(), dates=True))


async def test_nobody_and_who_speaks_no_tls(tmp_path: Path) -> None:
    async with served(tmp_path, says(200, b""), tls=False) as address:
        assert await code_of(address, deadline_s=0.5) == "ENROLMENT-UNREACHABLE"
    assert await code_of(address) == "ENROLMENT-UNREACHABLE"


async def test_who_drips_is_cut_at_the_deadline(tmp_path: Path) -> None:
    async with served(tmp_path, drips) as address:
        assert await code_of(address, deadline_s=0.5) == "ENROLMENT-UNREACHABLE"


def test_a_ca_that_is_none() -> None:
    with pytest.raises(GuestwireError, match="CERTIFICATE-INVALID"):
        of_site("nothing", dates=True)
