"""A read (host-ping, 128 bytes) through our whole stack, against bare echoes of raw libraries."""

import contextlib
import sys
from pathlib import Path

import rpc
from children import Missing, broker, scratch
from rows import Row, median
from settings import Settings

RATE_TARGETS = {"aiomqtt": 5.0, "paho": 2.5, "nats-py": 0.55, "gRPC asyncio": 4.0}
"""Ours is to be at least so many times the peer's calls per second, 64 in flight."""
P50_TARGETS = {"aiomqtt": 0.55, "nats-py": 1.1, "libmosquitto": 4.0}
"""Ours is to be at most so many times the peer's median latency, one in flight."""


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        factories = (
            rpc.ours(port, folder), rpc.raw("aiomqtt", port), rpc.raw("paho", port), rpc.libmosquitto(port, folder),
            rpc.nats(), rpc.grpc(),
        )  # fmt: skip
        peers = []
        for factory in factories:
            try:
                peers.append(stack.enter_context(factory))
            except Missing as err:
                print(f"rpc_read: not measured: {err}", file=sys.stderr)
        return rows(rpc.measured(peers, settings))


def rows(measured: rpc.Measured) -> list[Row]:
    name = "rpc_read"
    ours = measured["ours"]
    made = []
    for peer, its in measured.items():
        if peer == "ours":
            continue
        made.append(Row(name, f"64 in flight vs {peer}", median(ours.rate), "calls/s", median(its.rate),
                        ">=", RATE_TARGETS.get(peer)))  # fmt: skip
    for peer, its in measured.items():
        if peer == "ours":
            continue
        made.append(Row(name, f"1 in flight p50 vs {peer}", median(ours.p50), "us", median(its.p50),
                        "<=", P50_TARGETS.get(peer)))  # fmt: skip
    made += [Row(name, f"1 in flight p99 vs {peer}", median(ours.p99), "us", median(its.p99), "<=")
             for peer, its in measured.items() if peer != "ours"]  # fmt: skip
    made += [Row(name, f"caller CPU per call, {peer}", median(its.cpu), "us") for peer, its in measured.items()]
    return made
