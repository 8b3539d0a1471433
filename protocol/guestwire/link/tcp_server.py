"""The host's TCP listener (PROTOCOL, "The same messages without a broker"): the envelopes of the broker over mutual TLS.

The common name of the client's certificate is the client, as a broker has it of the users it authenticated. Requests are
checked as those that come over a broker: effects need signatures. Floods of connections are bounded before they cost
anything: whoever does not go on with TLS gives way to who comes after him, first to those from his own address.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from guestwire.link.framed_server import Clients, Connection, Receive
from guestwire.link.tcp import listening_sockets
from guestwire.link.tcp_arrival import Admission, Arrival, Deadlines, ServerTls
from guestwire.link.transport import PeerCheck
from guestwire.protocol.buckets import Buckets, TokenBucket

MOST_ARRIVALS: Final = 256
MOST_ARRIVALS_OF_ONE: Final = 128
"""Connections, in all and from one address, that are not the host's yet or no more; they cost a file and a few KiB each."""
MOST_HANDSHAKES: Final = 32
"""How many of them TLS has begun for, which costs some 60 KiB."""
HANDSHAKES_PER_S: Final = 50.0
HANDSHAKES_AT_ONCE: Final = 100.0
"""How many one address may begin: each takes the processor about a millisecond."""
REFUSALS_PER_S: Final = 5.0
REFUSALS_AT_ONCE: Final = 20.0
"""How many refusals are told of: strangers must not fill the audit log."""
SWEEP_S: Final = 1.0
STOP_S: Final = 1.0
"""How long clients may take to read the last of what was said when the listener ends."""
JUDGE_S: Final = 5.0
"""How often it is looked whether keys or certificates have run out that connections rest on."""


class TcpServer:
    """Listens at `address` while `async with` lasts. `tls`: what the next connection is made with; `admission`: who may come
    in; `on_refused` hears of what was refused, by code and client (its address, before it is known). Raises OSError."""

    def __init__(
        self,
        address: tuple[str, int],
        site: str,
        host: str,
        receive: Receive,
        *,
        tls: ServerTls,
        admission: Admission,
        on_refused: Callable[[str, str], None],
        most: int = 64,
        most_of_one: int = 16,
        deadlines: Deadlines | None = None,
        judge_s: float = JUDGE_S,
        left: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self.admission = admission
        self.clients = Clients(
            site, host, receive, may_watch=lambda peer: peer.client is not None and admission.may_watch(peer.client),
            most=most, most_of_one=most_of_one, left=left, on_refused=self.refused,
        )  # fmt: skip
        self.ports: tuple[int, ...] = ()
        """Where it listens; that of each address."""
        self._address = address
        self._tls = tls
        self._on_refused = on_refused
        self._deadlines = deadlines or Deadlines()
        self._judge_s = judge_s
        self._waiting: dict[Arrival, None] = {}
        self._of_address: dict[str, dict[Arrival, None]] = {}
        self._shaking: dict[Arrival, None] = {}
        self._inside: set[Arrival] = set()
        self._starts = Buckets(HANDSHAKES_PER_S, HANDSHAKES_AT_ONCE)
        self._told = TokenBucket(REFUSALS_PER_S, REFUSALS_AT_ONCE)
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._judged_at = float("-inf")
        self._one_gone = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> "TcpServer":
        self._loop = asyncio.get_running_loop()
        self._sweep_s = min(SWEEP_S, min(_each(self._deadlines)) / 4)
        sockets = await listening_sockets(*self._address)
        self.ports = tuple(one.getsockname()[1] for one in sockets)
        for one in sockets:
            self._servers.append(await self._loop.create_server(lambda: Arrival(self, self._deadlines), sock=one))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        for arrival in tuple(self._waiting):
            arrival.cut()
        for arrival in tuple(self._inside):
            arrival.finish()
        try:
            async with asyncio.timeout(STOP_S):
                while self._waiting:
                    self._one_gone.clear()
                    await self._one_gone.wait()
        except TimeoutError:
            for arrival in tuple(self._waiting):
                arrival.cut()

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        """A message of the host's own: to every connection that watches its topic; kept when retained."""
        self.clients.announce(topic, frame, retained=retained)

    def room(self, topic: str) -> int | None:
        """Bytes that all who watch a topic can be given; None: nobody watches it."""
        return self.clients.room(topic)

    def trust_changed(self) -> None:
        """Look at every client again: those who are not known any more are told, and out."""
        for arrival in tuple(self._inside):
            if arrival.certificate is not None:
                code = self.admission.refusal(arrival.certificate)
                if code is not None:
                    arrival.refuse(code)

    # -- a Door

    def tls(self) -> tuple[ssl.SSLContext, PeerCheck | None]:
        return self._tls()

    def arrived(self, arrival: Arrival) -> None:
        if self._closed:
            arrival.cut()
            return
        same = self._of_address.setdefault(arrival.address, {})
        if len(same) >= MOST_ARRIVALS_OF_ONE:
            self._cut(next(iter(same)))
        elif len(self._waiting) >= MOST_ARRIVALS:
            self._cut(next(iter(self._waiting)))
        self._wait(arrival)

    def may_shake(self, arrival: Arrival) -> bool:
        if self._starts[arrival.address].take(self._loop.time()) > 0:
            return False
        if len(self._shaking) >= MOST_HANDSHAKES:
            self._cut(next(iter(self._shaking)))
        self._shaking[arrival] = None
        return True

    def admitted(self, arrival: Arrival) -> None:
        self._forget(arrival)
        self._inside.add(arrival)
        self._arm()

    def leaving(self, arrival: Arrival) -> None:
        self._forget(arrival)
        self._inside.discard(arrival)
        self._wait(arrival)

    def gone(self, arrival: Arrival) -> None:
        self._forget(arrival)
        self._inside.discard(arrival)
        self._one_gone.set()

    def refused(self, code: str, client: str) -> None:
        if self._told.take(self._loop.time()) == 0:
            self._on_refused(code, client)

    # -- pieces

    def _wait(self, arrival: Arrival) -> None:
        self._waiting[arrival] = None
        self._of_address.setdefault(arrival.address, {})[arrival] = None
        self._arm()

    def _forget(self, arrival: Arrival) -> None:
        self._waiting.pop(arrival, None)
        self._shaking.pop(arrival, None)
        same = self._of_address.get(arrival.address)
        if same is not None:
            same.pop(arrival, None)
            if not same:
                del self._of_address[arrival.address]

    def _cut(self, arrival: Arrival) -> None:
        """It does not count any more, though the loop tells of its end a little later."""
        self._forget(arrival)
        arrival.cut()

    def _arm(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(self._sweep_s, self._sweep)

    def _sweep(self) -> None:
        """Whoever is too slow is out; whoever's certificate or keys have run out, too."""
        self._timer = None
        at = self._loop.time()
        for arrival in [one for one in self._waiting if one.overdue(at)]:
            self._cut(arrival)
        for arrival in [one for one in self._inside if one.overdue(at)]:
            arrival.dismiss("LINK-TIMEOUT")
        if self._inside and at - self._judged_at >= self._judge_s:
            self._judged_at = at
            self._judge()
        if self._waiting or self._inside:
            self._arm()

    def _judge(self) -> None:
        """Certificates or revocations were replaced: those who came in by the former ones come again."""
        context, _ = self._tls()
        for arrival in tuple(self._inside):
            if arrival.context is not context:
                arrival.dismiss("LINK-LOST")
        self.trust_changed()


def _each(deadlines: Deadlines) -> Iterator[float]:
    yield from (deadlines.handshake, deadlines.first_frame, deadlines.frame, deadlines.idle)
