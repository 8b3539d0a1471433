"""Asks the site's service for its trust document: GET /trust over TLS that only the site's own CA vouches for.

By hand over asyncio's streams, as HTTP/1.0: one small request needs no library, and unlike a blocking client in a thread it
ends when it is cancelled.
"""

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust_file import MAX_BYTES, in_words

WITHIN_S = 2.0
MAX_HEAD_BYTES = 16_384


async def fetch(url: str, ca: str, known: tuple[int, int], *, within_s: float = WITHIN_S) -> bytes | None:
    """The trust document of the service at https://HOST:PORT; None: it has the one of revision `known`.

    Raises ENROLMENT-UNREACHABLE with the reason, also for what is no answer to this, ENROLMENT-PEER-FALSE when the service is
    not the site's, and CONFIG-INVALID for `ca`.
    """
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port or 443
    except ValueError as err:
        raise GuestwireError("CONFIG-INVALID", f"{url}: {err}.", field="authority") from err
    try:
        tls = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{ca} cannot be used: {err}", field="ca") from err
    try:
        async with asyncio.timeout(within_s):
            return await _get(host, port, tls, known)
    except TimeoutError:
        raise _unreachable(url, f"it did not answer within {within_s:g} s") from None
    except ssl.SSLCertVerificationError as err:
        text = f"The certificate of the service at {url} is refused: {err.verify_message}."
        raise GuestwireError("ENROLMENT-PEER-FALSE", text) from err
    except asyncio.LimitOverrunError as err:
        raise _unreachable(url, "it does not speak HTTP") from err
    except (OSError, asyncio.IncompleteReadError) as err:
        raise _unreachable(url, str(err) or type(err).__name__) from err
    except ValueError as err:
        raise _unreachable(url, str(err)) from err


async def _get(host: str, port: int, tls: ssl.SSLContext, known: tuple[int, int]) -> bytes | None:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=MAX_HEAD_BYTES)
    try:
        name = f"[{host}]" if ":" in host else host
        lines = ("GET /trust HTTP/1.0", f"Host: {name}:{port}", f'If-None-Match: "{in_words(known)}"', "", "")
        writer.write("\r\n".join(lines).encode())
        status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
        if status == 304:
            return None
        if status != 200:
            raise ValueError(f"it answers with HTTP status {status}")
        size = headers.get("content-length", "")
        if not size.isdigit() or int(size) > MAX_BYTES:
            raise ValueError("what it answers is no trust document")
        return await reader.readexactly(int(size))
    finally:
        writer.transport.abort()  # no goodbye: the peer may be slow, and everything was said


def _head(data: bytes) -> tuple[int, Mapping[str, str]]:
    """The status and the headers, by their names in lower case. Raises ValueError."""
    first, *rest = data.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ValueError("it does not speak HTTP")
    pairs = (line.partition(":") for line in rest if line)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _unreachable(url: str, why: str) -> GuestwireError:
    return GuestwireError("ENROLMENT-UNREACHABLE", f"The site's service at {url} cannot be used: {why}.")
