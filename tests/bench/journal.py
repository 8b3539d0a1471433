"""The journal alone: 64 callers, each commit shared by all who wait, against one commit per call."""

import contextlib

from children import Child, python, scratch
from rows import Row, median
from settings import Settings

CALLERS = 64
VARIANTS = {"grouped": 256, "one by one": 1}


def run(settings: Settings) -> list[Row]:
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        children = {}
        for name, group_size in VARIANTS.items():
            child = stack.enter_context(Child(python("journal_load.py", str(group_size), folder), "free"))
            child.answer()
            child.order({"in_flight": CALLERS, "seconds": settings.seconds(0.5)})
            children[name] = child
        for _ in range(settings.runs):
            for name, child in children.items():
                said = child.order({"in_flight": CALLERS, "seconds": settings.seconds(1.5)})
                rates[name].append(said["calls_s"])
    grouped, single = (median(rates[name]) for name in VARIANTS)
    return [Row("journal", f"{CALLERS} callers, vs one commit per call", grouped, "commits/s", single, ">=", 4.0)]
