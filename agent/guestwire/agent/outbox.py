"""Finals on their way out: kept in the journal until the broker confirmed them, sent again until then."""

import asyncio
from collections.abc import Awaitable, Coroutine

from guestwire.agent.journal import Journal
from guestwire.link.serve import Path
from guestwire.link.transport import TransportError
from guestwire.protocol.packing import unpack
from guestwire.protocol.steps import Send

SEND_AGAIN_S = 5.0
"""After a broker did not confirm a final: how long until all that are not delivered are sent again."""
NEVER_TAKEN = frozenset({"PUBLISH-REFUSED", "PACKET-TOO-LARGE"})
"""What a broker will refuse again: job-get has the result for whoever may not hear it."""


class LinkToCome:
    """The Path of a command that was taken up again before there was a link: what ends after that is sent by it."""

    path: Path | None = None

    def answer(self, send: Send) -> Awaitable[int] | None:
        return self.path.answer(send) if self.path is not None else None


def answer(send: Send) -> Awaitable[int] | None:
    """Send by the way the request came; the broker's confirmation where there is one to wait for."""
    path: Path | None = send.path
    return path.answer(send) if path is not None else None


class Outbox:
    """One host's outbox. `async with` it; `link` stands for the broker's link before and after there is one."""

    def __init__(self, journal: Journal, *, send_again_s: float = SEND_AGAIN_S) -> None:
        self._journal = journal
        self._send_again_s = send_again_s
        self._again: asyncio.TimerHandle | None = None
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._unconfirmed: set[int] = set()
        self.link = LinkToCome()

    async def __aenter__(self) -> "Outbox":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        if self._again is not None:
            self._again.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """Finals that were sent, and that the broker has not confirmed."""
        return len(self._unconfirmed)

    def deliver(self, seq: int, send: Send) -> None:
        """Send a stored final; it leaves the outbox when the broker has confirmed it."""
        confirmed = answer(send)
        if confirmed is not None:
            self._unconfirmed.add(seq)
            asyncio.ensure_future(confirmed).add_done_callback(lambda done: self._confirmed(seq, done))

    async def resend(self, path: Path) -> None:
        """Send every final that is not known to be delivered; after each (re)connection. Raises JOURNAL-FULL."""
        self.link.path = path
        self._unconfirmed.clear()
        after = 0
        while page := await self._journal.outbox(after_seq=after):
            for row in page:
                after = row.seq
                self.deliver(row.seq, Send(row.reply_to, unpack(row.final), 1, row.request_id, path))

    def _confirmed(self, seq: int, done: asyncio.Future[int]) -> None:
        if done.cancelled():
            return
        err = done.exception()
        if err is None or (isinstance(err, TransportError) and err.code in NEVER_TAKEN):
            self._unconfirmed.discard(seq)
            self._journal.delivered(seq)
        elif self._again is None and not self._closing:
            self._again = asyncio.get_running_loop().call_later(self._send_again_s, self._send_again)

    def _send_again(self) -> None:
        self._again = None
        if self.link.path is not None:
            self._spawn(self.resend(self.link.path))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and self._again is None and not self._closing:
            self._again = asyncio.get_running_loop().call_later(self._send_again_s, self._send_again)
