"""guestwire-agent undo: takes back a change that nobody confirmed in time, where no agent runs that would.

A timer starts it every half minute (guestwire-undo.timer). A host whose agent died and never starts again is then still the
host it was before the change that cut it off. DOMAIN "How a change reaches a host".
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path

from guestwire.agent import compose
from guestwire.agent.config import Settings
from guestwire.agent.config_records_schema import ChangeRow
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.configuration.applying import FAILURE, came_to_nothing
from guestwire.agent.services.configuration.engine import Engine
from guestwire.agent.services.configuration.step_kinds import Tools
from guestwire.agent.services.configuration.switching import Switching
from guestwire.agent.services.guest_folder import GuestFolders
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import Drivers
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError

PATIENCE_S = 20.0
"""How long a change that is half done is left to an agent that may be about to start again and go on with it."""

Driver = Callable[[Settings], AbstractAsyncContextManager[Drivers]]
Say = Callable[[str], None]


async def undo_overdue(
    settings: Settings, say: Say, *, patience_s: float = PATIENCE_S, driver: Driver = compose.driver
) -> None:
    """Undo the change that waits for a confirmation past its time, or that is half done, unless an agent has the state
    directory: then that agent does it. Says what was done; nothing where there is nothing to do.

    Raises ROLLBACK-INCOMPLETE with what could not be undone, JOURNAL-NEWER, JOURNAL-FULL, and what the driver raises.
    """
    path = settings.host.state_dir / "journal.db"
    if not await asyncio.to_thread(path.exists):
        return
    async with JournalWriter() as writer:
        found = await _looked_at(path, writer)
        if found is not None and found.phase in ("forward", "undoing"):
            await asyncio.sleep(patience_s)
            found = await _looked_at(path, writer)
        if found is None or not _is_due(found):
            return
        try:
            journal = await _opened(path, writer)
        except GuestwireError as err:
            if err.code == "STATE-DIR-IN-USE":
                return
            raise
        async with journal:
            await _undo(settings, journal, say, driver)


def _is_due(change: ChangeRow) -> bool:
    if change.phase == "confirm":
        return change.confirm_by_ms is not None and change.confirm_by_ms <= compose.wall_ms()
    return change.phase in ("forward", "undoing")


async def _opened(path: Path, writer: JournalWriter) -> Journal:
    return await Journal.open(path, writer, now_ms=compose.wall_ms(), clock_synchronised=False)


async def _looked_at(path: Path, writer: JournalWriter) -> ChangeRow | None:
    """The change under way; None where there is none, or where a live agent sees to it."""
    try:
        async with await _opened(path, writer) as journal:
            return journal.config.under_way
    except GuestwireError as err:
        if err.code == "STATE-DIR-IN-USE":
            return None
        raise


async def _undo(settings: Settings, journal: Journal, say: Say, driver: Driver) -> None:
    records = journal.config
    change = records.under_way
    if change is None or not _is_due(change):
        return
    if change.phase == "confirm" and not await records.take_undo(compose.wall_ms()):
        return
    vital = Vital(lambda _name, _error: None)
    folders = GuestFolders(settings.host.state_dir / "guests", settings.host.template_dir)
    async with AsyncExitStack() as stack:
        drivers = await stack.enter_async_context(driver(settings))
        guests = await stack.enter_async_context(GuestService(drivers.guests, compose.wall_ms, _unheard, vital))
        tools = Tools(drivers.guests, drivers.images, drivers.control, folders, Switching(guests), drivers.comm)
        left = await Engine(records, tools).back()
    why = (
        "nobody confirmed the change in time" if change.phase == "confirm" else "the agent stopped while it was applied"
    )
    with suppress(GuestwireError):  # a full disk: it was undone all the same
        await journal.set_note(FAILURE, came_to_nothing(why, left).encode())
    if left:
        raise GuestwireError(
            "ROLLBACK-INCOMPLETE", f"Plan {change.plan_id[:8]} was undone, but for: {'; '.join(left)}",
            detail={"left": list(left)},
        )  # fmt: skip
    say(f"plan {change.plan_id[:8]} was undone: {why}")


def _unheard(_change: Transition) -> None:
    """Nobody hears how guests change meanwhile."""
