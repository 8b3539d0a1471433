"""What every part of the controller is given: the database, the feed, the log, the clock, and who hears what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from guestwire.controller.config import Settings
from guestwire.controller.feed import Feed
from guestwire.controller.store.database import FAILURES, Database
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

VERSION = version("guestwire")


@dataclass(frozen=True, slots=True)
class Base:
    """`boot_id`: Linux's name for this boot."""

    settings: Settings
    database: Database
    feed: Feed
    log: Any
    clock: Callable[[], Now]
    vital: Vital
    boot_id: str

    def clock_ms(self) -> int:
        return self.clock().wall_ms

    def on_trouble(self, error: GuestwireError) -> None:
        """The database took nothing, and is tried again; or what it has cannot be used."""
        text = "the database took nothing" if error.code in FAILURES else "something in the database cannot be used"
        self.log.warning(text, code=error.code, reason=error.message)

    def on_defect(self, what: str, error: BaseException) -> None:
        """Something failed that should not."""
        self.log.error("a defect", part=what, exc_info=error)


def boot_id() -> str:
    """Linux's name for this boot; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
