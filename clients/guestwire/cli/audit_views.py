"""How rows of an audit log are written, and what a check of one says."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from guestwire.cli.output import Column, View
from guestwire.cli.times import clock_time
from guestwire.protocol.audit_chain import Checked
from guestwire.protocol.packing import PackingError, unpack

STYLES = {"refused": "bad", "refusals": "bad", "gap": "warn", "reads": "faint"}
OK = frozenset({"ok", "SUCCEEDED"})


@dataclass(frozen=True)
class AuditRow:
    """A row as a host sent it, with its hash."""

    row: bytes
    digest: bytes

    @cached_property
    def said(self) -> dict[str, Any]:
        """What it says; nothing where it is no row."""
        try:
            said = unpack(self.row)
        except PackingError:
            return {}
        return said if type(said) is dict else {}

    def text(self, field: str) -> str:
        value = self.said.get(field)
        match value:
            case None:
                return "-"
            case [*several]:
                return ",".join(map(str, several))
            case _:
                return str(value)

    @property
    def by(self) -> str:
        """Who it was; with a question mark who somebody says he was, and nobody vouches for it."""
        return (
            f"{self.said['claims']}?"
            if "claims" in self.said and "principal" not in self.said
            else self.text("principal")
        )

    @property
    def outcome(self) -> str:
        """What came of it, and how often where that was counted."""
        said = self.said
        if said.get("what") == "gap":
            return f"rows {said.get('from')} to {said.get('to')} dropped"
        words = [str(said[field]) for field in ("state", "code") if field in said]
        return " ".join(words) + (f" ×{said['count']}" if "count" in said else "") or "-"

    def document(self) -> dict[str, Any]:
        return {**self.said, "hash": self.digest.hex()}


def audit_view() -> View[AuditRow]:
    """The columns of rows."""
    return View(
        columns=(
            Column("SEQ", lambda r: r.text("seq"), right=True),
            Column("TIME", lambda r: _time(r.said.get("at"))),
            Column("WHAT", lambda r: r.text("what"), style=lambda r: STYLES.get(r.text("what"))),
            Column("BY", lambda r: r.by),
            Column("OPERATION", lambda r: r.text("operation")),
            Column("TARGET", lambda r: r.text("target")),
            Column("CLIENT", lambda r: r.text("client")),
            Column("WAY", lambda r: r.text("way"), wide=True),
            Column("REQUEST", lambda r: r.text("request"), wide=True),
            Column("KEYS", lambda r: r.text("keys"), wide=True),
            Column("MANDATE", lambda r: r.text("mandate"), wide=True),
            Column("OUTCOME", lambda r: r.outcome, style=_outcome_style),
        ),
        name=lambda r: r.text("seq"),
        document=AuditRow.document,
        none="no rows",
    )


def _time(at_ms: object) -> str:
    return clock_time(at_ms) if type(at_ms) is int and 0 <= at_ms < 1 << 47 else "-"


def _outcome_style(row: AuditRow) -> str | None:
    code = row.said.get("code", row.said.get("state"))
    return "bad" if code is not None and code not in OK else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A log that is whole. `signed`: the host's signature was checked too. `head`: the frame that has it, where it was read
    from the host; `acknowledged`: up to where a controller has the log, likewise."""

    checked: Checked
    signed: bool
    head: bytes = b""
    acknowledged: int | None = None

    def document(self) -> dict[str, Any]:
        """As plain values."""
        origin, rows, head = self.checked
        made = {
            "site": origin.site, "host": origin.host, "log": origin.log.hex(), "first": origin.first, "last": head.seq,
            "rows": rows, "hash": head.hash.hex(), "whole": True, "signed": self.signed,
        }  # fmt: skip
        return made if self.acknowledged is None else {**made, "acknowledged": self.acknowledged}


def verdict_view() -> View[Verdict]:
    return View(columns=(), name=lambda v: v.checked.origin.host, document=Verdict.document)


def verdict_facts(verdict: Verdict) -> list[tuple[str, str]]:
    """A verdict for people."""
    origin, rows, head = verdict.checked
    dropped = "" if origin.first == 1 else f"; the log says that it dropped those before {origin.first}"
    facts = [
        ("host", f"{origin.site}/{origin.host}"),
        ("log", origin.log.hex()),
        ("rows", f"{rows}, {origin.first} to {head.seq}{dropped}" if rows else "none"),
        ("chain", "whole"),
        ("end", "signed by the host" if verdict.signed else "not checked: without a trust document"),
    ]
    if verdict.acknowledged is not None:
        facts.append(("acknowledged", f"up to {verdict.acknowledged}" if verdict.acknowledged else "nothing"))
    return facts
