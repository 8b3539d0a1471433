"""A client of one site: opened from a context, it hands out one typed API per host.

async with open_client(context) as client:
    answer = await client.host("h1").guest_start(GuestStart(guest="web", wait="ready"))
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from guestwire.link.clock import now
from guestwire.link.invoke import Watching
from guestwire.link.transport import Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import TrustKnown
from guestwire.protocol.trust import Trust
from guestwire.sdk import hosts
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.contexts import Context
from guestwire.sdk.host_api import HostApi
from guestwire.sdk.trust_looking import EVERY_S, TrustLooking, hosts_of
from guestwire.sdk.trust_store import TrustStore
from guestwire.sdk.ways import LinkWay, Way

REFRESH_WITHIN_S = 2.0


class Client:
    """One site, over one way."""

    def __init__(self, way: Way, trust: Trust | None, *, store: TrustStore | None = None) -> None:
        self._way = way
        self._trust = trust
        self._store = store
        self._taking = asyncio.Lock()

    @property
    def site(self) -> str:
        return self._way.site

    @property
    def vouched(self) -> bool:
        """Whether the way itself vouches for the host: a Unix socket does."""
        return self._way.vouched

    @property
    def only_host(self) -> str | None:
        """The one host at the other end, over a socket or straight over TCP; None: any host of the site can be called."""
        return self._way.only_host

    @property
    def trust(self) -> Trust | None:
        """The trust document that hosts are judged by: the newest one, which may be newer every time."""
        return self._store.trust if self._store is not None else self._trust

    async def take_up(self, file: bytes) -> bool:
        """Believe by a trust document from now on and keep it for this context. False: it is the one in force. Raises TRUST-INVALID, also without a trust document to begin with."""
        store = self._store
        if store is None:
            raise GuestwireError("TRUST-INVALID", "The context names no trust document and no root to begin with.")
        async with self._taking:
            return await asyncio.to_thread(store.take_up, file)

    async def refresh_trust(self, host: str, timeout_s: float = REFRESH_WITHIN_S) -> bool:
        """Take up the trust document of a host where it is newer; whether it was. The document proves itself: the host does not
        have to be believed. Raises the host's errors, TRUST-INVALID."""
        known = self.trust.revision if self.trust is not None else None
        options = CallOptions(timeout_s=timeout_s, unsigned=True)
        answer = await self.host(host).trust_show(TrustKnown(revision=known), options)
        file, revision = answer.reply.file, answer.reply.revision
        if file is None or known is None or (revision[0] <= known[0] and revision[1] <= known[1]):
            return False
        return await self.take_up(file)

    @property
    def connected(self) -> bool:
        """Whether the link stands at this moment; it comes back by itself."""
        return self._way.connected

    def host(self, host: str) -> HostApi:
        """The operations of a host. Nothing is sent before one is called."""
        return HostApi(self._way.invoke(host))

    async def hosts(self, wait_s: float = hosts.WAIT_S) -> tuple[hosts.HostSeen, ...]:
        """Every host of the site and whether it is there, after at most `wait_s` (over a socket or TCP: its host)."""
        return await self._way.hosts(self.trust, wait_s)

    def watch(self, *subscriptions: Subscription) -> AbstractAsyncContextManager[Watching]:
        """What hosts publish by themselves: presence, notices."""
        return self._way.watch(*subscriptions)


@asynccontextmanager
async def open_client(
    context: Context, *, connect_timeout_s: float = 5.0, look_every_s: float = EVERY_S
) -> AsyncIterator[Client]:
    """A client by a context's way. `look_every_s`: how often it looks for a newer trust document. Raises KEY-FILE-INVALID, TRUST-INVALID, KEY-UNKNOWN, CONFIG-INVALID, and
    BROKER-UNREACHABLE, BROKER-REFUSED, SOCKET-UNREACHABLE, LISTENER-UNREACHABLE or what TLS was refused for (`links.tcp_link`)
    when there is no connection within the time. A controller is not asked before the first call."""
    if context.via == "controller":
        from guestwire.sdk.controller_way import controller_way

        async with controller_way(context) as through:
            yield Client(through, None)
        return
    from guestwire.sdk import credentials, links

    who = credentials.read(context, now().wall_ms)
    link = {"mqtt": links.mqtt_link, "socket": links.socket_link, "tcp": links.tcp_link}[context.via]
    async with link(context, who, connect_timeout_s) as caller:
        way = LinkWay(caller, only_host=context.host, vouched=context.via == "socket")
        client = Client(way, who.trust, store=who.store)
        async with _trust_kept_up(client, context, who.store, look_every_s):
            yield client


@asynccontextmanager
async def _trust_kept_up(
    client: Client, context: Context, store: TrustStore | None, every_s: float
) -> AsyncIterator[None]:
    """Have the client look for newer trust: before it is used when that is due, and again and again while it is open. Over a
    socket the kernel vouches for the host, and the document is not asked."""
    if store is None or client.vouched:
        yield
        return

    def reachable() -> Sequence[str]:
        return hosts_of(store.trust, client.only_host)

    looking = TrustLooking(
        store.age_s, store.looked, reachable, client.refresh_trust, _authority(context, client),
        reread=store.reread, every_s=every_s,
    )  # fmt: skip
    await looking.if_due()
    keeping = asyncio.create_task(looking.keep_looking())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def _authority(context: Context, client: Client) -> Callable[[], Awaitable[bool]] | None:
    """Asks the site's service, where the context names one."""
    url, ca = context.authority, context.ca
    if url is None or ca is None:
        return None

    async def ask() -> bool:
        from guestwire.sdk.trust_authority import fetch

        trust = client.trust
        file = await fetch(url, ca, trust.revision if trust is not None else (0, 0))
        return file is not None and await client.take_up(file)

    return ask


async def context_of_socket(path: Path) -> Context:
    """A context for the agent that listens on a socket, which says itself who it is. Raises SOCKET-UNREACHABLE."""
    from guestwire.link.local_client import connect_local

    transport = await connect_local(path, _unheard)
    try:
        hello = await transport.hello
    finally:
        await transport.close()
    return Context(site=hello.site, via="socket", socket=str(path), host=hello.host)


def _unheard(_message: object) -> None:
    """Nothing was asked yet."""
