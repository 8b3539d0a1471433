"""The shape of a source of metrics."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from guestwire.protocol.telemetry import Tier


class Add(Protocol):
    """Takes one value of the present point. `labels` in the order of the catalogue; None: there is no value; `since_ms`: since
    when a counter counts, Unix ms."""

    def __call__(self, metric: str, labels: tuple[str, ...], value: float | None, since_ms: int = 0) -> None: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One question, asked in each tick of its tier. `metrics`: every name that it may give, all of that tier. `read` raises
    GuestwireError or OSError when nothing can be known: then there is no sample, which is not a zero."""

    name: str
    tier: Tier
    metrics: tuple[str, ...]
    read: Callable[[Add], Awaitable[None]]
