"""Watches the host's certificate while the agent runs: has it renewed when two thirds of its life are over, and says so when it
ends and nobody renewed it. The file of the CAs follows the trust document's `authorities`.

What renews it is a short-lived process, and is passed in.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from guestwire.agent.audit import Log
from guestwire.agent.certificate_dates import Dates, certificates, dates
from guestwire.agent.services.generated_file import write_file
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError

DUE, JITTER = 2 / 3, 0.05
"""When it is due, as a share of its life, and how far around that hosts are spread: a fleet that enrolled in one hour does not
renew in one."""
ALARM = 1 / 6
"""The share of its life that is left when it is said to people."""
LOOK_S = 3600.0
"""The clock may be set, and files replaced, at any time."""
FIRST_RETRY_S, LAST_RETRY_S = 60.0, 86_400.0
ALARM_EVERY_S = 86_400.0
_FILE = 0o600


class Alarms(Protocol):
    """Hears what a person should look at."""

    def certificate_ends(self, text: str, code: str | None) -> None: ...

    def host_id_conflict(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RenewalParts:
    """What it is made of. `cert`: the host's certificate; `ca`: the file that follows `authorities`, None where it is another's.
    `renew` gets the next certificate, None where nobody does; `renewed` hears of each new one. `now_ms`: Unix ms, never before a
    time that the host has seen; `mono`: monotonic seconds."""

    cert: Path
    ca: Path | None
    authorities: Callable[[], tuple[str, ...]]
    renew: Callable[[], Awaitable[None]] | None
    renewed: Callable[[], Awaitable[None]]
    alarms: Alarms
    log: Log
    now_ms: Callable[[], int]
    mono: Callable[[], float]


def due_ms(valid: Dates, share: float) -> int:
    """When a certificate is to be renewed: after that share of its life."""
    return valid.not_before_ms + round((valid.not_after_ms - valid.not_before_ms) * share)


def retry_s(failures: int, left_ms: int) -> float:
    """How long to wait after so many failures in a row: longer each time, up to a day, and never so long that a quarter of what
    is left goes by."""
    wait: float = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures - 1, 20))
    return max(FIRST_RETRY_S, min(wait, left_ms / 4000))


class Renewal(VitalTask):
    """`async with` it. `look_soon`: something may have changed."""

    def __init__(self, parts: RenewalParts, vital: Vital) -> None:
        super().__init__(vital, "certificate")
        self._parts = parts
        self._soon = asyncio.Event()
        self._valid: Dates | None = None
        self._share = DUE
        self._failures = 0
        self._failed: GuestwireError | None = None
        self._not_before = float("-inf")
        self._alarm_at = float("-inf")

    def look_soon(self) -> None:
        self._soon.set()

    async def _run(self) -> None:
        while True:
            self._soon.clear()
            await self._follow_authorities()
            wait_s = await self.look()
            try:
                async with asyncio.timeout(wait_s):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def look(self) -> float:
        """Do what is due now, and say in how many seconds to look again."""
        valid = self._read()
        if valid is None:
            return LOOK_S
        due = due_ms(valid, self._share)
        if self._parts.renew is not None and self._parts.now_ms() >= due and self._parts.mono() >= self._not_before:
            await self._renew(valid, self._parts.renew)
            valid = self._read() or valid
            due = due_ms(valid, self._share)
        self._warn(valid)
        until_due_s = (due - self._parts.now_ms()) / 1000
        return min(LOOK_S, max(1.0, until_due_s, self._not_before - self._parts.mono()))

    async def _renew(self, valid: Dates, renew: Callable[[], Awaitable[None]]) -> None:
        try:
            await renew()
            await self._parts.renewed()
        except GuestwireError as err:
            self._failures += 1
            self._failed = err
            left_ms = valid.not_after_ms - self._parts.now_ms()
            wait_s = retry_s(self._failures, left_ms) * random.uniform(0.75, 1.0)
            self._not_before = self._parts.mono() + wait_s
            self._parts.log.warning(
                "certificate not renewed",
                code=err.code,
                reason=err.message,
                next_try_s=round(wait_s),
                left_h=left_ms // 3_600_000,
            )
            if err.code == "HOST-ID-CONFLICT":
                self._parts.alarms.host_id_conflict(f"the site's service refuses this host: {err.message}")
            return
        self._failures, self._failed = 0, None
        self._not_before = self._parts.mono() + FIRST_RETRY_S  # whatever the new one says
        self._parts.log.info("certificate renewed")

    def _warn(self, valid: Dates) -> None:
        left_ms = valid.not_after_ms - self._parts.now_ms()
        life_ms = valid.not_after_ms - valid.not_before_ms
        if left_ms >= life_ms * ALARM or self._parts.mono() < self._alarm_at:
            return
        self._alarm_at = self._parts.mono() + ALARM_EVERY_S
        how = f"ends in {left_ms // 3_600_000} hours" if left_ms > 0 else "has ended"
        why = "nobody renewed it" if self._failed is None else f"{self._failed.code}: {self._failed.message}"
        code = None if self._failed is None else self._failed.code
        self._parts.alarms.certificate_ends(f"the host's certificate {how}, and was not renewed: {why}", code)

    def _read(self) -> Dates | None:
        """When it is valid; None, and said, where it cannot be read: the link says what comes of that."""
        try:
            valid = dates(certificates(self._parts.cert)[0])
        except GuestwireError as err:
            self._parts.log.warning("the host's certificate cannot be read", code=err.code, reason=err.message)
            return None
        if valid != self._valid:
            self._valid = valid
            self._share = random.uniform(DUE - JITTER, DUE + JITTER)
        return valid

    async def _follow_authorities(self) -> None:
        wanted = "".join(self._parts.authorities()).encode()
        if self._parts.ca is None or not wanted:
            return
        try:
            if await asyncio.to_thread(_put, self._parts.ca, wanted):
                self._parts.log.info("the site's CAs taken from the trust document", file=str(self._parts.ca))
        except OSError as err:
            self._parts.log.error(
                "the file of the site's CAs cannot be written", file=str(self._parts.ca), reason=str(err)
            )


def _put(path: Path, data: bytes) -> bool:
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    write_file(path, data, _FILE)
    return True
