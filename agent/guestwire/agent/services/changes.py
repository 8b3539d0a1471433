"""Something that changes, and those that wait for it to."""

import asyncio


class Changes:
    """Whoever waits is woken by the next change; what is otherwise then, they look for themselves."""

    def __init__(self) -> None:
        self._wakers: set[asyncio.Future[None]] = set()

    def happened(self) -> None:
        """Wake all who wait now."""
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)

    async def next(self) -> None:
        """Wait for the next one; one that came before does not count."""
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wakers.add(waker)
        try:
            await waker
        finally:
            self._wakers.discard(waker)
