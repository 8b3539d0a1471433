"""Signed commands beside a flood from another client: 20,000 a second that nobody signed, 2,000 a second that are badly signed.

The flooder is over its budget of failures after the first few; what the bench asks is what the rest cost those who do no harm.
"""

import contextlib
import threading
from pathlib import Path

import plant
import rpc
from children import Child, broker, python, rss_kib, scratch
from rows import Row, median
from settings import Settings

HOST = "flooded"
FLOODS = (("unsigned", 20_000, "that nobody signed"), ("badly_signed", 2_000, "badly signed"))
SECONDS = 10.0
MAX_MIB = 128


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        site = plant.make(Path(folder), (HOST,), ("op", "other"))
        limits = {"issuer_rate": 1e6, "issuer_burst": 1e6}
        agent = stack.enter_context(plant.agent(site.config(HOST, port, limits=limits), role="free"))
        caller = stack.enter_context(
            Child(python("peer_ours.py", "command", HOST, "op", str(site.base), str(port)), "free")
        )
        caller.answer(90)
        flooder = stack.enter_context(Child(python("flooder.py", HOST, str(site.base), str(port)), "free"))
        flooder.answer()
        return _rows(rpc.Peer(HOST, caller), flooder, agent, settings)


def _rows(peer: rpc.Peer, flooder: Child, agent: Child, settings: Settings) -> list[Row]:
    seconds = settings.seconds(SECONDS)
    peer.load(1, settings.seconds(1))
    rows: list[Row] = []
    for kind, rate, words in FLOODS:
        idle: list[float] = []
        beside: list[float] = []
        memory: list[float] = []
        reached: list[float] = []
        for _ in range(1 if settings.quick else min(3, settings.runs)):
            idle.append(peer.load(1, seconds)["p99_us"])
            sent: dict[str, float] = {}
            order = {"kind": kind, "rate": rate, "seconds": seconds + 1}
            flooding = threading.Thread(target=lambda: sent.update(flooder.order(order, seconds + 60)))  # noqa: B023
            flooding.start()
            beside.append(peer.load(1, seconds)["p99_us"])
            flooding.join()
            memory.append(rss_kib(agent.pid) / 1024)
            reached.append(sent["sent"] / (seconds + 1))
        what = f"signed command p99 beside {rate:,}/s {words}"
        rows += [
            Row("flood", f"{what}, vs alone", median(beside), "us", median(idle), "<=", 3.0),
            Row("flood", f"messages/s {words} that were sent", median(reached), "messages/s", None, ">=", rate * 0.95),
            Row("flood", f"agent's memory after {words}", max(memory), "MiB", None, "<=", MAX_MIB),
        ]
    return rows
