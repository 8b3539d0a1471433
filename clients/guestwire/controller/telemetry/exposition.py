"""Every series that has a value now, as Prometheus scrapes it (text format 0.0.4), metric by metric. Pure.

A value is shown while it is fresh: whoever scrapes then sees a series end soon after its source is lost, and not its last value
for ever. The times of samples are left out: a scraper would not know that way that a series has ended.
"""

from collections.abc import Iterator
from typing import Final

from guestwire.controller.telemetry.series import KnownSeries, Series
from guestwire.protocol.metrics import BY_NAME

FRESH_MS: Final = 90_000
FRESH_SLOW_MS: Final = 180_000
"""Of metrics that are measured once a minute."""
AT_ONCE: Final = 2_000
"""Series of one piece of text."""
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def pieces(known: KnownSeries, now_ms: int) -> Iterator[str]:
    """The text in pieces, so that others get a turn in between."""
    for name in tuple(known.names()):
        row = BY_NAME.get(name)
        fresh = now_ms - (FRESH_SLOW_MS if row is not None and row.tier == "slow" else FRESH_MS)
        some = [one for one in known.named(name) if one.time >= fresh]
        if not some:
            continue
        summary = row.summary if row is not None else "A metric that a newer agent has."
        yield f"# HELP {name} {_escaped(summary)}\n# TYPE {name} {some[0].kind}\n"
        for begin in range(0, len(some), AT_ONCE):
            yield "".join(_line(one) for one in some[begin : begin + AT_ONCE])


def _line(one: Series) -> str:
    """Its text is as Prometheus writes it; the host and its site go before its own labels."""
    own = one.text[len(one.name) + 1 : -1]
    rest = f",{own}" if own else ""
    return f'{one.name}{{site="{one.host.site}",host="{one.host.host}"{rest}}} {one.value!r}\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
