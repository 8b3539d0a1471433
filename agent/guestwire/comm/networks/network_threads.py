"""Where blocking calls to the kernel run: one thread that ours wait for with a deadline, and threads of a network namespace
of their own. A thread belongs to the network namespace of the thread that started it."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

DEADLINE_S = 20.0
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class NetworkThread:
    """Calls one after the other, off the event loop."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="networks")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, call: Callable[[], T]) -> T:
        """The call's result. Raises TimeoutError when the kernel does not answer in time; the call goes on then."""
        async with asyncio.timeout(self._deadline_s):
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def in_new_namespace(call: Callable[[int], T]) -> T:
    """The result of a call in a network namespace that is made for it, given a file descriptor of the caller's own. The
    namespace lasts as long as something of it does: a process started in it, an open descriptor. Raises OSError."""

    def run() -> T:
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _LIBC.unshare(_CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, f"no network namespace can be made: {os.strerror(number)}")
            return call(own)
        finally:
            os.close(own)

    # the thread ends with the call: nothing else ever runs in its namespace
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()
