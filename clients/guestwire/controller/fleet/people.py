"""What people say of hosts: a label, labels, notes. How it is checked and searched; pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from guestwire.controller.fleet.naming import LONGEST_LABEL, value_row
from guestwire.controller.fleet.selection import LABEL
from guestwire.controller.store.host_tables import HostRow, ValueRow
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError

MOST_LABELS: Final = 64
LONGEST_NOTES: Final = 8_000
LABEL_NAME: Final = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]*$"

LabelName = Annotated[str, StringConstraints(pattern=LABEL_NAME)]
LabelValue = Annotated[str, StringConstraints(max_length=LONGEST_LABEL)]


class HostWords(Document):
    """What is to be said of a host; what is left out stays. In `labels` a null takes that label away, and other labels stay."""

    label: Annotated[str, StringConstraints(max_length=LONGEST_LABEL)] | None = None
    labels: Annotated[dict[str, LabelValue | None], Field(max_length=MOST_LABELS)] | None = None
    notes: Annotated[str, StringConstraints(max_length=LONGEST_NOTES)] | None = None


def merged(before: Mapping[str, str], said: Mapping[str, str | None]) -> dict[str, str]:
    """Labels after a change, by name. Raises INVALID-BODY."""
    for name, value in said.items():
        if not re.fullmatch(LABEL_NAME, name):
            text = f"{name[:80]!r} is no label's name: small letters, digits, and . _ - between them, at most 63."
            raise GuestwireError("INVALID-BODY", text, field=f"labels.{name[:80]}")
        if value is not None:
            check_text(value, f"labels.{name}")
    kept = {**before, **said}
    found = {name: value for name, value in sorted(kept.items()) if value is not None}
    if len(found) > MOST_LABELS:
        raise GuestwireError("INVALID-BODY", f"A host has at most {MOST_LABELS} labels.", field="labels")
    return found


def check_text(text: str, field: str, *, lines: bool = False) -> None:
    """Raises INVALID-BODY for control characters and what no database holds. `lines`: it may have several."""
    judged = text.replace("\n", "").replace("\t", "") if lines else text
    if not re.fullmatch(_PRINTABLE, judged):
        raise GuestwireError("INVALID-BODY", "Control characters are not allowed.", field=field)


def label_rows(labels: Mapping[str, str]) -> tuple[ValueRow, ...]:
    """Labels as they are selected by."""
    return tuple(value_row(LABEL + name, value) for name, value in labels.items())


def said_of(row: HostRow) -> Iterator[str]:
    """What people say of a host and what it is called, to be searched."""
    yield from (row.ref.site, row.ref.host, row.words.given_label, row.words.notes)
    for name, value in json.loads(row.words.labels).items():
        yield f"{name} {value}"
