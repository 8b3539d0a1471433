"""Series that agree in some labels become one. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from guestwire.controller.telemetry.folding import Steps
from guestwire.controller.telemetry.query_models import Across
from guestwire.controller.telemetry.series import Series

Labels = tuple[tuple[str, str], ...]


def labels_of(series: Series) -> Labels:
    """All labels of a series, site and host first."""
    return (("site", series.host.site), ("host", series.host.host), *series.labels.items())


def labels_by(series: Series, by: Sequence[str]) -> Labels:
    """What a series is in these labels; those that it does not have are left out."""
    return tuple((label, value) for label in by if (value := series.label(label)))


def grouped(
    series: Iterable[Series], steps: Mapping[int, Steps], by: Sequence[str], across: Across
) -> dict[Labels, Steps]:
    """One for each group: in a step, what its series were together; those of which there is nothing in a step do not count."""
    groups: dict[Labels, dict[int, list[float]]] = {}
    for one in series:
        group = groups.setdefault(labels_by(one, by), {})
        for step, value in steps.get(one.id, {}).items():
            group.setdefault(step, []).append(value)
    together = _TOGETHER[across]
    return {labels: {step: together(values) for step, values in group.items()} for labels, group in groups.items()}


def together(values: Sequence[float], across: Across) -> float:
    """One value for several; there is at least one."""
    return _TOGETHER[across](values)


_TOGETHER: Final[dict[Across, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}
