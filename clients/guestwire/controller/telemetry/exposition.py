"""Every series that has a value now, as Prometheus scrapes it, metric by metric. Pure.

A value is shown as long as its host is there and goes on to send it: whoever scrapes then sees a series end soon after its source
is lost, and not its last value for ever. How old a sample is, is told by when others of its host came: clocks of hosts differ. The
times of samples are left out: a scraper would not know that way that a series has ended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.telemetry.series import KnownSeries, Pace, Series
from guestwire.controller.text_format import AT_ONCE, OWN_PREFIX, Which, head, of_host
from guestwire.protocol.metrics import BY_NAME
from guestwire.protocol.telemetry import Tier

SILENT_MS: Final = 90_000
"""After so long without any sample nobody knows how a host is."""
FRESH_MS: Final[Mapping[Tier, int]] = {"fast": 90_000, "normal": 90_000, "slow": 180_000}
"""How old a sample may be. Of hosts that are set to measure more seldom: as old as PATIENCE times their pace."""
PATIENCE: Final = 2.5
AHEAD_MS: Final = 60_000
"""A sample that is so much newer than what its host measured last is of before its clock was set back."""
FAMILIES: Final = frozenset(row.family for row in BY_NAME.values() if row.family)
"""Histograms, which are three metrics each."""


class _Shown(NamedTuple):
    """A host that is there: its labels, and for each tier the least and the greatest time of samples that are of now."""

    labels: str
    times: Mapping[Tier, tuple[int, int]]


def pieces(known: KnownSeries, present: Callable[[HostRef], bool], now_ms: int, which: Which) -> Iterator[str]:
    """The text in pieces, so that others get a turn in between. `present`: whether a host is there."""
    shown: dict[HostRef, _Shown] = {}
    chosen: dict[str, list[Series]] = {}
    for number, (ref, host) in enumerate(tuple(known.hosts.items())):
        if which.has(ref) and present(ref) and _speaks(host.paces, now_ms):
            shown[ref] = _Shown(of_host(ref), _times(host.paces, now_ms))
            if not which.all:
                for one in host.by_text.values():
                    chosen.setdefault(one.name, []).append(one)
        if number % 100 == 99:
            yield ""
    for family, names in _families(known.names() if which.all else sorted(chosen)).items():
        begun = False
        for name in names:
            for lines in _lines(name, known.named(name) if which.all else chosen[name], shown):
                if lines and not begun:
                    begun = True
                    yield _head(family, name, known)
                yield lines


def _speaks(paces: Mapping[Tier, Pace], now_ms: int) -> bool:
    """Whether anything came of late. What is measured seldom does not outlive what is measured often."""
    if not paces:
        return False
    newest = max(pace.at for pace in paces.values())
    every_ms = min(pace.every_ms for pace in paces.values())
    return now_ms - newest <= max(SILENT_MS, PATIENCE * every_ms)


def _times(paces: Mapping[Tier, Pace], now_ms: int) -> Mapping[Tier, tuple[int, int]]:
    any_tier = max(paces.values(), key=lambda one: one.at)
    found: dict[Tier, tuple[int, int]] = {}
    for tier, fresh in FRESH_MS.items():
        pace = paces.get(tier, any_tier)
        oldest = now_ms - max(fresh, round(PATIENCE * pace.every_ms))
        found[tier] = (oldest - pace.at + pace.time, pace.time + AHEAD_MS)
    return found


def _families(names: Iterator[str] | Sequence[str]) -> dict[str, list[str]]:
    """The names by what they are shown together as. No name of a host may be mistaken for another's."""
    families: dict[str, list[str]] = {}
    for name in names:
        row = BY_NAME.get(name)
        if row is None and (name.startswith(OWN_PREFIX) or name in FAMILIES):
            continue
        families.setdefault(row.family or name if row is not None else name, []).append(name)
    return families


def _head(family: str, name: str, known: KnownSeries) -> str:
    row = BY_NAME.get(name)
    if row is None:
        return head(name, known.named(name)[0].kind, "A metric that a newer agent has.")
    return head(family, "histogram" if row.family else row.kind, row.summary)


def _lines(name: str, some: Sequence[Series], shown: Mapping[HostRef, _Shown]) -> Iterator[str]:
    row = BY_NAME.get(name)
    tier: Tier = row.tier if row is not None else "slow"
    cut = len(name) + 1
    for begin in range(0, len(some), AT_ONCE):
        lines = []
        for one in some[begin : begin + AT_ONCE]:
            host = shown.get(one.host)
            if host is None:
                continue
            oldest, newest = host.times[tier]
            if oldest <= one.time <= newest:
                own = one.text[cut:-1]  # as Prometheus writes it
                lines.append(f"{name}{{{host.labels}{',' if own else ''}{own}}} {one.value!r}\n")
        yield "".join(lines)
