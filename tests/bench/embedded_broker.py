"""The same two ends over our embedded broker and over mosquitto: our whole stack, and a bare echo on our transport.

The whole stack costs the ends several times what a broker takes, so it says more of them than of the broker.
"""

import contextlib
from pathlib import Path

import rpc
from children import broker, scratch
from rows import Row, median
from settings import Settings

ENDS = ("whole stack", "bare echo")


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        peers = []
        for kind in ("embedded", "mosquitto"):
            child, port = broker(kind)
            stack.enter_context(child)
            peers.append(stack.enter_context(rpc.ours(port, folder, f"{kind}-1", f"{kind}, whole stack")))
            peers.append(stack.enter_context(rpc.raw("link", port, f"{kind}, bare echo")))
        measured = rpc.measured(peers, settings)
    rows = []
    for ends in ENDS:
        embedded, mosquitto = measured[f"embedded, {ends}"], measured[f"mosquitto, {ends}"]
        rows.append(
            Row("embedded_broker", f"64 in flight vs mosquitto, {ends}", median(embedded.rate), "calls/s",
                median(mosquitto.rate), ">=", 1.3)
        )  # fmt: skip
        rows.append(
            Row("embedded_broker", f"1 in flight p50 vs mosquitto, {ends}", median(embedded.p50), "us",
                median(mosquitto.p50), "<=", 1.6)
        )  # fmt: skip
    return rows
