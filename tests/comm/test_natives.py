"""Eventfds that block, and guestwire-comm which never sleeps in one."""

import os
import select
from collections.abc import Iterator

import pytest

from guestwire.comm import natives

FULL = 2**64 - 2


@pytest.fixture
def fd() -> Iterator[int]:
    made = os.eventfd(0, os.EFD_CLOEXEC)
    yield made
    os.close(made)


def test_one_that_is_set_is_taken_once(fd: int) -> None:
    assert natives.take(fd) is False
    natives.signal(fd)
    natives.signal(fd)
    assert os.get_blocking(fd)
    assert natives.take(fd) is True
    assert natives.take(fd) is False


def test_a_process_that_filled_it_stops_nobody(fd: int) -> None:
    os.eventfd_write(fd, FULL)
    natives.signal(fd)
    assert natives.take(fd) is True
    assert natives.take(fd) is False


def test_one_that_fills_while_it_is_set_stops_nobody(fd: int) -> None:
    os.eventfd_write(fd, FULL)
    natives.add(fd)
    assert natives.take(fd) is True
    assert select.select([fd], [], [], 10)[0]  # what slept until it was read
    assert natives.take(fd) is True
    assert natives.take(fd) is False
