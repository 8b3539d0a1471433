"""Rows for the tests of the configuration records, and the plain model that they are compared with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from journal_samples import NOW, request_id

from guestwire.agent.config_records import ConfigRecords
from guestwire.agent.config_records_schema import ChangeRow, Phase, RevisionRow, StepRow
from guestwire.model.errors import GuestwireError

STEPS = (("disk-create", b"/images/a"), ("guest-define", b"<domain/>"), ("guest-tune", b""))


def revision(number: int, **changes: Any) -> RevisionRow:
    """Revision `number` by op:alice; `changes` are fields of RevisionRow."""
    fields: dict[str, Any] = {
        "number": number,
        "hash": f"{number:064x}",
        "author": "op:alice",
        "applied_ms": NOW + number,
        "origin": "apply",
        "comment": "",
    }
    return RevisionRow(**(fields | changes))


def change(number: int, **changes: Any) -> ChangeRow:
    """A change by request `number` of op:alice; `changes` are fields of ChangeRow."""
    fields: dict[str, Any] = {
        "request_id": request_id(number),
        "issuer": "op:alice",
        "plan_id": f"plan-{number}",
        "base_revision": number,
        "target": b"target %d" % number,
        "origin": "apply",
        "author": "op:alice",
        "comment": "",
        "phase": "forward",
        "confirm_s": None,
        "confirm_by_ms": None,
        "boot_id": "boot-1",
        "started_ms": NOW,
        "options": b"",
        "risk": 1,
    }
    return ChangeRow(**(fields | changes))


@dataclass(frozen=True)
class Content:
    """All that the records say."""

    revisions: tuple[tuple[RevisionRow, bytes], ...]
    change: ChangeRow | None
    steps: tuple[StepRow, ...]


async def content(config: ConfigRecords) -> Content:
    """Read through the API."""
    documents = [await config.document(row.number) for row in await config.revisions(256)]
    found = await config.change()
    return Content(
        tuple(document for document in documents if document is not None), *((None, ()) if found is None else found)
    )


@dataclass
class Expected:
    """The records as plain values, with the methods of ConfigRecords."""

    revisions: list[tuple[RevisionRow, bytes]] = field(default_factory=list)
    change: ChangeRow | None = None
    steps: list[StepRow] = field(default_factory=list)

    def content(self) -> Content:
        return Content(tuple(reversed(self.revisions)), self.change, tuple(self.steps))

    def do(self, method: str, *args: Any, **options: Any) -> Any:
        return getattr(self, method)(*args, **options)

    def put_revision(self, row: RevisionRow, document: bytes, keep: int) -> None:
        if self.change is not None:
            raise GuestwireError("HOST-BUSY")
        self._add(row, document, keep)

    def _add(self, row: RevisionRow, document: bytes, keep: int) -> None:
        if self.revisions and self.revisions[-1][0].number >= row.number:
            raise GuestwireError("BASE-REVISION")
        self.revisions = [*self.revisions, (row, document)][-keep:]

    def begin(self, change: ChangeRow, steps: Sequence[tuple[str, bytes]]) -> None:
        if self.change is not None:
            raise GuestwireError("HOST-BUSY")
        self.change = change
        self.steps = [StepRow(n, kind, args, None, "planned") for n, (kind, args) in enumerate(steps)]

    def step_started(self, n: int, undo: bytes) -> None:
        self._move(n, {"planned", "started"}, state="started", undo=undo)

    def step_done(self, n: int) -> None:
        self._move(n, {"started", "done"}, state="done")

    def step_undone(self, n: int) -> None:
        self._move(n, {"started", "done", "undone"}, state="undone")

    def _move(self, n: int, allowed: set[str], **changes: Any) -> None:
        undoing = self.change is not None and self.change.phase == "undoing"
        if n >= len(self.steps) or self.steps[n].state not in allowed or (undoing and changes["state"] == "started"):
            raise RuntimeError
        self.steps[n] = replace(self.steps[n], **changes)

    def set_phase(self, phase: Phase, *, confirm_by_ms: int | None = None) -> bool:
        if self.change is None or (self.change.phase == "undoing" != phase):
            return False
        by = self.change.confirm_by_ms if confirm_by_ms is None else confirm_by_ms
        if phase == "confirm" and by is None:
            raise ValueError
        self.change = replace(self.change, phase=phase, confirm_by_ms=by)
        return True

    def take_undo(self, now_ms: int) -> bool:
        change = self.change
        if change is None or change.phase != "confirm" or change.confirm_by_ms is None or change.confirm_by_ms > now_ms:
            return False
        self.change = replace(change, phase="undoing")
        return True

    def commit(self, row: RevisionRow, document: bytes, *, keep: int) -> bool:
        if self.change is None or self.change.phase == "undoing":
            return False
        self._add(row, document, keep)
        self.drop()
        return True

    def drop(self) -> None:
        self.change, self.steps = None, []


Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def script(rounds: int) -> Iterator[Call]:
    """Changes that are kept and changes that are undone, in turn, as the calls that are made for them."""
    for number in range(1, rounds + 1):
        yield "begin", (change(number, confirm_s=60), STEPS), {}
        for n in range(len(STEPS)):
            yield "step_started", (n, b"undo %d" % n), {}
            yield "step_done", (n,), {}
        yield "set_phase", ("confirm",), {"confirm_by_ms": NOW + 60_000}
        yield "commit", (revision(number), b"document %d" % number), {"keep": 3}
        yield "begin", (change(number), STEPS), {}
        yield "step_started", (0, b"undo"), {}
        yield "step_done", (0,), {}
        yield "step_started", (1, b"undo"), {}
        yield "set_phase", ("undoing",), {}
        yield "step_undone", (1,), {}
        yield "step_undone", (0,), {}
        yield "drop", (), {}
