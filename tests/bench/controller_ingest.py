"""What one controller takes in, from the broker to the query: signed batches of simulated hosts come over a mosquitto, are checked,
committed with roll-ups and retention running as they always do, acknowledged to each host, and read back over HTTP.

The clock begins when every host has said its first word (its series have numbers then) and ends when the last sample sent can
be read; batches are sent no further ahead than what was readable. Hosts, broker, database and controller share the processors.
"""

import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import controller_rows
from children import Child, broker, cpu_s, python, rss_kib, scratch
from controller_ingest_batches import POINTS, SAMPLES, SECOND_MS, host_name
from controller_ingest_peers import copy_to_postgresql, insert_into_sqlite
from controller_process import Controller
from plant import SITE
from plant import make as make_plant
from rows import Row, percentile
from settings import Settings

from guestwire.controller.host_ref import HostRef

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from postgres_server import postgres_server

HOSTS = 3000
SECONDS = 150.0
"""Two minutes of a full load come to their end within it, and are rolled up."""
STEADY_FROM_S = 30.0
"""From then on it is counted: as many minutes are rolled up as pass."""
FASTEST = 250_000
"""No more than this is signed in advance, samples a second."""
SIGNING_S = 0.0008
"""What a batch takes to be signed, on a busy machine."""
DIRECT_HOSTS, DIRECT_ROUNDS = 1500, 16
"""Of the variant without a broker."""
CHECKED = 40
"""Series that are read whole at the end."""
DURABLE = ("shared_buffers=256MB", "max_wal_size=2GB")
"""PostgreSQL as it is by default, with memory for a database of this size."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run came to. `took`: from sending a batch until it was readable, seconds."""

    rate: float
    steady: float
    took: list[float]
    cpu_us: float
    rss_mib: float
    acked_s: float
    again: int
    unacknowledged: int
    wrong: int


def run(settings: Settings) -> list[Row]:
    seconds = 20.0 if settings.quick else SECONDS
    rows = []
    for what, target in (("SQLite", 150_000), ("PostgreSQL", 100_000)):
        taken, raw = _measured(
            what, settings.count(HOSTS), seconds, steady_from=0.0 if settings.quick else STEADY_FROM_S
        )
        direct = straight_in(what, settings.count(DIRECT_HOSTS), settings.count(DIRECT_ROUNDS))
        rows += [
            Row("controller_ingest", f"{what}, straight into reception: samples committed each second", direct["rate"], "1/s", raw, ">=", target, absolute=True),
            Row("controller_ingest", f"{what}, straight into reception: processor time for a sample", direct["cpu_us"], "us"),
            Row("controller_ingest", f"{what}, straight into reception: samples that were lost", direct["lost"] + direct["defects"], "", None, "<=", 0),
        ]  # fmt: skip
        name = f"{what}, over mosquitto, acknowledged"
        rows += [
            Row("controller_ingest", f"{name}: samples readable each second", taken.steady, "1/s", raw, ">=", target, absolute=True),
            Row("controller_ingest", f"{what}: from sent to readable, p95", percentile(taken.took, 0.95), "s", None, "<=", 5.0),
            Row("controller_ingest", f"{what}: from sent to readable, longest", max(taken.took), "s", None, "<=", 5.0),
            Row("controller_ingest", f"{what}: the controller's processor time for a sample", taken.cpu_us, "us"),
            Row("controller_ingest", f"{what}: the controller's memory at the end", taken.rss_mib, "MiB"),
            Row("controller_ingest", f"{what}: all acknowledged after the last was readable", taken.acked_s, "s"),
            Row("controller_ingest", f"{what}: batches never acknowledged", taken.unacknowledged, "", None, "<=", 0),
            Row("controller_ingest", f"{what}: batches that were sent again", taken.again, ""),
            Row("controller_ingest", f"{what}: series read back of which a value is wrong or missing", taken.wrong, "", None, "<=", 0),
        ]  # fmt: skip
    return rows


def straight_in(what: str, hosts: int, rounds: int) -> dict[str, float]:
    """What the controller's own part comes to where no broker and no sender take the processors: samples a second, microseconds
    of processor time for each, how many were lost, and defects."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        make_plant(folder, tuple(host_name(n) for n in range(hosts)), ())
        dsn = f"sqlite:///{folder / 'controller.db'}"
        if what != "SQLite":
            server = stack.enter_context(postgres_server(DURABLE))
            server.sql("CREATE DATABASE guestwire")
            dsn = server.dsn("guestwire")
        child = stack.enter_context(Child(python("controller_ingest_direct.py", str(folder), dsn), "free"))
        child.answer()
        base = round(time.time()) * SECOND_MS - rounds * POINTS * SECOND_MS
        order = {"hosts": hosts, "rounds": rounds, "base": base}
        runs = child.order(order, 900)
        return dict(runs)


def _measured(what: str, hosts: int, seconds: float, *, steady_from: float) -> tuple[Taken, float]:
    """What the controller took in, and what the database alone takes in of the same samples, of a client that does nothing else."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        names = tuple(host_name(n) for n in range(hosts))
        plant = make_plant(folder, names, (), controllers=("main",))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        if what == "SQLite":
            raw = insert_into_sqlite(folder / "raw.db", hosts)
            controller = Controller(plant, port)
            dsn = f"sqlite:///{controller.home / 'controller.db'}"
        else:
            server = stack.enter_context(postgres_server(DURABLE))
            server.sql("CREATE DATABASE raw", "CREATE DATABASE guestwire")
            raw = copy_to_postgresql(server.dsn("raw"), hosts)
            dsn = server.dsn("guestwire")
            controller = Controller(plant, port, database={"url": dsn})
        controller_rows.fill(dsn, controller_rows.approved(HostRef(SITE, name) for name in names))
        stack.enter_context(controller)
        sender = stack.enter_context(Child(python("controller_ingest_hosts.py", str(folder), str(port)), "free"))
        sender.answer()
        return _sent(controller, sender, hosts, seconds, steady_from), raw


def _sent(controller: Controller, sender: Child, hosts: int, seconds: float, steady_from: float) -> Taken:
    rounds = 1 + -(-round(seconds * FASTEST) // (hosts * SAMPLES))
    began = time.time() + (rounds * hosts * SIGNING_S + 20 if steady_from else 0)
    minute = -(-began // 60) * 60 if steady_from else began  # whole minutes come in then, and are rolled up as they end
    base = (round(minute) - POINTS) * SECOND_MS
    sender.order({"order": "sign", "hosts": hosts, "rounds": rounds, "base": base}, 600)
    order = {"order": "send", "url": controller.url, "token": controller.api.token, "from_s": steady_from}
    sender.order({**order, "rounds": [0, 1], "seconds": 600}, 600)
    if steady_from:
        time.sleep(max(0.0, minute - time.time()))
    used = cpu_s(controller.pid)
    said = sender.order({**order, "rounds": [1, rounds], "seconds": seconds}, seconds + 600)
    used = cpu_s(controller.pid) - used
    checked = sender.order(
        {"order": "check", "series": CHECKED, "rounds": 1 + said["batches"] // hosts, "url": controller.url,
         "token": controller.api.token}, 120,
    )  # fmt: skip
    samples = said["batches"] * SAMPLES
    return Taken(
        samples / said["seconds"], said["steady"], said["took"], used / samples * 1e6, rss_kib(controller.pid) / 1024,
        said["acked_s"], said["again"], said["unacknowledged"], checked["of"] - checked["right"],
    )  # fmt: skip
