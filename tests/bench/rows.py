"""What a bench says: measured rows beside their targets, and the table they are printed as."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `ratio` is ours / peer. The target is for the ratio, or for `ours` itself where there is no peer or it is
    `absolute`. A row without a target informs."""

    bench: str
    what: str
    ours: float
    unit: str
    peer: float | None = None
    sense: Literal[">=", "<="] = ">="
    target: float | None = None
    absolute: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        if self.target is None:
            return None
        judged = self.ours if self.peer is None or self.absolute else self.ratio
        if judged is None:
            return False
        return judged >= self.target if self.sense == ">=" else judged <= self.target

    def as_dict(self) -> dict[str, object]:
        return {
            "bench": self.bench, "what": self.what, "ours": self.ours, "unit": self.unit, "peer": self.peer,
            "ratio": self.ratio, "sense": self.sense, "target": self.target, "met": self.met,
        }  # fmt: skip


def said_of(bench: str, subject: str, *said: tuple[str, float, str] | tuple[str, float, str, float]) -> list[Row]:
    """Rows about one subject: what, how much, in which unit, and, where there is a target, how much at most."""
    return [
        Row(bench, f"{subject}: {what}", ours, unit, None, "<=", most[0] if most else None)
        for what, ours, unit, *most in said
    ]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie (0 < share < 1)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def number(value: float | None) -> str:
    """Three significant digits, or whole numbers from a hundred up."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """All rows as text: what, ours, peer, ratio, target, met."""
    cells = [("bench", "what", "ours", "peer", "unit", "ratio", "target", "met")]
    for row in rows:
        target = (
            "-"
            if row.target is None
            else f"{row.sense} {number(row.target)}{'' if row.peer is None or row.absolute else ' x'}"
        )
        met = {None: "-", True: "yes", False: "NO"}[row.met]
        cells.append(
            (row.bench, row.what, number(row.ours), number(row.peer), row.unit, number(row.ratio), target, met)
        )
    widths = [max(len(line[i]) for line in cells) for i in range(8)]
    lines = [
        "  ".join(
            c.ljust(w) if i in (0, 1, 4, 6, 7) else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
