"""What changes in a memory area, written as it changes."""

from guestwire.cli.area_bytes import Run, run_lines
from guestwire.cli.area_reading import changes
from guestwire.cli.failures import remark
from guestwire.cli.named import NameAddress
from guestwire.cli.settings import Settings
from guestwire.cli.watch_lines import within, write_change
from guestwire.sdk.client import Client


async def watch_area(
    client: Client, settings: Settings, area: NameAddress, part: tuple[int, int], interval_s: float, count: int | None
) -> None:
    """Write what changes in a part (offset, length), `count` times or for ever."""
    seen = 0
    async with within(settings):
        async for at_ms, changed in changes(client, area, *part, interval_s):
            if not changed:
                remark(settings, f"watching {area}")
                continue
            _write(settings, area, at_ms, changed)
            seen += 1
            if seen == count:
                return


def _write(settings: Settings, area: NameAddress, at_ms: int, changed: tuple[Run, ...]) -> None:
    runs = [{"offset": run.offset, "before": run.before.hex(), "after": run.after.hex()} for run in changed]
    document = {"host": area.host, "name": area.name, "at": at_ms, "changes": runs}
    write_change(settings, str(area), at_ms, document, [line for run in changed for line in run_lines(run)])
