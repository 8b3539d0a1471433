"""How the controller itself does, as Prometheus scrapes it: what each of its parts counts, read when somebody asks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector


class Own(NamedTuple):
    """A metric. `values`: by the values of its labels, in their order; a gauge or a counter without labels has one, at ()."""

    name: str
    kind: Literal["gauge", "counter"]
    summary: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


Reads = Callable[[], Iterable[Own]]


class _Parts(Collector):
    def __init__(self, parts: Iterable[Reads]) -> None:
        self._parts = tuple(parts)

    def collect(self) -> Iterable[Metric]:
        for read in self._parts:
            for own in read():
                family = GaugeMetricFamily if own.kind == "gauge" else CounterMetricFamily
                made = family(f"guestwire_controller_{own.name}", own.summary, labels=own.labels)
                for labels, value in own.values.items():
                    made.add_metric(labels, value)
                yield made


class OwnMetrics:
    """`parts` are asked each time."""

    def __init__(self, parts: Iterable[Reads]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Parts(parts))
        ProcessCollector(namespace="guestwire_controller", registry=self._registry)

    def text(self) -> str:
        """In the text format."""
        return generate_latest(self._registry).decode()
