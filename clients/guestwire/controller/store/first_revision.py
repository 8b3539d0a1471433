"""The statements of the first revision: made of the tables by `python -m guestwire.controller.store.first_revision`, read by
the revision.

They are kept as text for either kind of database, because alembic's own words have none for what differs between the two
(partitions, tables without row ids, a key in the one and an index in the other).
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_mock_engine
from sqlalchemy.schema import CreateTable

from guestwire.controller.store.schema import all_tables

FOLDER: Final = Path(__file__).parent / "migrations" / "versions"
_BETWEEN: Final = ";\n\n"
_URLS: Final = {"sqlite": "sqlite+aiosqlite://", "postgresql": "postgresql+asyncpg://"}
DIALECTS: Final = tuple(_URLS)


def statements(dialect: str) -> tuple[str, ...]:
    """What makes all tables in a database of that kind (`sqlite`, `postgresql`), in order."""
    return tuple(_file(dialect).read_text().removesuffix(";\n").split(_BETWEEN))


def made(dialect: str) -> str:
    """What the file has to be for the tables as they are: what `create_all` would send, always in the same order."""
    groups: dict[str, list[str]] = {}

    def take(statement: Any, *_: Any) -> None:
        lines = str(statement.compile(dialect=engine.dialect)).strip().splitlines()
        element = statement.element
        table = element.name if isinstance(statement, CreateTable) else element.table.name
        groups.setdefault(table, []).append("\n".join(line.rstrip() for line in lines))

    engine = create_mock_engine(_URLS[dialect], take)
    tables = all_tables()
    tables.create_all(engine, checkfirst=False)
    in_order = (groups[table.name] for table in tables.sorted_tables)
    return _BETWEEN.join(text for table, *rest in in_order for text in (table, *sorted(rest))) + ";\n"


def write() -> None:
    """Make the files anew."""
    for dialect in DIALECTS:
        _file(dialect).write_text(made(dialect))


def _file(dialect: str) -> Path:
    return FOLDER / f"r0001_first.{dialect}.sql"


if __name__ == "__main__":
    write()
