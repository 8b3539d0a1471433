"""`reported` follows what changes, and a defect in making it is noticed."""

import asyncio
from pathlib import Path
from typing import Any, cast

from guestwire.agent.announcer import Announcer
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.reporting import Reporting
from guestwire.agent.services.configuration.service import Configuration
from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.telemetry.loose import Loose
from guestwire.link.vital import Vital
from guestwire.model.host import RebootRequired
from guestwire.model.plan import PlanItem, Revision, SyncState
from guestwire.protocol import statements
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now


class Outlet:
    def __init__(self) -> None:
        self.said = asyncio.Event()
        self.frame = b""

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        assert (topic, retained) == ("gw/1/plant/host/h1/reported", True)
        self.frame = frame
        self.said.set()


class Configured:
    """What a host says of its configuration when somebody changed a guest behind its back and a boot is due."""

    async def revision(self) -> Revision:
        return Revision(number=3, hash="f" * 64, author="operator:anna", applied_at=1)

    def state(self, drift: tuple[PlanItem, ...]) -> SyncState:
        return "drifted" if drift else "in_sync"

    async def drift(self) -> tuple[PlanItem, ...]:
        return (PlanItem(op="update", object="guests.web", field="memory_mib", effect="guest_restart"),)


def reboot_required() -> RebootRequired:
    return RebootRequired(required=True, reasons=("an apply waits", "a kernel waits"))


CONFIGURATION = cast("Configuration", cast("Any", Configured()))


def announcer() -> Announcer:
    return Announcer("plant", "h1", SigningKey(bytes(range(32))), lambda: Now(1_000, 1.0), Loose())


async def test_a_change_is_reported(journal_path: Path, writer: JournalWriter) -> None:
    died: list[str] = []
    voice, outlet = announcer(), Outlet()
    voice.broker_up(outlet)
    vital = Vital(lambda name, _: died.append(name))
    async with (
        await Journal.open(journal_path, writer, now_ms=1) as journal,
        Reporting(voice, journal, GuestTable(), CONFIGURATION, reboot_required, lambda: 1, vital) as reporting,
        asyncio.timeout(5),
    ):
        reporting.changed()
        await outlet.said.wait()
    said = statements.read(outlet.frame, None, "plant", "host:h1", "reported", None).read(ReportedBody)
    assert (said.revision, said.active_hash, said.state, said.drift) == (3, "f" * 64, "drifted", 1)
    assert said.reboot_required.reasons == ("an apply waits", "a kernel waits")
    await asyncio.sleep(0)
    assert died == [], "its owner ended it"


async def test_a_defect_is_noticed(journal_path: Path, writer: JournalWriter) -> None:
    died: list[str] = []
    vital = Vital(lambda name, _: died.append(name))
    table = cast("GuestTable", cast("Any", object()))
    async with (
        await Journal.open(journal_path, writer, now_ms=1) as journal,
        Reporting(announcer(), journal, table, CONFIGURATION, reboot_required, lambda: 1, vital) as reporting,
        asyncio.timeout(5),
    ):
        reporting.changed()
        await vital.until(asyncio.Event())
    assert died == ["reported"]
