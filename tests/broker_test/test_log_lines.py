"""Waiting for a log line."""

import asyncio

import pytest

from guestwire.broker_test.log_lines import LogLines


async def test_a_line_that_is_there_or_comes():
    log = LogLines()
    log.append("one")
    assert await log.wait_for("on") == "one"
    waiting = asyncio.create_task(log.wait_for("two"))
    await asyncio.sleep(0)
    log.append("three")
    log.append("number two")
    log.append("two again")
    assert await waiting == "number two"


async def test_since_skips_what_was_logged_before():
    log = LogLines(limit=2)
    for line in ("ready 1", "ready 2", "ready 3"):
        log.append(line)
    assert await log.wait_for("ready", since=2) == "ready 3"
    with pytest.raises(TimeoutError):
        await log.wait_for("ready", 0, since=3)


def test_bounded_and_copied():
    log, copied = LogLines(limit=2), []
    log.append("a")
    log.copy_to(copied.append)
    for line in "bcd":
        log.append(line)
    assert (list(log), log.total, copied, log.tail(1)) == (["c", "d"], 4, ["a", "b", "c", "d"], "d")
