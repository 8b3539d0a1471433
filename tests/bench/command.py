"""Signed, journalled commands (guest-pause, guest-resume) through an agent with simulated guests.

One in flight against the disk's own commits; 64 in flight against the same agent without group commit, both on a disk
that is 1 ms slower; and on the disk as it is, against what one core can verify. No process is pinned: an agent has two
threads that work, and all variants are alike.
"""

import contextlib
import subprocess
from pathlib import Path

import plant
import rpc
from children import HERE, Child, broker, python, scratch
from rows import Row, median
from settings import Settings

GUESTS = 64
SLOWER_US = 1000
ALLOWED_US = 1500.0
LIMITS = {"running": GUESTS, "queued": 1000, "issuer_rate": 1e6, "issuer_burst": 1e6}
HOSTS = {"plain": 256, "slow-grouped": 256, "slow-single": 1}
"""The agents, and the journal group size of each."""


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        site = plant.make(Path(folder), tuple(HOSTS), tuple(f"op-{host}" for host in HOSTS))
        peers = {host: _agent(stack, site, host, port) for host in HOSTS}
        commits = stack.enter_context(Child(python("yardsticks.py", "commits", folder), "responder"))
        verify = stack.enter_context(Child(python("yardsticks.py", "verify"), "responder"))
        for child in (commits, verify):
            child.answer()
        return _rows(peers, commits, verify, settings)


def _agent(stack: contextlib.ExitStack, site: plant.Plant, host: str, port: int) -> rpc.Peer:
    limits = {**LIMITS, "journal_group": HOSTS[host]}
    config = site.config(host, port, limits=limits, simulated={"guests": GUESTS, "boot_s": 0})
    env = _slow_disk(site.base) if host.startswith("slow") else None
    stack.enter_context(plant.agent(config, env, "free"))
    caller = Child(python("peer_ours.py", "command", host, f"op-{host}", str(site.base), str(port)), "free")
    stack.enter_context(caller).answer(90)
    return rpc.Peer(host, caller)


def _slow_disk(folder: Path) -> dict[str, str]:
    """The environment of a process whose disk takes a millisecond more; needs gcc."""
    library = folder / "slow_sync.so"
    if not library.exists():
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "slow_sync.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_SYNC_US": str(SLOWER_US)}


def _rows(peers: dict[str, rpc.Peer], commits: Child, verify: Child, settings: Settings) -> list[Row]:
    alone: list[float] = []
    commit: list[float] = []
    verified: list[float] = []
    rates: dict[str, list[float]] = {host: [] for host in HOSTS}
    for peer in peers.values():
        peer.load(GUESTS, settings.seconds(0.6))
    for _ in range(settings.runs):
        commit.append(commits.order({"seconds": settings.seconds(0.6)})["p50_us"])
        alone.append(peers["plain"].load(1, settings.seconds(1.5))["p50_us"])
        verified.append(verify.order({"seconds": settings.seconds(0.6)})["calls_s"])
        for host, peer in peers.items():
            rates[host].append(peer.load(GUESTS, settings.seconds(1.5))["calls_s"])
    name = "command"
    return [
        Row(name, f"1 in flight p50, vs 2 durable commits + {ALLOWED_US / 1000} ms", median(alone), "us",
            2 * median(commit) + ALLOWED_US, "<=", 1.0),
        Row(name, f"{GUESTS} in flight, disk {SLOWER_US / 1000:.0f} ms slower, vs group size 1",
            median(rates["slow-grouped"]), "commands/s", median(rates["slow-single"]), ">=", 2.0),
        Row(name, f"{GUESTS} in flight, vs one core's Ed25519 verifications", median(rates["plain"]), "commands/s",
            median(verified), ">=", 0.25),
        Row(name, "one durable commit of this disk, p50", median(commit), "us"),
    ]  # fmt: skip
