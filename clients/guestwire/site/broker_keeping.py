"""Keeps the broker of a site in step with its trust document: when that changes, the broker's files are written and it is told.

What fails is said and tried again, and stops nothing else.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust_file import in_words
from guestwire.site.authority import read_trust
from guestwire.site.broker_config import Action, Written, write_broker_config
from guestwire.site.broker_duty import BrokerDuty, Due
from guestwire.site.layout import Layout
from guestwire.site.mosquitto_files import MosquittoOptions
from guestwire.site.service_notes import ServiceNotes
from guestwire.site.watched_files import Signature, signature

LOOK_S = 1.0
WHOLE_S = 30.0
"""Keys end by their dates, which no file tells; and what failed to be written is tried again."""
WHAT = "broker"


class Control(Protocol):
    """Tells the broker. Both raise SYSTEM-REFUSED."""

    async def reload(self) -> None: ...

    async def restart(self) -> None: ...


class BrokerKeeping:
    """The files in `out`, and the broker that reads them. `clock_ms`: Unix ms, `mono`: monotonic seconds."""

    def __init__(
        self, layout: Layout, out: Path, options: MosquittoOptions, control: Control, notes: ServiceNotes, *,
        restarts: bool, clock_ms: Callable[[], int], mono: Callable[[], float],
    ) -> None:  # fmt: skip
        self._layout = layout
        self._out = out
        self._options = options
        self._control = control
        self._notes = notes
        self._clock_ms = clock_ms
        self._mono = mono
        self._duty = BrokerDuty(mono(), restarts=restarts)
        self._seen: Signature | None = None
        self._whole_at = mono()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_S)

    async def step(self) -> None:
        """One look: write what is to be different, and tell the broker what it has still to be told."""
        seen = await asyncio.to_thread(signature, _sources(self._layout))
        if seen != self._seen or self._mono() >= self._whole_at:
            self._seen = seen
            self._whole_at = self._mono() + WHOLE_S
            await self._write()
        due = self._duty.due(self._mono())
        if due is not None:
            await self._tell(due)

    async def _write(self) -> None:
        try:
            revision, written = await asyncio.to_thread(self._written)
        except GuestwireError as err:
            await self._notes.trouble(WHAT, err)
            return
        except OSError as err:
            await self._notes.trouble(WHAT, GuestwireError("SYSTEM-REFUSED", f"{err.filename}: {err.strerror}"))
            return
        if not written.changed:
            return
        self._duty.written(written.action, self._mono())
        by_hand = self._duty.by_hand(written.action)
        line = f"trust document {revision}: {', '.join(written.changed)} written"
        line += (_BY_HAND if by_hand else "") + ("" if written.group else _ALONE)
        action: Action | str = "restart by hand" if by_hand else written.action
        await self._notes.done(WHAT, line, revision=revision, changed=list(written.changed), action=action)

    def _written(self) -> tuple[str, Written]:
        trust = read_trust(self._layout)
        written = write_broker_config(self._layout, trust, self._out, self._options, self._clock_ms())
        return in_words(trust.revision), written

    async def _tell(self, due: Due) -> None:
        try:
            await self._do(due)
        except GuestwireError as err:
            self._duty.failed(self._mono())
            await self._notes.trouble(WHAT, err)
        else:
            self._duty.done()
            await self._notes.done(WHAT, _TOLD[due], action=due)

    async def _do(self, due: Due) -> None:
        if due == "reload":
            await self._control.reload()
            return
        try:
            await self._control.restart()
        except GuestwireError:
            await self._control.reload()  # who is revoked can at least do nothing more
            raise


_BY_HAND = "; a reload is not enough: start the broker anew by hand"
_ALONE = "; only this user can read them: give it the group of the broker"
_TOLD: dict[Due, str] = {"reload": "reads its files again", "restart": "started anew"}


def _sources(layout: Layout) -> tuple[Path, ...]:
    """What the broker's files are made of."""
    return (
        layout.trust,
        layout.issued,
        layout.issuing_certificate,
        layout.ca_certificate,
        layout.certificate("broker"),
        layout.certificate_key("broker"),
    )
