"""Connections as people deal with them, several of them at once."""

import asyncio

import pytest
from fleet_controller import ADMIN, by_mqtt, controller

from guestwire.controller.links.running import RunningConnection
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


async def test_a_connection_goes_another_way(one_database: Database, layout: Layout) -> None:
    """It is stored and runs as it was changed to, and its name and place stay its own."""
    first = by_mqtt(layout, 9, name="one", brokers=("mqtt://127.0.0.1:9",))
    other = first.model_copy(update={"brokers": ("mqtt://127.0.0.1:10",)})
    async with controller(one_database, []) as made:
        await made.connections.add(ADMIN, first)
        changed = await made.connections.change(ADMIN, "one", other)
        assert changed.where == ("mqtt://127.0.0.1:10",)
        assert made.connections.settings(ADMIN, "one") == other
        assert [one.connection for one in made.links] == [other]
        async with one_database.read() as tx:
            [row] = await connection_rows.every(tx)
        assert "127.0.0.1:10" in row.settings
        for name, wanted, code in (
            ("two", other.model_copy(update={"name": "two"}), "NOT-FOUND"),
            ("one", other.model_copy(update={"name": "two"}), "INVALID-BODY"),
            ("one", other.model_copy(update={"trust": "trust"}), "INVALID-BODY"),
        ):
            with pytest.raises(GuestwireError) as caught:
                await made.connections.change(ADMIN, name, wanted)
            assert caught.value.code == code, wanted
        assert [one.connection for one in made.links] == [other]


async def test_two_connections_do_not_come_to_lead_to_one_site(one_database: Database, layout: Layout) -> None:
    first = by_mqtt(layout, 9, name="one", brokers=("mqtt://127.0.0.1:9",))
    second = first.model_copy(update={"name": "two", "site": "elsewhere"})
    async with controller(one_database, []) as made:
        for one in (first, second):
            await made.connections.add(ADMIN, one)
        with pytest.raises(GuestwireError, match="leads to"):
            await made.connections.change(ADMIN, "two", second.model_copy(update={"site": first.site}))
        assert {one.connection.site for one in made.links} == {first.site, "elsewhere"}


async def test_one_of_the_configuration_stays_as_it_is(one_database: Database, layout: Layout) -> None:
    first = by_mqtt(layout, 9, name="one", brokers=("mqtt://127.0.0.1:9",))
    async with controller(one_database, [first]) as made:
        with pytest.raises(GuestwireError) as caught:
            await made.connections.change(ADMIN, "one", first)
        assert caught.value.code == "CONNECTION-CONFIGURED"


async def test_who_goes_away_in_the_middle_of_a_change_leaves_what_is_stored_running(
    one_database: Database, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the connection as it was does not come to an end."""
    ended = asyncio.Event()

    async def run(_: RunningConnection) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await ended.wait()

    monkeypatch.setattr(RunningConnection, "run", run)
    first = by_mqtt(layout, 9, name="one", brokers=("mqtt://127.0.0.1:9",))
    async with controller(one_database, []) as made:
        await made.connections.add(ADMIN, first)
        found = []
        for number in range(1, 40, 3):
            other = first.model_copy(update={"brokers": (f"mqtt://127.0.0.1:{number}",)})
            changing = asyncio.create_task(made.connections.change(ADMIN, "one", other))
            await asyncio.wait({changing}, timeout=number / 2000)
            changing.cancel()
            await asyncio.wait({changing})
            async with one_database.read() as tx:
                [row] = await connection_rows.every(tx)
            found += [one.connection.brokers[0] in row.settings for one in made.links]
        changing = asyncio.create_task(made.connections.change(ADMIN, "one", first))
        done, _ = await asyncio.wait({changing}, timeout=5)
        ended.set()
        assert done, "it waits for nobody's goodbye"
        assert (await changing).where == first.brokers
    assert found == [True] * 13
