"""`guestwire audit` with a controller: its own log, and the logs of hosts as it has collected them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.cli.audit_views import AuditRow as HostRow
from guestwire.cli.audit_views import audit_view
from guestwire.cli.controlled import with_controller
from guestwire.cli.failures import remark
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
    from guestwire.cli.text_files import check_free

    check_free(settings, [file])
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:

            async def work(controller: "Controller") -> None:
                if host is None:
                    async for piece in controller.http.pieces("/audit/export"):
                        out.write(piece)
                    return
                rows = [row.document async for row in controller.host_audit(controller.ref(host)).every()]
                out.writelines(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in reversed(rows))

            with_controller(settings, work)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    remark(settings, f"written: {file}")


def verify(settings: Settings) -> None:
    """Have the controller follow its log's chain of hashes. Raises AUDIT-BROKEN."""
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
        raise GuestwireError("AUDIT-BROKEN", text, detail=found)
    view: View[dict[str, Any]] = View((), name=lambda one: str(one["hash"]), document=lambda one: one)
    write_one(settings, found, view, [("rows", str(found["rows"])), ("hash", str(found["hash"])), ("chain", "whole")])


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
