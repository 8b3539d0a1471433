"""Keeps the trust document of one connection up to date while it lasts, and tells which hosts it lists."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from guestwire.controller.config import Connection
from guestwire.link.invoke import Caller
from guestwire.protocol.trust import Trust
from guestwire.sdk.client import Client
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.hosts import listed_hosts
from guestwire.sdk.trust_authority import fetch
from guestwire.sdk.trust_looking import EVERY_S, TrustLooking, hosts_of
from guestwire.sdk.ways import LinkWay


class _Listener:
    """A Judge of the trust store, which may be told in a thread."""

    def __init__(self, told: Callable[[Trust], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = told
        self._trust: Trust | None = None

    @property
    def trust(self) -> Trust | None:
        return self._trust

    @trust.setter
    def trust(self, trust: Trust | None) -> None:
        self._trust = trust
        if trust is not None:
            self._loop.call_soon_threadsafe(self._told, trust)


@asynccontextmanager
async def trust_kept_up(
    connection: Connection,
    who: Credentials,
    caller: Caller,
    on_trust: Callable[[Trust], None],
    every_s: float = EVERY_S,
) -> AsyncIterator[TrustLooking | None]:
    """Look for newer trust while the block lasts: at the site's service, and at hosts. `on_trust` hears of the present document
    and of each newer one. None: the connection has no trust document."""
    store = who.store
    if store is None:
        yield None
        return
    store.follow(_Listener(on_trust))
    client = Client(LinkWay(caller, only_host=connection.host), who.trust, store=store)

    def reachable() -> Sequence[str]:
        return hosts_of(store.trust, connection.host)

    looking = TrustLooking(
        store.age_s, store.looked, reachable, client.refresh_trust, _authority(connection, client), reread=store.reread,
        every_s=every_s,
    )  # fmt: skip
    keeping = asyncio.create_task(looking.keep_looking(), name=f"trust-{connection.name}")
    try:
        yield looking
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def listed(trust: Trust) -> frozenset[str]:
    """The hosts that a trust document knows."""
    return frozenset(listed_hosts(trust))


def _authority(connection: Connection, client: Client) -> Callable[[], Awaitable[bool]] | None:
    url, ca = connection.authority, connection.ca
    if url is None or ca is None:
        return None

    async def ask() -> bool:
        trust = client.trust
        file = await fetch(url, ca, trust.revision if trust is not None else (0, 0))
        return file is not None and await client.take_up(file)

    return ask
