"""Two eventfds of Python's own, as a ping-pong. See pairs.py."""

import os
import sys

from pairs import Turn, Work, main


def eventfds() -> tuple[int, int]:
    return os.eventfd(0, os.EFD_CLOEXEC), os.eventfd(0, os.EFD_CLOEXEC)


def event(is_caller: bool, fds: tuple[int, int]) -> Turn:
    mine, other = fds if is_caller else fds[::-1]
    signal, wait = os.eventfd_write, os.eventfd_read

    def caller(count: int) -> None:
        for _ in range(count):
            signal(mine, 1)
            wait(other)

    def echo(count: int) -> None:
        for _ in range(count):
            wait(other)
            signal(mine, 1)

    return caller if is_caller else echo


if __name__ == "__main__":
    main(sys.argv[1:], {"event": Work(event, eventfds)})
