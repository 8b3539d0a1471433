"""The machine as a table and as a tree."""

from guestwire.model.topology import Cache, Cpu, NetAdapter, Topology, fingerprint, tree


def test_the_tree_nests_packages_dies_nodes_caches_cores() -> None:
    cpus = tuple(
        Cpu(id=cpu, node=cpu % 4 // 2, core=cpu % 4, die=cpu % 4 // 2, package=0, siblings=((cpu + 4) % 8,))
        for cpu in range(8)
    )
    caches = (
        Cache(level=1, type="data", size_kib=32, cpus=(0, 4)),
        Cache(level=3, type="unified", size_kib=8192, cpus=(0, 1, 4, 5)),
        Cache(level=3, type="unified", size_kib=8192, cpus=(2, 3, 6, 7)),
    )
    (package,) = tree(Topology(fingerprint="", cpus=cpus, caches=caches))
    assert (package.kind, package.id) == ("package", 0)
    assert [die.id for die in package.groups] == [0, 1]
    node = package.groups[1].groups[0]
    assert (node.kind, node.id) == ("node", 1)
    cache = node.groups[0]
    assert (cache.kind, cache.id) == ("cache", 1)
    assert [(core.id, core.cpus) for core in cache.groups] == [(2, (2, 6)), (3, (3, 7))]


def test_a_machine_without_caches_has_no_cache_level() -> None:
    (package,) = tree(Topology(fingerprint="", cpus=(Cpu(id=0, core=0), Cpu(id=1, core=None, online=False))))
    (core,) = package.groups[0].groups[0].groups
    assert (core.kind, core.cpus) == ("core", (0,))


def test_the_fingerprint_tells_machines_apart() -> None:
    one = fingerprint(("board", "1.0"), (0, 1), ("0000:00:1f.2",))
    assert one == fingerprint(("board", "1.0"), (1, 0), ("0000:00:1f.2",))
    others = {
        fingerprint(("board", "1.1"), (0, 1), ("0000:00:1f.2",)),
        fingerprint(("board", "1.0"), (0,), ("0000:00:1f.2",)),
        fingerprint(("board", "1.0"), (0, 1), ()),
        fingerprint(("board", "1.0", "0"), (1,), ("0000:00:1f.2",)),
    }
    assert one not in others
    assert len(others) == 4


def test_what_an_older_agent_tells_is_understood() -> None:
    device = {"address": "0000:01:00.0", "pci_class": 0x020000, "vendor": 0x8086, "device": 0x1533}
    told = Topology.model_validate({"fingerprint": "f", "cpus": (), "devices": (device,)})
    assert (told.usb, told.devices[0].net, told.devices[0].device_name) == ((), (), None)
    newer = {"ifname": "eth0", "link": "up", "duplex": "full"}
    told = Topology.model_validate({"fingerprint": "f", "cpus": (), "devices": ({**device, "net": (newer,)},)})
    assert told.devices[0].net == (NetAdapter(ifname="eth0", link="up"),)
