"""`python tests/bench/run.py [--quick] [--only NAME ...] [--json FILE] [--runs N]`: every bench, ours beside its peers.

Medians of N runs, as one table and, on request, as JSON. A missed target is a line that says NO, not a failure: exit
status 0; 1 only when a bench could not run.
"""

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import agent_idle
import burst
import cli
import command
import communication_idle
import controller_fleet
import controller_growth
import controller_ingest
import controller_list
import controller_rollout
import controller_storm
import controller_stream
import dashboard
import embedded_broker
import events_bench
import fleet
import flood
import guest_areas
import guest_events
import journal
import locks_bench
import planning
import queues_bench
import rpc_read
import storm
from rows import Row, table
from settings import Settings

BENCHES: Mapping[str, Callable[[Settings], list[Row]]] = {
    "rpc_read": rpc_read.run,
    "command": command.run,
    "journal": journal.run,
    "embedded_broker": embedded_broker.run,
    "fleet": fleet.run,
    "flood": flood.run,
    "storm": storm.run,
    "agent_idle": agent_idle.run,
    "cli": cli.run,
    "burst": burst.run,
    "planning": planning.run,
    "events": events_bench.run,
    "queues": queues_bench.run,
    "locks": locks_bench.run,
    "communication_idle": communication_idle.run,
    "guest_events": guest_events.run,
    "guest_areas": guest_areas.run,
    "controller_fleet": controller_fleet.run,
    "controller_storm": controller_storm.run,
    "controller_rollout": controller_rollout.run,
    "controller_growth": controller_growth.run,
    "controller_ingest": controller_ingest.run,
    "controller_list": controller_list.run,
    "controller_stream": controller_stream.run,
    "dashboard": dashboard.run,
}


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run.py", description="Ours beside its peers, in one run.")
    parser.add_argument("--quick", action="store_true", help="short loads, 3 runs: a look, not a figure")
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--runs", type=int, help="runs of each variant (default 5)")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    asked = arguments(argv)
    settings = Settings(runs=asked.runs or (3 if asked.quick else 5), quick=asked.quick)
    rows: list[Row] = []
    crashed: list[str] = []
    for name in asked.only or BENCHES:
        began = time.monotonic()
        try:
            rows += BENCHES[name](settings)
        except Exception:  # noqa: BLE001 - the entry point of every bench: the others still run
            crashed.append(name)
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(table(rows))
    if asked.json:
        asked.json.write_text(json.dumps({"machine": machine(settings), "rows": [row.as_dict() for row in rows],
                                          "crashed": crashed}, indent=1))  # fmt: skip
    if crashed:
        print(f"could not run: {', '.join(crashed)}", file=sys.stderr)
    return 1 if crashed else 0


def machine(settings: Settings) -> dict[str, object]:
    return {
        "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(), "python": platform.python_version(),
        "runs": settings.runs, "quick": settings.quick, "load_1min": os.getloadavg()[0],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
