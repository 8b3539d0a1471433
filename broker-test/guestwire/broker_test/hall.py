"""What all connections of one embedded broker share: the router, the log, and one write per read and connection."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from guestwire.broker_test.log_lines import LogLines
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.router import Router


class Member(Protocol):
    """A connection, as the hall sees it."""

    def flush(self) -> None: ...

    def end(self, reason: int) -> None: ...

    def abort(self) -> None: ...


@dataclass(slots=True)
class Hall:
    """Made anew at every start of the broker. `clients` counts those with a session, `connections` holds all."""

    options: BrokerOptions
    router: Router
    log: LogLines
    connections: set[Member] = field(default_factory=set)
    clients: int = 0
    reading: bool = False
    _unwritten: list[Member] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def gone(self, connection: Member) -> None:
        """Its TCP connection has ended."""
        self.connections.discard(connection)
        self._changed.set()

    async def all_gone(self) -> None:
        """Wait until no connection is left; the caller sets the deadline."""
        while self.connections:
            self._changed.clear()
            await self._changed.wait()

    def write_later(self, connection: Member) -> None:
        """Have what `connection` collected written after the present read, or without one at the end of this tick."""
        if not self._unwritten and not self.reading:
            asyncio.get_running_loop().call_soon(self.write_now)
        self._unwritten.append(connection)

    def write_now(self) -> None:
        """Write what all connections collected, each in one piece.

        Called after every read: waiting for the end of the tick would cost an extra turn of the loop. uvloop joins the
        writes of several reads in one tick by itself.
        """
        self.reading = False
        connections, self._unwritten = self._unwritten, []
        for connection in connections:
            connection.flush()
