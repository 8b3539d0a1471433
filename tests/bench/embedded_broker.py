"""The same client, responder and read over our embedded broker and over mosquitto."""

import contextlib
from pathlib import Path

import rpc
from children import broker, scratch
from rows import Row, median
from settings import Settings


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        peers = []
        for kind in ("embedded", "mosquitto"):
            child, port = broker(kind)
            stack.enter_context(child)
            peers.append(stack.enter_context(rpc.ours(port, folder, kind)))
        measured = rpc.measured(peers, settings)
    embedded, mosquitto = measured["embedded"], measured["mosquitto"]
    return [
        Row("embedded_broker", "read, 64 in flight, vs mosquitto", median(embedded.rate), "calls/s",
            median(mosquitto.rate), ">=", 1.3),
        Row("embedded_broker", "read, 1 in flight p50, vs mosquitto", median(embedded.p50), "us",
            median(mosquitto.p50), "<=", 1.6),
    ]  # fmt: skip
