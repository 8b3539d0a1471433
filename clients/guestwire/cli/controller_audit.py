"""`guestwire audit` with a controller: its own log, and the logs of hosts as it has collected them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.cli.audit_views import AuditRow as HostRow
from guestwire.cli.audit_views import audit_view
from guestwire.cli.controlled import with_controller
from guestwire.cli.output import Column, View, write_all
from guestwire.cli.settings import Settings
from guestwire.cli.times import clock_time

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import AuditRow


def list_rows(settings: Settings, wanted: Mapping[str, Any], limit: int) -> None:
    """The newest rows of the controller's own log, oldest first."""

    async def work(controller: "Controller") -> "list[AuditRow]":
        return await controller.audit.list(limit, **wanted)

    write_all(settings, _view(), with_controller(settings, work)[::-1])


def list_host_rows(settings: Settings, host: str, wanted: Mapping[str, Any], limit: int) -> None:
    """The newest rows of a host's log, oldest first, as the controller has collected them."""

    async def work(controller: "Controller") -> list[HostRow]:
        rows = await controller.host_audit(controller.ref(host)).list(limit, **wanted)
        return [HostRow(bytes.fromhex(row.row), bytes.fromhex(row.hash)) for row in rows]

    write_all(settings, audit_view(), with_controller(settings, work)[::-1])


def export(settings: Settings, file: Path, host: str | None) -> None:
    """Every row, oldest first, one JSON object a line: of the controller's log, or of a host's."""
    from guestwire.cli.exporting import exporting

    async def work(controller: "Controller") -> None:
        async with exporting(settings, file) as write:
            if host is None:
                async for piece in controller.http.pieces("/audit/export"):
                    write(piece)
                return
            rows = [row.document async for row in controller.host_audit(controller.ref(host)).every()]
            for row in reversed(rows):
                write(json.dumps(row, separators=(",", ":")).encode() + b"\n")

    with_controller(settings, work)


def verify(settings: Settings) -> None:
    """Have the controller follow its log's chain of hashes, and check what it has signed of it. Raises AUDIT-BROKEN."""
    from guestwire.cli.output import write_one
    from guestwire.cli.progress import progress
    from guestwire.model.errors import GuestwireError

    async def work(controller: "Controller") -> dict[str, Any]:
        async with progress(settings, "audit", 1) as shown:
            shown.begin("following the chain of hashes")
            found: dict[str, Any] = (await controller.http.ask("GET", "/audit/check", timeout_s=120)).document
            return found

    found = with_controller(settings, work)
    if found["broken"] is not None:
        text = f"The row {found['broken']} of the controller's log is not what it was."
        raise GuestwireError("AUDIT-BROKEN", found.get("why") or text, detail=found)
    view: View[dict[str, Any]] = View((), name=lambda one: str(one["hash"]), document=lambda one: one)
    shown = [("rows", str(found["rows"])), ("hash", str(found["hash"])), ("chain", "whole"), ("signed", _signed(found))]
    write_one(settings, found, view, shown)


def _signed(found: dict[str, Any]) -> str:
    """How far the controller's key vouches for its log."""
    signed = found.get("signed")
    if not signed:
        return "no: the controller has no key of its own"
    unchecked = "" if signed["verified"] else "; there is no trust document to check that with"
    return f"up to row {signed['seq']}, by {signed['principal']} of {signed['site']}{unchecked}"


def _view() -> "View[AuditRow]":
    return View(
        columns=(
            Column("SEQ", lambda r: str(r.seq), right=True),
            Column("AT", lambda r: clock_time(r.at)),
            Column("BY", lambda r: r.person or "-"),
            Column("ACTION", lambda r: r.action),
            Column("TARGET", lambda r: r.target or "-"),
            Column("OUTCOME", lambda r: r.outcome, style=lambda r: None if r.outcome == "ok" else "bad"),
            Column("FROM", lambda r: r.address or "-", wide=True),
            Column("DETAIL", lambda r: json.dumps(r.detail, ensure_ascii=False) if r.detail else "-", wide=True),
        ),
        name=lambda r: str(r.seq),
        document=lambda r: r.document,
        none="no rows",
    )
