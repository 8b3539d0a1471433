"""What happens to the named events of a host, by asking again and again."""

import asyncio
from collections.abc import Mapping
from typing import Literal, NamedTuple

from guestwire.cli.event_views import state_word
from guestwire.cli.named import NameAddress
from guestwire.cli.output import plain
from guestwire.cli.settings import Settings
from guestwire.cli.watch_lines import within, write_change
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import EventView
from guestwire.sdk.client import Client


class Change(NamedTuple):
    """What happened to an event since it was looked at last. `signals`: how many since then."""

    kind: Literal["now", "new", "changed", "gone"]
    event: EventView
    signals: int = 0


def compare(before: Mapping[str, EventView], after: Mapping[str, EventView]) -> list[Change]:
    """What changed, by name. A rate that falls is no change: nothing happened."""
    found = [Change("new", event, event.signals) for name, event in after.items() if name not in before]
    found += [Change("gone", event) for name, event in before.items() if name not in after]
    for name, event in after.items():
        old = before.get(name)
        if old is not None and _facts(old) != _facts(event):
            # fewer than before: the services were started anew
            more = event.signals - old.signals if event.signals >= old.signals else event.signals
            found.append(Change("changed", event, more))
    return sorted(found, key=lambda change: change.event.name)


async def watch_events(
    client: Client, settings: Settings, host: str, names: frozenset[str], interval_s: float, count: int | None
) -> None:
    """Write how the events named (none: all) are, then what changes, `count` changes or for ever. Raises NOT-FOUND."""
    written = 0
    async with within(settings):
        known = await _events(client, host, names)
        if missing := sorted(names - known.keys()):
            raise GuestwireError("NOT-FOUND", f"{host} has no event {missing[0]}.", field="name")
        for event in known.values():
            _write(settings, host, Change("now", event))
        while True:
            await asyncio.sleep(interval_s)
            found = await _events(client, host, names)
            for change in compare(known, found):
                _write(settings, host, change)
                written += 1
                if written == count:
                    return
            known = found


async def _events(client: Client, host: str, names: frozenset[str]) -> dict[str, EventView]:
    listed = (await client.host(host).event_list()).reply.events
    return {event.name: event for event in listed if not names or event.name in names}


def _facts(event: EventView) -> EventView:
    return event.model_copy(update={"rate": 0.0})


def _write(settings: Settings, host: str, change: Change) -> None:
    at_ms = now().wall_ms
    event = change.event
    address = str(NameAddress(host, event.name))
    document = {"host": host, "at": at_ms, "change": change.kind, "new_signals": change.signals, **plain(event)}
    parts = [
        address,
        "" if change.kind == "changed" else change.kind,
        {"yes": "set", "no": "unset", "-": ""}[state_word(event)] if change.kind != "gone" else "",
        f"+{change.signals} signals" if change.signals else "",
        f"{event.rate:.1f}/s" if event.rate else "",
        f"by {event.last_by}" if change.signals and event.last_by else "",
        f"waiting: {', '.join(event.waiters)}" if event.waiters else "",
        f"denied: {event.denied}" if event.denied else "",
    ]
    write_change(settings, address, at_ms, document, ["  ".join(part for part in parts if part)])
