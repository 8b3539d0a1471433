"""Brings a database to the revision of this program, in one transaction: it has all of it, or is as it was."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError

_SCRIPTS: Final = Path(__file__).parent / "migrations"


async def upgrade(database: Database, revision: str = "head") -> None:
    """Make or change the tables up to a revision. Nothing is done where they are there already; of two controllers that begin
    at once, one waits for the other. Raises DATABASE-NEWER, DATABASE-UNAVAILABLE, DATABASE-FULL."""
    await _migrate(database, revision, up=True)


async def downgrade(database: Database, revision: str) -> None:
    """Take revisions back; `base`: all of them, with everything that is in the database."""
    await _migrate(database, revision, up=False)


async def _migrate(database: Database, revision: str, *, up: bool) -> None:
    async with database.write() as tx:
        if database.dialect == "postgresql":
            await tx.execute(text("SET LOCAL statement_timeout = 0"))
        await tx.run_sync(_run, revision, up)


def _run(connection: Connection, revision: str, up: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    there = set(MigrationContext.configure(connection).get_current_heads())
    if not there <= known:
        raise GuestwireError("DATABASE-NEWER", detail={"revision": ", ".join(sorted(there - known))})
    (command.upgrade if up else command.downgrade)(config, revision)
