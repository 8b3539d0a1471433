"""A queue between two processes of the host, each on a processor of its own: ours in C against a Unix seqpacket socket, ours
in Python against iceoryx2's Python binding; and a loan of 64 KiB against one of 64 bytes."""

import importlib.util
import os
import sys
from collections.abc import Sequence

import communication_host as host
from children import Missing, cpus, python
from paired import Measured, Pair, measured
from rows import Row
from settings import Settings

RATE_SEQPACKET, RATE_ICEORYX2, TRIP_ICEORYX2 = 5.0, 2.0, 0.7
SAME_SIZE = 0.8
"""What still counts as the same rate: the machine's own noise is larger at times."""
BENCH = "queues"


def run(settings: Settings) -> list[Row]:
    with host.shared_ends() as (where, ends):
        pinned = (cpus("caller"), cpus("responder"))
        c, py = (ends.ours, *pinned), (*python("pair_ours.py"), *pinned)
        raw = (ends.raw, *pinned)
        trip = ("trip", where, host.THERE, host.BACK)

        def both(ours: Sequence[str], peer: Sequence[str]) -> Measured:
            with Pair(ours) as our, Pair(peer) as its:
                return measured(our, its, settings)

        rows = [
            both([*c, "rate", where, host.RATE], [*raw, "rate"]).rates(
                BENCH, "C, 64 B, spinning, vs a seqpacket socket", "messages/s", RATE_SEQPACKET),
            both([*c, "waiting", where, host.RATE], [*raw, "rate"]).rates(
                BENCH, "C, 64 B, sleeping when full or empty, vs a seqpacket socket", "messages/s", RATE_SEQPACKET),
            both([*c, *trip], [*raw, "trip"]).trips(BENCH, "C, 64 B there and back, spinning, vs a seqpacket socket"),
        ]  # fmt: skip
        try:
            peer = iceoryx2(pinned)
        except Missing as err:
            print(f"queues: not measured: {err}", file=sys.stderr)
        else:
            rows += [
                both([*py, "rate", where, host.RATE], [*peer, "rate", f"guestwire-bench-rate-{os.getpid()}"]).rates(
                    BENCH, "Python, 64 B, spinning, vs iceoryx2", "messages/s", RATE_ICEORYX2),
                both([*py, *trip], [*peer, "trip", f"guestwire-bench-trip-{os.getpid()}"]).trips(
                    BENCH, "Python, 64 B there and back, spinning, vs iceoryx2", TRIP_ICEORYX2),
            ]  # fmt: skip
        for language, ours in (("C", c), ("Python", py)):
            large, small = ([*ours, "loan", where, queue] for queue in (host.LOAN_64K, host.LOAN_64))
            what = f"{language}, 64 KiB by loan, vs 64 B by loan"
            rows.append(both(large, small).rates(BENCH, what, "messages/s", SAME_SIZE))
    return rows


def iceoryx2(pinned: Sequence[str]) -> Sequence[str]:
    """Raises Missing."""
    if importlib.util.find_spec("iceoryx2") is None:
        raise Missing("iceoryx2: pip install -e '.[bench]'")
    return (*python("pair_iceoryx2.py"), *pinned)
