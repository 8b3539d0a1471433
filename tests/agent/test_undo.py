"""What `guestwire-agent undo` does where no agent runs; with killed agents in tests/e2e/test_apply_crashes."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from site_files import SiteFiles, site_files

from guestwire.agent import compose
from guestwire.agent.config import Settings
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.host_agent import host_agent
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.configuration.applying import FAILURE
from guestwire.agent.services.ports import Drivers
from guestwire.agent.undo import undo_overdue
from guestwire.link.invoke import caller
from guestwire.link.local_client import LocalConnect
from guestwire.link.transport import Options
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol import config_models as c
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid())


async def changed(settings: Settings, socket: Path) -> None:
    """An agent applies a change that is to be confirmed, and stops; the time for that is over."""
    async with AsyncExitStack() as stack:
        settings.host.state_dir.mkdir(exist_ok=True)
        speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
        driver = await stack.enter_async_context(compose.driver(settings))
        writer = await stack.enter_async_context(JournalWriter())
        await stack.enter_async_context(host_agent(compose.host_parts(settings, driver, writer, speaking)))
        invoker = Invoker("plant", "cli-1", f"local:{os.getuid()}", path_vouches=True)
        link = await stack.enter_async_context(
            caller(invoker, lambda: Options("socket", 0, "cli-1"), LocalConnect(socket))
        )

        async def ask(operation: str, request: Any) -> Any:
            return (await link.call("h1", BY_NAME[operation], request, timeout_s=10)).reply

        wanted = Desired(guests=(Guest(name="new", memory_mib=64),))
        plan = await ask("config-plan", c.ConfigPlan(desired=wanted, hash=content_hash(wanted)))
        done = await ask("config-apply", c.ConfigApply(
            desired=wanted, hash=content_hash(wanted), plan_id=plan.plan_id, base_revision=plan.base_revision, confirm_s=600,
        ))  # fmt: skip
        assert done.state == "confirm_wait"
    async with JournalWriter() as writer, await _journal(settings, writer) as journal:
        await journal.config.set_phase("confirm", confirm_by_ms=1)


async def _journal(settings: Settings, writer: JournalWriter) -> Journal:
    return await Journal.open(settings.host.state_dir / "journal.db", writer, now_ms=compose.wall_ms())


async def told_next(settings: Settings) -> str:
    """Why the last change came to nothing, as the next agent will tell."""
    async with JournalWriter() as writer, await _journal(settings, writer) as journal:
        return (journal.note(FAILURE) or b"").decode()


async def names(settings: Settings) -> list[str]:
    async with compose.driver(settings) as drivers:
        return [observed.guest.name for observed in await drivers.guests.list()]


async def test_an_overdue_change_is_undone(site: SiteFiles) -> None:
    settings, said = site.settings(simulated__guests="2"), list[str]()
    await changed(settings, site.folder / "agent.sock")
    assert await names(settings) == ["new"]
    await undo_overdue(settings, said.append)
    assert len(said) == 1
    assert await names(settings) == ["rtlinux", "linux1"]
    await undo_overdue(settings, said.append)
    assert len(said) == 1
    assert await told_next(settings) == "ROLLED-BACK: nobody confirmed the change in time"


async def test_while_an_agent_has_the_state_directory_it_is_left_to_it(site: SiteFiles) -> None:
    settings = site.settings(simulated__guests="2")
    await changed(settings, site.folder / "agent.sock")
    async with JournalWriter() as writer, await _journal(settings, writer):
        await undo_overdue(settings, pytest.fail)
    assert await names(settings) == ["new"]


async def test_what_could_not_be_undone_is_told(site: SiteFiles) -> None:
    @asynccontextmanager
    async def broken(settings: Settings) -> AsyncIterator[Drivers]:
        async with compose.driver(settings) as drivers:
            cast("SimulatedHost", drivers.guests).set_faults(Faults(fail_calls={"guests.restore:new": "injected"}))
            yield drivers

    settings = site.settings(simulated__guests="2")
    await changed(settings, site.folder / "agent.sock")
    with pytest.raises(GuestwireError) as failed:
        await undo_overdue(settings, pytest.fail, driver=broken)
    assert failed.value.code == "ROLLBACK-INCOMPLETE"
    assert failed.value.detail["left"] == ["define new: DRIVER-ERROR injected"]
    assert (await told_next(settings)).startswith(
        "ROLLBACK-INCOMPLETE: nobody confirmed the change in time; define new"
    )


async def test_there_is_nothing_to_undo_where_there_is_no_journal(site: SiteFiles) -> None:
    settings = site.settings()
    await undo_overdue(settings, pytest.fail)
    assert not settings.host.state_dir.exists()
