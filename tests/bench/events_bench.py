"""Round trips of two events between two processes of the host: our libraries against bare eventfds, on one processor and
on two. A native event is an eventfd underneath; an arbitrated one is answered by guestwire-comm, for information."""

import communication_host as host
from children import cpus, python
from paired import Pair, measured
from rows import Row
from settings import Settings

TARGET = 1.3
"""Our round trip is to be at most so many times the eventfds'."""


def run(settings: Settings) -> list[Row]:
    rows = []
    with host.shared_ends() as (where, ends):
        caller, responder = cpus("caller"), cpus("responder")
        for on, pinned in (("one processor", (caller, caller)), ("two processors", (caller, responder))):
            for language, ours, raw in (
                ("C", [ends.ours], [ends.raw]),
                ("Python", python("pair_ours.py"), python("pair_raw.py")),
            ):
                for kind, names, target in (("native", host.NATIVE, TARGET), ("arbitrated", host.ARBITRATED, None)):
                    with (
                        Pair([*ours, *pinned, "event", where, *names]) as our,
                        Pair([*raw, *pinned, "event"]) as peer,
                    ):
                        what = f"{language}, {kind} event there and back, {on}, vs eventfds"
                        rows.append(measured(our, peer, settings).trips("events", what, target))
    return rows
