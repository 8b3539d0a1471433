"""A lock between two processes of the host, for information: the word that guests share too and the robust mutex of the host's
own areas, against a bare robust mutex; free, and with both ends after it."""

import communication_host as host
from children import cpus
from paired import Pair, measured
from rows import Row
from settings import Settings


def run(settings: Settings) -> list[Row]:
    rows = []
    with host.shared_ends() as (where, ends):
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
