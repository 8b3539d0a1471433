"""Connections as people deal with them, several of them at once."""

import asyncio

from fleet_controller import ADMIN, by_mqtt, controller

from guestwire.controller.store import connections as connection_rows
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.site.layout import Layout


async def test_of_two_who_do_the_same_at_once_one_is_told(one_database: Database, layout: Layout) -> None:
    """And what is stored is what runs."""
    async with controller(one_database, []) as made:
        wanted = [by_mqtt(layout, 9, name=name, brokers=("mqtt://127.0.0.1:9",)) for name in ("one", "two")]
        found = await asyncio.gather(*(made.connections.add(ADMIN, one) for one in wanted), return_exceptions=True)
        assert [one.code for one in found if isinstance(one, GuestwireError)] == ["EXISTS"]
        async with one_database.read() as tx:
            [row] = await connection_rows.every(tx)
        assert [one.connection.name for one in made.links] == [row.name]
        ended = await asyncio.gather(
            *(made.connections.remove(ADMIN, row.name) for _ in range(2)), return_exceptions=True
        )
        assert [one if one is None else getattr(one, "code", one) for one in ended] == [None, "NOT-FOUND"]
        async with one_database.read() as tx:
            assert await connection_rows.every(tx) == []
