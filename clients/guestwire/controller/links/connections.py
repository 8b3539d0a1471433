"""Connections as people deal with them: see how they fare, add one, change one, remove one. Those of the configuration file are there as
well, and stay.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from guestwire.controller.config import Connection
from guestwire.controller.feed import Change, Feed
from guestwire.controller.links.links import Links
from guestwire.controller.links.running import ConnectionState, RunningConnection
from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import audit_rows, connections
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.connections import ConnectionRow
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now
from guestwire.sdk.contexts import PATH_FIELDS

ACTION: Final = "connection-set"


class ConnectionProblem(Model):
    """Why a connection is not up."""

    code: str
    message: str


class ConnectionView(Model):
    """A connection. `where`: the brokers, the address or the socket. `host`: it leads to that host alone, None: to all of the
    site. `up_at`: since when it stands, Unix ms, 0: it does not. `client`: as whom it goes. `configured`: it is in the
    configuration file."""

    name: str
    site: str
    via: str
    host: str | None
    where: tuple[str, ...]
    client: str | None
    configured: bool
    state: ConnectionState
    up_at: int
    error: ConnectionProblem | None
    trust_revision: tuple[int, int] | None


class Connections:
    """Everybody may see how connections fare; an admin adds, changes and removes them."""

    def __init__(self, database: Database, links: Links, access: Access, feed: Feed, clock: Callable[[], Now]) -> None:
        self._database = database
        self._links = links
        self._access = access
        self._feed = feed
        self._clock = clock
        self._turn = asyncio.Lock()
        """What one person adds or removes is stored and done before the next one's is looked at."""

    async def open_stored(self) -> None:
        """Have the connections that were added before. One that the configuration file has taken the place of is left out."""
        async with self._database.read() as tx:
            rows = await connections.every(tx)
        for row in rows:
            try:
                self._links.add(_read(row))
            except GuestwireError as err:
                if err.code != "EXISTS":
                    raise

    def page(self, person: Person, after: str, limit: int) -> list[ConnectionView]:
        """Connections by name, after that one."""
        self._access.require(person, "controller-read")
        found = sorted((one for one in self._links if one.connection.name > after), key=lambda one: one.connection.name)
        return [view(one) for one in found[:limit]]

    def show(self, person: Person, name: str) -> ConnectionView:
        """A connection. Raises NOT-FOUND."""
        self._access.require(person, "controller-read")
        return view(self._there(name))

    async def add(self, person: Person, connection: Connection) -> ConnectionView:
        """Have a connection from now on. Whether its files are good, and whether somebody answers, shows in its state. Raises
        EXISTS, BUSY, INVALID-BODY, DENIED."""
        self._access.require(person, ACTION)
        await asyncio.to_thread(_check_files, connection)
        return await uncut(self._add(person, connection))

    async def _add(self, person: Person, connection: Connection) -> ConnectionView:
        at, settings = self._clock().wall_ms, _settings(connection)
        async with self._turn:
            self._links.check(connection)
            async with self._database.write() as tx:
                if not await connections.add(tx, ConnectionRow(connection.name, settings, at, person.name)):
                    raise GuestwireError("EXISTS", f"There is a connection {connection.name} already.", field="name")
                detail = {"made": settings}
                await audit_rows.add(tx, AuditEntry(at, person, ACTION, connection.name, detail=detail))
            self._links.add(connection)
            return view(self._there(connection.name))

    def settings(self, person: Person, name: str) -> Connection:
        """What a connection was made with, for who changes it. Raises NOT-FOUND, DENIED."""
        self._access.require(person, ACTION)
        return self._there(name).connection

    async def change(self, person: Person, name: str, connection: Connection) -> ConnectionView:
        """Have a connection go another way: what is under way by it ends with LINK-LOST. Raises NOT-FOUND,
        CONNECTION-CONFIGURED, EXISTS, INVALID-BODY, DENIED."""
        self._access.require(person, ACTION)
        if connection.name != name:
            raise GuestwireError("INVALID-BODY", "A connection keeps its name: add another one.", field="name")
        await asyncio.to_thread(_check_files, connection)
        return await uncut(self._change(person, name, connection))

    async def _change(self, person: Person, name: str, connection: Connection) -> ConnectionView:
        at, settings = self._clock().wall_ms, _settings(connection)
        async with self._turn:
            if self._there(name).configured:
                raise GuestwireError("CONNECTION-CONFIGURED")
            self._links.check(connection, instead=name)
            async with self._database.write() as tx:
                await connections.remove(tx, name)
                await connections.add(tx, ConnectionRow(name, settings, at, person.name))
                await audit_rows.add(tx, AuditEntry(at, person, ACTION, name, detail={"changed": settings}))
            self._links.replace(connection)
            made = view(self._there(name))
        self._feed.publish(Change("connection", name, made.model_dump()))
        return made

    async def remove(self, person: Person, name: str) -> None:
        """End a connection. Raises NOT-FOUND, CONNECTION-CONFIGURED, DENIED."""
        self._access.require(person, ACTION)
        await asyncio.wait({await uncut(self._remove(person, name))})

    async def _remove(self, person: Person, name: str) -> asyncio.Task[None]:
        async with self._turn:
            if self._there(name).configured:
                raise GuestwireError("CONNECTION-CONFIGURED")
            async with self._database.write() as tx:
                await connections.remove(tx, name)
                entry = AuditEntry(self._clock().wall_ms, person, ACTION, name, detail={"removed": name})
                await audit_rows.add(tx, entry)
            ending = self._links.end(name)
        self._feed.publish(Change("connection", name, None))
        return ending

    def changed(self, name: str) -> None:
        """A connection is in another state: for `LinkParts.changed`."""
        found = self._links.get(name)
        if found is not None:
            self._feed.publish(Change("connection", name, view(found).model_dump()))

    def _there(self, name: str) -> RunningConnection:
        found = self._links.get(name)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"There is no connection {name[:40]!r}.")
        return found


def _check_files(connection: Connection) -> None:
    """That nobody waits for what is no file. Raises INVALID-BODY."""
    for name in PATH_FIELDS:
        path = getattr(connection, name)
        if path is None:
            continue
        if not path.startswith("/"):
            raise GuestwireError("INVALID-BODY", f"{name}: write the whole path, from / on.", field=name)
        there = Path(path)
        try:
            other = there.exists() and not (there.is_socket() if name == "socket" else there.is_file())
        except OSError as err:
            raise GuestwireError("INVALID-BODY", f"{name}: {path[:200]}: {err.strerror}.", field=name) from err
        if other:
            raise GuestwireError("INVALID-BODY", f"{name}: {path[:200]} is no such file.", field=name)


def view(one: RunningConnection) -> ConnectionView:
    """How a connection fares."""
    connection, error, trust = one.connection, one.error, one.trust
    where = connection.brokers or tuple(text for text in (connection.address, connection.socket) if text)
    return ConnectionView(
        name=connection.name, site=connection.site, via=connection.via, host=one.reach.host, where=where,
        client=one.who.client if one.who is not None else connection.client, configured=one.configured, state=one.state,
        up_at=one.link.up_at_ms if one.link is not None else 0,
        error=ConnectionProblem(code=error.code, message=error.message) if error is not None else None,
        trust_revision=trust.revision if trust is not None else None,
    )  # fmt: skip


def _settings(connection: Connection) -> str:
    return json.dumps(connection.model_dump(exclude_none=True))


def _read(row: ConnectionRow) -> Connection:
    try:
        return Connection.model_validate_json(row.settings)
    except ValidationError as err:
        raise GuestwireError("DATABASE-DAMAGED", f"The connection {row.name} cannot be read.") from err
