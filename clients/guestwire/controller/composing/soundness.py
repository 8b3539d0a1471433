"""What `guestwire-controller check` says: whether a controller could start with these settings, and whom it could ask.

It changes nothing, makes no file and needs no controller. Everything that is wrong is told, each with what to do.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from guestwire.controller.audit.checking import check
from guestwire.controller.config import Connection, Settings
from guestwire.controller.links.dialling import dialler
from guestwire.controller.links.identity import identity
from guestwire.controller.serving import check_reach
from guestwire.controller.store import connections as connection_rows
from guestwire.controller.store import trust_documents
from guestwire.controller.store.connections import ConnectionRow
from guestwire.controller.store.database import Database
from guestwire.controller.store.migrating import standing
from guestwire.model.errors import GuestwireError
from guestwire.protocol.authority_url import address
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import in_words

Opening = Callable[[], AbstractAsyncContextManager[Database]]
"""Opens the database of the settings. Raises CONFIG-INVALID, DATABASE-UNAVAILABLE, DATABASE-DAMAGED."""
SOON_DAYS: Final = 30
AUDIT_ROWS: Final = 10_000
"""The last ones: all of them may take minutes, and whoever wants that asks the controller."""
DAY_S: Final = 86_400
_REMEDIES: Final = {
    "KEY-FILE-INVALID": "Put the file there, or name another one; the user that the controller runs as must be able to read it, "
    "and nobody else a key.",
    "TRUST-INVALID": "Name the site's trust document in `trust` and the public key of its root in `root`; the site's "
    "administrator has both.",
    "KEY-UNKNOWN": "Give the controller a key of its own: the site's administrator adds it to the trust document.",
    "DATABASE-UNAVAILABLE": "Start the database, or correct `database.url` and `database.password_file`.",
    "FILE-MISSING": "Make it, or name another one; the user that the controller runs as must be able to write there.",
}


@dataclass
class Found:
    """Lines for people: what is sound, and what is wrong."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @contextmanager
    def about(self, what: str) -> Iterator[None]:
        """What is raised in the block is what is wrong with that."""
        try:
            yield
        except GuestwireError as err:
            remedy = _REMEDIES.get(err.code)
            text = err.message if err.message.endswith(".") else f"{err.message}."
            self.wrong.append(f"{what}: {err.code}: {text}" + (f" {remedy}" if remedy else ""))


async def look(settings: Settings, opening: Opening, now_ms: int) -> Found:
    """Look at everything that the settings name."""
    found = Found()
    _state_dir(settings, found)
    _served(settings, found, now_ms)
    _metrics(settings, found)
    trusts: dict[str, Trust] = {}
    async with AsyncExitStack() as stack:
        database = await _database(stack, settings, opening, found)
        known = [(one, "configured") for one in settings.connections]
        if database is not None:
            known += [(one, "added") for one in await _added(database, found)]
        for connection, whose in known:
            with found.about(f"connection {connection.name}"):
                documents = await _documents(database, connection.site)
                trust = _connection(connection, whose, documents, found, now_ms)
                if trust is not None:
                    trusts[connection.site] = trust
        if not known:
            found.lines.append("connections: none is configured, and none was added")
        if database is not None:
            await _audit(database, trusts, found)
    return found


def _state_dir(settings: Settings, found: Found) -> None:
    folder = settings.controller.state_dir
    with found.about("state_dir"):
        if not folder.exists():
            found.lines.append(f"state_dir: {folder} is made at the first start")
        elif not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise GuestwireError("FILE-MISSING", f"{folder} is no folder that this user may write into.")
        else:
            found.lines.append(f"state_dir: {folder}")


def _served(settings: Settings, found: Found, now_ms: int) -> None:
    serve = settings.serve
    with found.about("serve"):
        check_reach(address(serve.listen, least_port=0)[0], tls=serve.cert is not None)
        if serve.cert is not None and serve.key is not None:
            _pair(serve.cert, serve.key)
            found.lines.append(_certificate("serve", serve.cert, now_ms))
        found.lines.append(f"serve: {'https' if serve.cert is not None else 'http'} at {serve.listen}")


def _metrics(settings: Settings, found: Found) -> None:
    file = settings.metrics.token_file
    with found.about("metrics"):
        if file is None:
            return
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as err:
            raise GuestwireError("KEY-FILE-INVALID", f"metrics.token_file: {file}: {err}") from err
        if not lines or not lines[0].strip():
            raise GuestwireError("KEY-FILE-INVALID", f"metrics.token_file: {file} has no token in its first line.")
        found.lines.append(f"metrics: whoever scrapes brings the token in {file}")


async def _database(stack: AsyncExitStack, settings: Settings, opening: Opening, found: Found) -> Database | None:
    """The open database, where its tables are those of this program."""
    url = settings.database_url
    file = Path(url.partition("///")[2]) if url.startswith("sqlite") else None
    database, how = None, "empty"
    with found.about("database"):
        opened = opening()
        if file is not None and not file.exists():
            found.lines.append(f"database: {file} is made at the first start")
            return None
        database = await stack.enter_async_context(opened)
        how = await standing(database)
        said = {
            "empty": "its tables are made at the first start",
            "older": "it is changed to this version at the next start",
        }
        found.lines.append(f"database: {database.where}: {database.dialect}: {said.get(how, 'of this version')}")
    return database if how == "current" else None


async def _added(database: Database, found: Found) -> list[Connection]:
    rows: list[ConnectionRow] = []
    with found.about("connections"):
        async with database.read() as tx:
            rows = await connection_rows.every(tx)
    return [Connection.model_validate_json(row.settings) for row in rows]


async def _documents(database: Database | None, site: str) -> list[bytes]:
    if database is None:
        return []
    async with database.read() as tx:
        return await trust_documents.of_site(tx, site)


def _connection(connection: Connection, whose: str, documents: list[bytes], found: Found, now_ms: int) -> Trust | None:
    """The trust document that counts there. Raises what keeps it from being used."""
    who = identity(connection, documents, now_ms)
    options, _, _ = dialler(connection, who)
    options()
    trust = who.trust
    revision = "" if trust is None else f", trust document {in_words(trust.revision)}"
    found.lines.append(f"connection {connection.name}: {whose}, {connection.via}, as {who.issuer}{revision}")
    if connection.certificate is not None:
        found.lines.append(_certificate(f"connection {connection.name}", Path(connection.certificate), now_ms))
    return trust


async def _audit(database: Database, trusts: dict[str, Trust], found: Found) -> None:
    with found.about("audit log"):
        async with database.read() as tx:
            end = await check(tx, trusts.get, most=AUDIT_ROWS)
        if end.why is not None:
            raise GuestwireError(
                "AUDIT-BROKEN", f"{end.why} Keep the database as it is, and find out who could write to it."
            )
        signed = "nothing of it is signed yet" if end.signed is None else f"row {end.signed.seq} is signed"
        found.lines.append(f"audit log: its last {end.rows} rows are sound, {signed}")


def _pair(cert: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as err:
        raise GuestwireError("KEY-FILE-INVALID", f"serve.cert and serve.key: {cert}, {key}: {err}") from err


def _certificate(what: str, file: Path, now_ms: int) -> str:
    """Until when it is good. Raises KEY-FILE-INVALID for one that is over."""
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{file}: {err}") from err
    left = (end - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds()
    if left < 0:
        raise GuestwireError("KEY-FILE-INVALID", f"The certificate {file} has run out on {end:%Y-%m-%d}: renew it.")
    days = int(left // DAY_S)
    return f"{what}: the certificate is good until {end:%Y-%m-%d}" + (": renew it" if days < SOON_DAYS else "")
