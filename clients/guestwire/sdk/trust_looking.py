"""Looks for a newer trust document, so that who was revoked is not believed for long: at the site's service where the context
names it, else at hosts, a few at a time and others each time.

A process that lives on looks every 30 s; one that begins, where nobody has for so long. That nobody answers is no error: what
is known goes on to count.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Trust

EVERY_S = 30.0
HOSTS_AT_ONCE = 3
"""A host that was revoked will hardly say so: others are asked as well."""
FIRST_WITHIN_S = 1.0
OTHERS_WITHIN_S = 0.25
"""For those who answer later than the first."""

AskHost = Callable[[str], Awaitable[object]]
"""Ask a host for what is newer, and take it up. Raises GuestwireError."""


def _nothing() -> None:
    return


class TrustLooking:
    """When to look, and whom to ask. `authority` asks the service; None: hosts are asked, those that `hosts` gives. `reread` takes
    up what other processes of the user have found."""

    def __init__(
        self,
        age_s: Callable[[], float],
        looked: Callable[[], None],
        hosts: Callable[[], Sequence[str]],
        ask: AskHost,
        authority: Callable[[], Awaitable[object]] | None = None,
        *,
        reread: Callable[[], None] = _nothing,
        every_s: float = EVERY_S,
    ) -> None:
        self._age_s = age_s
        self._looked = looked
        self._hosts = hosts
        self._ask = ask
        self._authority = authority
        self._reread = reread
        self._every_s = every_s
        self._turn = random.randrange(1 << 16)

    async def if_due(self) -> None:
        """Look, unless that was done lately."""
        if self._age_s() >= self._every_s:
            await self.look()

    async def keep_looking(self) -> None:
        """Look every so often, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await asyncio.to_thread(self._reread)
            await self.look(thorough=True)

    async def look(self, *, thorough: bool = False) -> None:
        """One look. Nothing is raised: whoever does not answer is asked again next time. `thorough`: hosts are asked though the
        service answered, which may have heard of nothing since."""
        self._looked()
        if self._authority is not None:
            try:
                await self._authority()
            except GuestwireError:
                pass  # then the hosts may know
            else:
                if not thorough:
                    return
        await self._ask_hosts()

    async def _ask_hosts(self) -> None:
        hosts = self._hosts()
        if not hosts:
            return
        count = min(HOSTS_AT_ONCE, len(hosts))
        chosen = [hosts[(self._turn + n) % len(hosts)] for n in range(count)]
        self._turn += count
        tasks = {asyncio.ensure_future(self._one(host)) for host in chosen}
        try:
            _, waiting = await asyncio.wait(tasks, timeout=FIRST_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if waiting and len(waiting) < len(tasks):
                await asyncio.wait(waiting, timeout=OTHERS_WITHIN_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, host: str) -> None:
        try:
            await self._ask(host)
        except GuestwireError:
            return


def hosts_of(trust: Trust, only_host: str | None) -> Sequence[str]:
    """The hosts that can be asked."""
    from guestwire.sdk.hosts import listed_hosts

    return (only_host,) if only_host is not None else listed_hosts(trust)
