"""Where attacks are played: two hosts and more, a client, everything between them in the attacker's hand, and the books that
must balance afterwards: no effect, each attempt counted by the host and in its audit log under its own code."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleet import PATIENCE_S, unix_ms
from hostile_cast import DAY_MS, RESET, Cast, Company, Letter, make_cast
from packets import Publish, publish
from wire import Wire, wire

from guestwire.agent.host_parts import HostParts
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.broker_test.proxy import Direction
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import AuditQuery
from guestwire.protocol.audit_chain import Chain, Origin, signed_head
from guestwire.protocol.envelope import decode
from guestwire.sdk.client import Client, open_client
from guestwire.site.layout import Layout

HOSTS = ("h1", "h2", "h3", "h4")
"""h1 is attacked, h2 is who else there is; h3 cannot trust its clock, h4 will lose its disk."""
Change = Callable[[Publish], Publish | Sequence[Publish]]


@dataclass
class Refusing:
    """How many messages are refused."""

    count: int


@dataclass(kw_only=True)
class Stage(Company):
    """`booked`: what the audit log of a host must have at the end, by host, code and client. `kept`: answers that a host gave
    before, by status."""

    wire: Wire
    booked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    kept: dict[str, bytes] = field(default_factory=dict)

    @asynccontextmanager
    async def client(self, name: str, principal: str = "operator:admin") -> AsyncIterator[Client]:
        """A client that the broker knows by that name."""
        key = str(self.wire.layout.key(principal))
        async with open_client(self.wire.context.model_copy(update={"client": name, "key": key})) as client:
            yield client

    async def deliver(self, letter: Letter, *, host: str = "h1", retain: bool = False) -> None:
        for frame in letter.frames:
            await self.wire.deliver(self.wire.far[host], letter.topic, frame, retain=retain)

    def refused(self, code: str, host: str = "h1") -> int:
        return self.wire.hosts[host].agent.executor.refused[code]

    def book(self, code: str, client: str, count: int = 1, host: str = "h1") -> None:
        self.booked[host, code, client] += count

    @asynccontextmanager
    async def refusing(self, code: str, client: str, count: int = 1, host: str = "h1") -> AsyncIterator["Refusing"]:
        """The block sends a host that many messages that it refuses with that code, and nothing comes of them: the guest is
        as it was, and an honest command right after them works. Within the block the number may be set."""
        before, counted, total = self.wire.resets(host), self.refused(code, host), self.wire.refused(host)
        refusing = Refusing(count)
        yield refusing
        self.honest_again()
        await self.honest(host)  # on the same lane: what was taken before it has happened by now
        assert self.wire.resets(host) == before + 1, "an attack had an effect"
        assert self.refused(code, host) - counted == refusing.count, self.wire.hosts[host].agent.executor.refused
        assert self.wire.refused(host) - total == refusing.count, self.wire.hosts[host].agent.executor.refused
        self.book(code, client, refusing.count, host)

    async def honest(self, host: str = "h1") -> None:
        """A reset that somebody has a right to, all the way."""
        answer = await self.wire.api(host).guest_reset(RESET)
        assert answer.verified

    def honest_again(self) -> None:
        for proxy in (self.wire.near, *self.wire.far.values()):
            proxy.rewrite = None

    # -- what the hosts say of it themselves

    async def audited(self, host: str) -> Counter[tuple[str, str, str]]:
        """The refusals in a host's audit log, whole and signed, by host, code and client."""
        return await audited(self.wire.client, host)


async def audited(client: Client, host: str) -> Counter[tuple[str, str, str]]:
    """The refusals in a host's audit log, whole and signed, by host, code and client."""
    found: Counter[tuple[str, str, str]] = Counter()
    chain: Chain | None = None
    after: int | None = 0
    while after is not None:
        page = (await client.host(host).audit_list(AuditQuery(after=after, limit=1000))).reply
        chain = chain or Chain(Origin(client.site, host, page.log, page.oldest, page.previous))
        for row, digest in page.rows:
            said = chain.follow(row, digest)
            if said["what"] in ("refused", "refusals", "ended") and "code" in said:
                found[host, said["code"], said["client"]] += said.get("count", 1)
        after = page.next
        if after is None:
            assert client.trust is not None
            chain.end(signed_head(page.head, client.trust, client.site, host))
    return found


class Between:
    """What stands between and changes every message that it looks for. `seen`: how many there were."""

    def __init__(self, level: int, wanted: Callable[[Direction, Publish], bool], change: Change) -> None:
        self._level = level
        self._wanted = wanted
        self._change = change
        self.seen: list[Publish] = []
        self._first = asyncio.Event()

    def __call__(self, direction: Direction, packet: bytes) -> Sequence[bytes]:
        found = publish(packet, level=self._level)
        if found is None or not self._wanted(direction, found):
            return [packet]
        made = self._change(found)
        self.seen.append(found)
        self._first.set()
        return [one.packet() for one in ((made,) if isinstance(made, Publish) else made)]

    async def met(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._first.wait()


def requests_of(stage: Stage, client: str, change: Change) -> Between:
    """What changes the resets of a client on their way to a host."""
    wanted = f"/request/{client}/guest-reset"
    return Between(stage.wire.level, lambda way, it: way == "down" and it.topic.endswith(wanted), change)


def answers_to(stage: Stage, client: str, change: Change) -> Between:
    """What changes the answers to a client on their way."""
    return Between(
        stage.wire.level, lambda way, it: way == "down" and f"/client/{client}/response/" in it.topic, change
    )


def finals_to(stage: Stage, client: str, change: Change) -> Between:
    """What changes what ends the commands of a client."""

    def wanted(way: Direction, found: Publish) -> bool:
        if way != "down" or f"/client/{client}/response/" not in found.topic:
            return False
        header = decode(found.payload).header
        return header.operation == "guest-reset" and header.phase in ("final", "refused")

    return Between(stage.wire.level, wanted, change)


async def until(what: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Wait for something that no event tells."""
    async with asyncio.timeout(within_s):
        while not what():
            await asyncio.sleep(0.01)


async def code_of(call: Awaitable[object]) -> str | None:
    """The error that a call ends with; None: it succeeded."""
    try:
        await call
    except GuestwireError as err:
        return err.code
    return None


async def older_journal(host: str, state: Path) -> None:
    """h1 has been there for three days, so that what is hours old is judged by its own dates."""
    if host == "h1":
        async with JournalWriter() as writer:
            journal = await Journal.open(state / "journal.db", writer, now_ms=unix_ms() - 3 * DAY_MS)
            await journal.aclose()


def _clocks(parts: HostParts) -> HostParts:
    return replace(parts, clock=lambda: "unsynchronised") if parts.identity.host == "h3" else parts


@asynccontextmanager
async def staged(base: Path, transport: str, no_v5: str | None) -> AsyncIterator[Stage]:
    """The stage, with the curtain up."""
    cast: list[Cast] = []

    def site(layout: Layout) -> None:
        cast.append(make_cast(layout))

    async with wire(
        base, hosts=HOSTS, transport=transport, no_v5=no_v5, change=_clocks, site=site, prepare=older_journal
    ) as made:
        yield Stage(cast=cast[0], wire=made)
