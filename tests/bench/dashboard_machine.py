"""An agent whose simulated machine has 128 CPUs: two of the largest that there is, side by side. Its configuration names it."""

import dataclasses
import runpy

from guestwire.model import machines
from guestwire.model.topology import Topology

NAME, OF = "128-thread", "64-thread-4-node"


def doubled(topology: Topology) -> Topology:
    """The same again beside it, with numbers of its own."""
    step, nodes = len(topology.cpus), len(topology.nodes)
    cpus = [
        cpu.model_copy(update={
            "id": cpu.id + step, "node": cpu.node + nodes, "core": cpu.core + step,
            "siblings": tuple(other + step for other in cpu.siblings),
        })
        for cpu in topology.cpus
    ]  # fmt: skip
    more = [node.model_copy(update={"id": node.id + nodes}) for node in topology.nodes]
    caches = [cache.model_copy(update={"cpus": tuple(cpu + step for cpu in cache.cpus)}) for cache in topology.caches]
    return topology.model_copy(update={
        "cpus": (*topology.cpus, *cpus), "nodes": (*topology.nodes, *more), "caches": (*topology.caches, *caches),
    })  # fmt: skip


def main() -> None:
    one = machines.MACHINES[OF]
    machines.MACHINES = {**machines.MACHINES, NAME: dataclasses.replace(one, name=NAME, topology=doubled(one.topology))}
    runpy.run_module("guestwire.agent.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
