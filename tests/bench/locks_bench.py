"""A lock between two processes of the host, for information: the word that guests share too and the robust mutex of the host's
own areas, against a bare robust mutex; free, and with both ends after it."""

import contextlib
from pathlib import Path

import communication_host as host
from children import cpus, scratch
from paired import Pair, measured
from rows import Row
from settings import Settings


def run(settings: Settings) -> list[Row]:
    rows = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        where = host.attach(folder)
        ends = host.programs(folder)
        stack.enter_context(host.serving(folder, host.shared()))
        pinned = (cpus("caller"), cpus("responder"))
        for work, how in (("lock", "free"), ("contended", "both ends after it")):
            for name, kind in ((host.SHARED_LOCK, "word"), (host.ROBUST_LOCK, "robust mutex")):
                with (
                    Pair([ends.ours, *pinned, work, where, name]) as our,
                    Pair([ends.raw, *pinned, work]) as peer,
                ):
                    what = f"C, {kind}, {how}, taken and given back, vs a robust mutex"
                    rows.append(measured(our, peer, settings).trips("locks", what))
    return rows
