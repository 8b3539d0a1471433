"""What the service tells of what it does by itself."""

import json
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.site.service_log import ServiceLog
from guestwire.site.service_notes import ServiceNotes


async def test_a_trouble_that_lasts_is_told_once_and_again_after_it_was_over(tmp_path: Path) -> None:
    lines: list[str] = []
    notes = ServiceNotes(ServiceLog(tmp_path / "log"), lambda: 7, lines.append)
    trouble, other = GuestwireError("SYSTEM-REFUSED", "no"), GuestwireError("SYSTEM-REFUSED", "never")
    for err in (trouble, trouble, other):
        await notes.trouble("broker", err)
    await notes.trouble("hosts", trouble)
    await notes.done("broker", "well", revision="3")
    await notes.trouble("broker", other)
    assert lines == [
        "broker: SYSTEM-REFUSED: no", "broker: SYSTEM-REFUSED: never", "hosts: SYSTEM-REFUSED: no", "broker: well",
        "broker: SYSTEM-REFUSED: never",
    ]  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["SYSTEM-REFUSED"] * 3 + ["ok", "SYSTEM-REFUSED"]
    assert rows[3] == {"at": 7, "peer": "-", "what": "broker", "outcome": "ok", "revision": "3"}


async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    notes = ServiceNotes(ServiceLog(tmp_path / "nowhere" / "log"), lambda: 7, lines.append)
    await notes.done("hosts", "well")
    assert lines[0].startswith("log: ")
    assert lines[1] == "hosts: well"
