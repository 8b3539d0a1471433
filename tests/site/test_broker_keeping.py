"""The broker's files follow the trust document of a real site's directory; the broker is one that only notes what it is told."""

import grp
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site import drafts, publishing
from guestwire.site.broker_keeping import WHOLE_S, BrokerKeeping
from guestwire.site.enrolment import SitePlan, add, create
from guestwire.site.layout import Layout
from guestwire.site.mosquitto_files import MosquittoOptions
from guestwire.site.service_log import ServiceLog
from guestwire.site.service_notes import ServiceNotes
from guestwire.site.signers import without


@dataclass
class Told:
    """A Control."""

    what: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)

    async def reload(self) -> None:
        self._tell("reload")

    async def restart(self) -> None:
        self._tell("restart")

    def _tell(self, what: str) -> None:
        self.what.append(what)
        if what in self.fails:
            raise GuestwireError("SYSTEM-REFUSED", f"no {what} today")


class Keeping:
    """A site, what keeps its broker, and a clock of its own."""

    def __init__(self, base: Path, *, restarts: bool = False, user: str | None = None) -> None:
        plan = SitePlan("plant", hosts=("h1",), operators=("anna", "bert"), tls=True, local_uids=())
        self.layout: Layout = create(base / "plant", plan, self.clock_ms())
        self.out = base / "broker"
        self.told = Told()
        self.lines: list[str] = []
        self.mono = 0.0
        notes = ServiceNotes(ServiceLog(self.layout.service_log), self.clock_ms, self.lines.append)
        self.it = BrokerKeeping(
            self.layout, self.out, MosquittoOptions(user=user or grp.getgrgid(os.getegid()).gr_name), self.told, notes,
            restarts=restarts, clock_ms=self.clock_ms, mono=lambda: self.mono,
        )  # fmt: skip

    def clock_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def revoke(self, principal: str) -> None:
        with publishing.site_open(self.layout):
            trust = drafts.in_force(self.layout)
            drafts.change(self.layout, lambda document: without(document, principal, trust), self.clock_ms())
            publishing.sign(self.layout, self.clock_ms())

    def users(self) -> str:
        return (self.out / "access.acl").read_text()


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path)


async def test_what_changes_is_written_and_told_once(keeping: Keeping) -> None:
    await keeping.it.step()
    assert keeping.told.what == ["reload"], "nobody here can start it anew"
    assert "by hand" in keeping.lines[0]
    await keeping.it.step()
    keeping.revoke("operator:bert")
    await keeping.it.step()
    await keeping.it.step()
    assert keeping.told.what == ["reload", "reload"]
    assert "user bert" not in keeping.users()
    assert "user anna" in keeping.users()
    assert keeping.lines[2:] == [
        "broker: trust document 2: revoked.crl, access.acl written", "broker: reads its files again",
    ]  # fmt: skip
    rows = [json.loads(line) for line in keeping.layout.service_log.read_text().splitlines()]
    assert [(row["what"], row["outcome"], row["action"]) for row in rows] == [
        ("broker", "ok", "restart by hand"), ("broker", "ok", "reload"),
        ("broker", "ok", "reload"), ("broker", "ok", "reload"),
    ]  # fmt: skip


async def test_a_broker_that_cannot_be_told_is_told_later_and_it_is_said_once(keeping: Keeping) -> None:
    keeping.told.fails = {"reload"}
    for _ in range(50):
        await keeping.it.step()
        keeping.mono += 1
    assert 4 <= len(keeping.told.what) <= 10
    assert len([line for line in keeping.lines if "no reload today" in line]) == 1
    keeping.told.fails = set()
    keeping.mono += 20
    await keeping.it.step()
    assert keeping.lines[-1] == "broker: reads its files again"


async def test_a_new_start_where_a_reload_is_not_enough(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, restarts=True)
    keeping.told.fails = {"restart"}
    await keeping.it.step()
    assert keeping.told.what == ["restart", "reload"], "the next best until it works"
    keeping.told.fails = set()
    keeping.mono += 20
    await keeping.it.step()
    assert keeping.told.what[2:] == ["restart"]


async def test_a_site_that_is_damaged_leaves_the_broker_as_it_is(keeping: Keeping) -> None:
    await keeping.it.step()
    before, good = keeping.users(), keeping.layout.trust.read_bytes()
    keeping.layout.trust.write_bytes(b"guestwire-trust 1 x y\n")
    for _ in range(3):
        await keeping.it.step()
        keeping.mono += WHOLE_S
    assert keeping.users() == before
    assert len([line for line in keeping.lines if "TRUST-INVALID" in line]) == 1
    keeping.layout.trust.write_bytes(good)
    add(keeping.layout.base, ["operator:carl"], keeping.clock_ms())
    await keeping.it.step()
    assert "user carl" in keeping.users()


async def test_what_somebody_changed_in_the_files_is_put_right(keeping: Keeping) -> None:
    await keeping.it.step()
    good = keeping.users()
    (keeping.out / "access.acl").write_text("topic readwrite #\n")
    keeping.mono += WHOLE_S
    await keeping.it.step()
    assert keeping.users() == good
    assert keeping.told.what == ["reload", "reload"]


async def test_files_that_the_broker_cannot_read_are_said(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, user="no-such-group")
    await keeping.it.step()
    assert "give it the group of the broker" in keeping.lines[0]
