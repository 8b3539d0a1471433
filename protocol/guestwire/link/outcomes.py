"""Futures whose failure nobody may be waiting for: it is dropped without a warning of the loop."""

import asyncio
from typing import Any


def fail(outcome: "asyncio.Future[Any]", error: Exception) -> None:
    """Settle `outcome` with the error, unless it is settled already."""
    if not outcome.done():
        outcome.set_exception(error)
        outcome.exception()  # marks it as looked at: one that nobody awaits must not be reported as forgotten


def failed(error: Exception) -> "asyncio.Future[Any]":
    """An outcome that has failed already."""
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    fail(outcome, error)
    return outcome
