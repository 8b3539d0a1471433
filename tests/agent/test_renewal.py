"""When the host's certificate is renewed, what is told of it, and the process that does it."""

import asyncio
import datetime
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.agent.certificate_dates import Dates
from guestwire.agent.config import load
from guestwire.agent.renewal import (
    ALARM_EVERY_S,
    FIRST_RETRY_S,
    LAST_RETRY_S,
    LOOK_S,
    Renewal,
    RenewalParts,
    due_ms,
    retry_s,
)
from guestwire.agent.renewal_parts import renew_command, run
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.site.ca import make_root_ca
from guestwire.site.leaves import issue_host

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY_S, DAY_MS = 86_400.0, 86_400_000
CA = make_root_ca("plant", BEGIN)


@dataclass
class World:
    """A certificate of 90 days, a clock, a service that may fail, and ears."""

    cert: Path
    wall_ms: int = round(BEGIN.timestamp() * 1000)
    mono: float = 0.0
    fails_with: str | None = None
    asked: int = 0
    renewed: int = 0
    alarms: list[tuple[str, str | None]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    authorities: tuple[str, ...] = ()
    warnings: int = 0

    def later(self, days: float) -> None:
        self.wall_ms += round(days * DAY_MS)
        self.mono += days * DAY_S

    def issue(self) -> None:
        at = datetime.datetime.fromtimestamp(self.wall_ms / 1000, datetime.UTC)
        self.cert.write_bytes(issue_host(CA, "h1", at, 90).certificate)

    async def renew(self) -> None:
        self.asked += 1
        if self.fails_with is not None:
            raise GuestwireError(self.fails_with)
        self.issue()

    async def heard(self) -> None:
        self.renewed += 1

    def certificate_ends(self, text: str, code: str | None) -> None:
        self.alarms.append((text, code))

    def host_id_conflict(self, why: str) -> None:
        self.conflicts.append(why)

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None:
        self.warnings += 1

    def error(self, event: str, **fields: object) -> None: ...

    def parts(self) -> RenewalParts:
        return RenewalParts(
            cert=self.cert, ca=self.cert.with_name("ca.crt"), authorities=lambda: self.authorities, renew=self.renew,
            renewed=self.heard, alarms=self, log=self, now_ms=lambda: self.wall_ms, mono=lambda: self.mono,
        )  # fmt: skip


def _raise(_name: str, error: BaseException) -> None:
    raise error


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "tls.pem")
    made.issue()
    return made


async def test_a_certificate_is_renewed_when_two_thirds_are_over(world: World) -> None:
    renewal = Renewal(world.parts(), Vital(_raise))
    for _ in range(54):  # 0.6 of 90 days
        assert 1 <= await renewal.look() <= LOOK_S
        world.later(1)
    assert world.asked == 0
    world.later(12)
    await renewal.look()
    assert (world.asked, world.renewed, world.alarms) == (1, 1, [])
    await renewal.look()
    assert world.asked == 1, "the new one is not due"


async def test_what_fails_is_tried_again_later_and_later_and_then_told(world: World) -> None:
    renewal = Renewal(world.parts(), Vital(_raise))
    world.fails_with = "ENROLMENT-UNREACHABLE"
    world.later(70)
    while world.wall_ms < BEGIN.timestamp() * 1000 + 90 * DAY_MS:
        world.later(await renewal.look() / DAY_S)
    assert 20 < world.asked < 300
    assert world.alarms
    text, code = world.alarms[0]
    assert code == "ENROLMENT-UNREACHABLE"
    assert "ends in" in text
    assert len(world.alarms) <= 17, "once a day"
    world.later(1)
    await renewal.look()
    assert "has ended" in world.alarms[-1][0]
    world.fails_with = None
    world.later(1)
    await renewal.look()
    assert world.renewed == 1


async def test_where_nobody_renews_it_is_told_in_time(world: World) -> None:
    renewal = Renewal(replace(world.parts(), renew=None), Vital(_raise))
    world.later(74)
    await renewal.look()
    assert world.alarms == []
    world.later(2)
    await renewal.look()
    await renewal.look()
    assert len(world.alarms) == 1
    world.later(ALARM_EVERY_S / DAY_S)
    await renewal.look()
    assert len(world.alarms) == 2
    assert world.alarms[0][1] is None


async def test_a_clone_is_told_at_once(world: World) -> None:
    renewal = Renewal(world.parts(), Vital(_raise))
    world.fails_with = "HOST-ID-CONFLICT"
    world.later(65)
    await renewal.look()
    assert len(world.conflicts) == 1


async def test_a_certificate_that_is_lost_is_no_end(world: World) -> None:
    renewal = Renewal(world.parts(), Vital(_raise))
    world.cert.unlink()
    assert await renewal.look() == LOOK_S
    assert world.warnings == 1
    world.issue()
    assert await renewal.look() <= LOOK_S


async def test_the_file_of_the_cas_follows_the_trust_document(world: World) -> None:
    ca = world.cert.with_name("ca.crt")
    ca.write_text("old")
    async with Renewal(world.parts(), Vital(_raise)) as renewal:
        assert ca.read_text() == "old", "a document that names none changes nothing"
        world.authorities = ("one\n", "two\n")
        renewal.look_soon()
        async with asyncio.timeout(10):
            while ca.read_text() != "one\ntwo\n":
                await asyncio.sleep(0.005)
    assert ca.stat().st_mode & 0o777 == 0o600


def test_when_it_is_due() -> None:
    assert due_ms(Dates(1_000, 91_000), 2 / 3) == 61_000


@given(st.integers(1, 10_000), st.integers(-DAY_MS, 400 * DAY_MS))
@settings(max_examples=100)
def test_waits_are_bounded(failures: int, left_ms: int) -> None:
    wait = retry_s(failures, left_ms)
    assert FIRST_RETRY_S <= wait <= LAST_RETRY_S
    assert retry_s(failures + 1, left_ms) >= wait
    assert wait <= max(FIRST_RETRY_S, left_ms / 4000)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import sys; sys.exit('guestwire-agent: KEY-UNKNOWN: it was revoked')", "KEY-UNKNOWN"),
        ("import sys; sys.exit('guestwire-agent: NO-SUCH: x')", "PROCESS-FAILED"),
        ("import sys; sys.exit(3)", "PROCESS-FAILED"),
        ("import os; os.kill(os.getpid(), 9)", "PROCESS-FAILED"),
        ("import time; time.sleep(60)", "PROCESS-FAILED"),
    ],
)
async def test_how_the_process_ends(script: str, code: str) -> None:
    with pytest.raises(GuestwireError) as failed:
        await run((sys.executable, "-S", "-c", script), deadline_s=0.5 if "sleep" in script else 20.0)
    assert failed.value.code == code


async def test_a_process_that_went_well() -> None:
    await run((sys.executable, "-S", "-c", "pass"))
    with pytest.raises(GuestwireError, match="PROCESS-FAILED"):
        await run(("/nonexistent/program",))


def test_the_process_has_the_settings_of_the_agent(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(
        '[host]\nid = "h1"\nsite = "plant"\n[broker]\nca = "/i/ca"\ncert = "/i/tls"\nkey = "/i/tls"\n'
        '[trust]\nauthority = "https://site.example:8443"\n'
    )
    command = renew_command(load(config, {"host.id": "h2"}), config)
    assert "--host-id=h2" in command
    assert "--trust-authority=https://site.example:8443" in command
    assert command[command.index("renew") + 1 :][:2] == ("--config", str(config))


@pytest.mark.parametrize("authority", ["http://h:1", "https://h", "https://u:p@h:1", "h:1", "https://h:1/x"])
def test_an_authority_that_is_none(tmp_path: Path, authority: str) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(f'[host]\nid = "h1"\nsite = "plant"\n[trust]\nauthority = "{authority}"\n')
    with pytest.raises(GuestwireError) as refused:
        load(config)
    assert refused.value.field == "trust.authority"
