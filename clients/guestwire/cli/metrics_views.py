"""How telemetry is written: names, series with a curve, the highest."""

from collections.abc import Sequence

from guestwire.cli.output import Column, View
from guestwire.cli.times import ago, clock_time, span
from guestwire.link.clock import now
from guestwire.sdk.controller_telemetry import GapSeen, MetricAnswer, MetricName, Series, TopRow

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 40
"""Characters of a curve."""


def name_view() -> View[MetricName]:
    """The columns of metrics."""
    return View(
        columns=(
            Column("METRIC", lambda m: m.name),
            Column("KIND", lambda m: m.kind),
            Column("UNIT", lambda m: m.unit or "-"),
            Column("SERIES", lambda m: str(m.series), right=True),
            Column("LABELS", lambda m: ", ".join(m.labels) or "-", wide=True),
            Column("MEANING", lambda m: m.summary or "-"),
        ),
        name=lambda m: m.name,
        document=lambda m: m.document,
        none="no telemetry",
    )


def history_view(answer: MetricAnswer) -> View[Series]:
    """The columns of the series of an answer: the curve goes from its beginning to its end."""
    return View(
        columns=(
            Column("SERIES", lambda s: labels_text(s.labels)),
            Column("CURVE", lambda s: curve(s.points, answer.start, answer.end)),
            Column("LAST", lambda s: number(s.points[-1][1] if s.points else None), right=True),
            Column("MIN", lambda s: number(min((v for _, v in s.points), default=None)), right=True),
            Column("MAX", lambda s: number(max((v for _, v in s.points), default=None)), right=True),
            Column("POINTS", lambda s: str(len(s.points)), wide=True, right=True),
        ),
        name=lambda s: labels_text(s.labels),
        document=lambda s: s.document,
        none="no series, or nothing in that time",
    )


def top_view() -> View[TopRow]:
    """The columns of the highest."""
    at = now().wall_ms
    return View(
        columns=(
            Column("SERIES", lambda r: labels_text(r.labels)),
            Column("VALUE", lambda r: number(r.value), right=True),
            Column("AGE", lambda r: ago(r.time, at)),
            Column("OF", lambda r: str(r.series), wide=True, right=True),
        ),
        name=lambda r: labels_text(r.labels),
        document=lambda r: r.document,
        none="no series",
    )


def gap_view() -> View[GapSeen]:
    """The columns of what is missing."""
    return View(
        columns=(
            Column("HOST", lambda g: f"{g.site}/{g.host}"),
            Column("FROM", lambda g: clock_time(g.since)),
            Column("FOR", lambda g: span((g.until - g.since) / 1000), right=True),
            Column("CLASS", lambda g: g.spool_class),
            Column("LOST", lambda g: str(g.numbers), right=True),
            Column("WHY", lambda g: f"{g.why}: {g.text}" if g.text else g.why),
        ),
        name=lambda g: f"{g.site}/{g.host}",
        document=lambda g: g.document,
        none="nothing is missing",
    )


def labels_text(labels: dict[str, str]) -> str:
    """The labels of a series: its host first."""
    host = "/".join(labels[name] for name in ("site", "host") if name in labels)
    rest = [f"{name}={value}" for name, value in labels.items() if name not in ("site", "host")]
    return " ".join(part for part in (host, *rest) if part) or "all"


def curve(points: Sequence[tuple[int, float]], start: int, end: int, width: int = WIDTH) -> str:
    """The points as blocks; a blank where there is none. Each column is the mean of its points."""
    columns: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        columns[min(width - 1, max(0, (at - start) * width // max(1, end - start)))].append(value)
    means = [sum(column) / len(column) if column else None for column in columns]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    return "".join(" " if mean is None else BLOCKS[round((mean - low) / span * 7) if span else 3] for mean in means)


def number(value: float | None) -> str:
    """A value with as many digits as say something."""
    if value is None:
        return "-"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"
