"""A TCP listener on 127.0.0.1 with certificates of its own, and clients for it: for tests of what goes over it."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from made_certificates import CLIENT, SERVER, Authority, Files

from guestwire.link.framed_server import Receive
from guestwire.link.peer_certificate import PeerCertificate
from guestwire.link.tcp_client import HostAddress
from guestwire.link.tcp_server import TcpServer
from guestwire.link.tls_context import server_context


@dataclass
class Known:
    """An Admission: who is known, and what for."""

    clients: set[str] = field(default_factory=lambda: {"cli-1"})
    watchers: set[str] = field(default_factory=lambda: {"cli-1"})
    seen: list[PeerCertificate] = field(default_factory=list)

    def refusal(self, certificate: PeerCertificate) -> str | None:
        self.seen.append(certificate)
        if not certificate.for_clients:
            return "CERTIFICATE-PURPOSE"
        return None if certificate.name in self.clients else "CLIENT-UNKNOWN"

    def may_watch(self, client: str) -> bool:
        return client in self.watchers


class Pki:
    """A CA, the certificate of host h1, and that of client cli-1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Authority(folder)
        self.host = self.ca.issue("h1", (CLIENT, SERVER))
        self.client = self.ca.issue("cli-1")

    def client_context(self, files: Files | None, ca: Authority | None = None, **versions: Any) -> ssl.SSLContext:
        """A client's side; None: without a certificate."""
        context = ssl.create_default_context(cafile=(ca or self.ca).certificate)
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        for name, version in versions.items():
            setattr(context, name, version)
        return context


@dataclass
class Listening:
    """A listener, where it is, and what it refused."""

    server: TcpServer
    known: Known
    pki: Pki
    refused: list[tuple[str, str]]
    contexts: list[ssl.SSLContext]

    @property
    def port(self) -> int:
        return self.server.ports[0]

    @property
    def address(self) -> HostAddress:
        return HostAddress("h1", "127.0.0.1", self.port)


@asynccontextmanager
async def listening(
    pki: Pki, receive: Receive, revoked: Path | None = None, **options: Any
) -> AsyncIterator[Listening]:
    """A listener of host h1, site plant. `contexts[0]` is what the next connection gets."""
    known, refused = Known(), list[tuple[str, str]]()
    contexts = [server_context(pki.host.certificate, pki.host.key, pki.ca.certificate, revoked)]
    told: Callable[[str, str], None] = lambda code, client: refused.append((code, client))  # noqa: E731
    server = TcpServer(
        ("127.0.0.1", 0),
        "plant",
        "h1",
        receive,
        tls=lambda: (contexts[0], None),
        admission=known,
        on_refused=told,
        **options,
    )
    async with server:
        yield Listening(server, known, pki, refused, contexts)
