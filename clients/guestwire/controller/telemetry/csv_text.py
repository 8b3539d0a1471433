"""An answer as a table for spreadsheets and scripts: a row for each point. Pure."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from guestwire.controller.telemetry.query_models import MetricAnswer

ROWS_AT_ONCE: Final = 2_000
_FORMULA: Final = re.compile(r"(?![+-]?\d+(\.\d+)?\Z)[=+\-@\t\r\n]")
"""How text begins that a spreadsheet carries out; a number is none."""


def csv_text(answer: MetricAnswer) -> Iterator[str]:
    """RFC 4180, in parts: the time in ISO 8601 and in Unix ms, the labels (every label that any series has), the value. A label
    that would be a formula has an apostrophe before it: hosts say what is in labels."""
    labels = list(dict.fromkeys(label for series in answer.series for label in series.labels))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", "time_ms", *labels, answer.name])
    n = 0
    for series in answer.series:
        own = [_text(series.labels.get(label, "")) for label in labels]
        for time_ms, value in series.points:
            at = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            writer.writerow([at, time_ms, *own, repr(value)])
            n += 1
            if n % ROWS_AT_ONCE == 0:
                yield text.getvalue()
                text.seek(0)
                text.truncate()
    yield text.getvalue()


def _text(label: str) -> str:
    return f"'{label}" if _FORMULA.match(label) else label
