"""Brings a database to the revision of this program, in one transaction: it has all of it, or is as it was."""

from pathlib import Path
from typing import Final, Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError

Standing = Literal["empty", "older", "current"]
_SCRIPTS: Final = Path(__file__).parent / "migrations"


async def upgrade(database: Database, revision: str = "head") -> None:
    """Make or change the tables up to a revision. Nothing is done where they are there already; of two controllers that begin
    at once, one waits for the other. Raises DATABASE-NEWER, DATABASE-UNAVAILABLE, DATABASE-FULL."""
    await _migrate(database, revision, up=True)


async def downgrade(database: Database, revision: str) -> None:
    """Take revisions back; `base`: all of them, with everything that is in the database."""
    await _migrate(database, revision, up=False)


async def standing(database: Database) -> Standing:
    """How the tables stand to this program. Changes nothing. Raises DATABASE-NEWER, DATABASE-UNAVAILABLE."""
    async with database.read() as tx:
        return await tx.run_sync(_standing)


async def _migrate(database: Database, revision: str, *, up: bool) -> None:
    async with database.write() as tx:
        if database.dialect == "postgresql":
            await tx.execute(text("SET LOCAL statement_timeout = 0"))
        await tx.run_sync(_run, revision, up)


def _run(connection: Connection, revision: str, up: bool) -> None:
    config = _config(connection)
    _heads(connection, ScriptDirectory.from_config(config))
    (command.upgrade if up else command.downgrade)(config, revision)


def _standing(connection: Connection) -> Standing:
    scripts = ScriptDirectory.from_config(_config(connection))
    there = _heads(connection, scripts)
    if not there:
        return "empty"
    return "current" if there == set(scripts.get_heads()) else "older"


def _heads(connection: Connection, scripts: ScriptDirectory) -> set[str]:
    """The revisions that the tables have. Raises DATABASE-NEWER for one that this program does not know."""
    there = set(MigrationContext.configure(connection).get_current_heads())
    unknown = there - {script.revision for script in scripts.walk_revisions()}
    if unknown:
        raise GuestwireError("DATABASE-NEWER", detail={"revision": ", ".join(sorted(unknown))})
    return there


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
