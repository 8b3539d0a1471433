"""All connections of the controller: which link leads to which host, and what comes of asking by it. It is the `HostCalls` of
everybody else.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from guestwire.controller.config import Connection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.running import LinkParts, RunningConnection, reach_of
from guestwire.link.invoke import OnEvent
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Done
from guestwire.protocol.trust import Trust

WHO_IT_IS: Final = frozenset({"host-ping", "host-show", "trust-show"})
"""What may be asked of a host that nobody has approved."""
MOST: Final = 256


class Links:
    """`async with` it. `configured`: the connections of the configuration file."""

    def __init__(self, parts: LinkParts, configured: Sequence[Connection]) -> None:
        self._parts = parts
        self._configured = tuple(configured)
        self._running: dict[str, RunningConnection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        """Those that are no connections any more and still say goodbye."""

    async def __aenter__(self) -> "Links":
        for connection in self._configured:
            self.add(connection, configured=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), *self._ending, return_exceptions=True)

    # -- the connections

    def __iter__(self) -> Iterator[RunningConnection]:
        return iter(tuple(self._running.values()))

    def get(self, name: str) -> RunningConnection | None:
        """The connection of that name."""
        return self._running.get(name)

    def check(self, connection: Connection, instead: str | None = None) -> None:
        """Raises EXISTS when its name is taken, or another one leads to the same site or host, BUSY when there are too many, and
        CONFIG-INVALID for a way that a controller does not go. `instead`: the connection of that name makes way for it."""
        if connection.via == "controller":
            raise GuestwireError("CONFIG-INVALID", "A controller goes to hosts by mqtt, tcp or socket.", field="via")
        others = [one for name, one in self._running.items() if name != instead]
        if len(others) >= MOST:
            raise GuestwireError("BUSY", f"There are {MOST} connections: remove one.")
        wanted = reach_of(connection)
        for other in others:
            if other.connection.name == connection.name:
                raise GuestwireError("EXISTS", f"There is a connection {connection.name} already.", field="name")
            if other.reach == wanted:
                text = f"The connection {other.connection.name} leads to {wanted.ref or wanted.site} already."
                raise GuestwireError("EXISTS", text, field="site")

    def add(self, connection: Connection, *, configured: bool = False) -> None:
        """Have a connection from now on. Raises EXISTS."""
        self.check(connection)
        self._run(connection, configured=configured)

    def replace(self, connection: Connection) -> None:
        """Have the connection of that name go another way: nobody has to wait for it. What is under way by it ends with LINK-LOST.
        Raises EXISTS."""
        self.check(connection, instead=connection.name)
        self.end(connection.name)
        self._run(connection, configured=False)

    async def remove(self, name: str) -> None:
        """End a connection. What is under way by it ends with LINK-LOST."""
        await asyncio.wait({self.end(name)})

    def end(self, name: str) -> asyncio.Task[None]:
        """The same at once; what is given says goodbye still."""
        task = self._tasks.pop(name)
        del self._running[name]
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ended)
        return task

    def _run(self, connection: Connection, *, configured: bool) -> None:
        """It begins when the one that had its name has ended: at a broker the two would be one client."""
        running = self._running[connection.name] = RunningConnection(connection, self._parts, configured=configured)
        name = f"connection-{connection.name}"
        earlier = {task for task in self._ending if task.get_name() == name}

        async def run() -> None:
            if earlier:
                await asyncio.wait(earlier)
            await running.run()

        self._tasks[connection.name] = asyncio.create_task(run(), name=name)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: nobody asks for it any more

    # -- HostCalls, and who asks (of jobs)

    async def call(
        self,
        ref: HostRef,
        operation: Operation,
        request: Model,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        mandate: bytes | None = None,
        on_event: OnEvent | None = None,
        issuer: str | None = None,
    ) -> Done:
        """See `ports.HostCalls`."""
        way = self._way(ref, issuer)
        if way is None or way.link is None:
            as_whom = "" if issuer is None else f" on which it is {issuer}"
            raise GuestwireError("HOST-UNREACHABLE", f"No connection of the controller{as_whom} leads to {ref} now.")
        if operation.name not in WHO_IT_IS and not self._parts.approved(ref):
            raise GuestwireError("HOST-NOT-APPROVED", detail={"host": str(ref)})
        done = await way.link.call(
            ref.host, operation, request, timeout_s=timeout_s, request_id=request_id, accept_within_s=accept_within_s,
            mandate=mandate if operation.effect != "none" else None, on_event=on_event,
        )  # fmt: skip
        return done._replace(verified=True) if way.vouched else done

    def reachable(self, ref: HostRef) -> bool:
        """See `ports.HostCalls`."""
        return self._way(ref) is not None

    def issuer(self, ref: HostRef) -> str | None:
        """As whom the controller asks this host: the principal of its key there, or over a socket its user (`local:UID`). None:
        no connection leads there."""
        way = self._way(ref) or self._way(ref, up=False)
        return way.who.issuer if way is not None and way.who is not None else None

    def trust(self, site: str) -> Trust | None:
        """The newest trust document that the controller has of a site; None: it has none."""
        found = [one.trust for one in self._running.values() if one.connection.site == site and one.trust is not None]
        return max(found, key=lambda trust: (len(trust.roots), trust.revision), default=None)

    def trusts(self) -> tuple[Trust, ...]:
        """That of every site."""
        sites = sorted({one.connection.site for one in self._running.values()})
        return tuple(trust for site in sites if (trust := self.trust(site)) is not None)

    def _way(self, ref: HostRef, issuer: str | None = None, *, up: bool = True) -> RunningConnection | None:
        """The connection by which a host is asked: straight to it, else by its site's broker. `issuer`: as whom; None: as
        anybody. `up`: one that stands."""
        found: RunningConnection | None = None
        for one in self._running.values():
            if one.connection.site != ref.site or one.reach.host not in (None, ref.host) or (up and not one.up):
                continue
            if issuer is not None and (one.who is None or one.who.issuer != issuer):
                continue
            if one.reach.host is not None:
                return one
            found = one
        return found
