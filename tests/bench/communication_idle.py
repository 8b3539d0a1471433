"""A guestwire-comm with 64 peers that have a thousand events open each and do nothing: its memory, and the processor time it
takes; and how long it takes to open an event. Once with processes of the host as peers, once with guests, each of which
every event names."""

import contextlib
import time
from pathlib import Path

import communication_host as host
from children import cpu_s, rss_kib, scratch
from rows import Row
from settings import Settings

from guestwire.guest.connection import Connection
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.events import HOST, Event

PEERS, EVENTS = 64, 1000
GUESTS = tuple(f"g{number}" for number in range(PEERS))
SETTLE_S = 3.0
IDLE_S = 10.0
MOST_MIB, MOST_PERCENT = 64, 1.0
BENCH = "communication_idle"


def document(events: int, *who: str) -> CommDocument:
    """64 guests, and events of these."""
    guests = (CommGuest(name=name, uuid=f"00000000-0000-4000-8000-{n:012d}") for n, name in enumerate(GUESTS))
    named = (Event(name=f"event-{number}", signal=who, wait=who) for number in range(events))
    return CommDocument(guests=tuple(guests), events=tuple(named))


def run(settings: Settings) -> list[Row]:
    events, seconds = settings.count(EVENTS), settings.seconds(IDLE_S)
    return [
        *idle("processes of the host", document(events, HOST, GUESTS[0]), [""] * PEERS, seconds),
        *idle("guests", document(events, *GUESTS), [f"?guest={name}" for name in GUESTS], seconds),
    ]


def idle(peers: str, shared: CommDocument, suffixes: list[str], seconds: float) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        host.programs(folder)
        comm = stack.enter_context(host.serving(folder, shared))
        alone = rss_kib(comm.pid) / 1024
        began = time.perf_counter()
        for suffix in suffixes:
            peer = stack.enter_context(Connection.open(f"{host.attach(folder)}{suffix}"))
            for event in shared.events:
                stack.enter_context(peer.event_open(event.name))
        each_us = (time.perf_counter() - began) / (PEERS * len(shared.events)) * 1e6
        time.sleep(SETTLE_S)
        before = cpu_s(comm.pid)
        time.sleep(seconds)
        used = (cpu_s(comm.pid) - before) / seconds * 100
        memory = rss_kib(comm.pid) / 1024
    what = f"{PEERS} {peers} with {len(shared.events):,} events open each"
    return [
        Row(BENCH, f"memory, {what}", memory, "MiB", None, "<=", MOST_MIB),
        Row(BENCH, "memory, before they came", alone, "MiB"),
        Row(BENCH, f"processor, {what}, idle for {seconds:.0f} s", used, "% of a core", None, "<=", MOST_PERCENT),
        Row(BENCH, "to open one of the events", each_us, "us"),
    ]
