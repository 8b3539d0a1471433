"""Documents for property tests: guests and hosts as a person might write them, good and bad.

Every value is one that the models take; whether the document makes sense is what the rules are for. Names are few, so that
references are often right, often wrong, and often double.
"""

from typing import Any

from hypothesis import strategies as st
from topologies import HYBRID, NODES64, PAIRS8, PLAIN4, PLAIN8, SMT8, forgotten, offline

from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.desired import Autostart, Desired
from guestwire.model.events import HOST, REMOTE, Event
from guestwire.model.facts import Facts, FileFact, ManagementPath
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override, PortForward, ReadyWhen, Share
from guestwire.model.host import Capabilities
from guestwire.model.images import Image, Template
from guestwire.model.networks import AclRule, Adapter, Member, VirtualNet
from guestwire.model.policy import Policy
from guestwire.model.settings import HostSettings, HugePool
from guestwire.model.topology import Topology

MACHINES = (PLAIN4, PLAIN8, SMT8, PAIRS8, HYBRID, NODES64, offline(SMT8, 6, 7), forgotten(NODES64, 56, 57))
NAMES = ("a", "b", "rt", "gp", "", "bad name", "x" * 64)
UUIDS = tuple(f"00000000-0000-0000-0000-00000000000{n}" for n in range(6))
MIB = 1 << 20


def machines() -> st.SearchStrategy[Topology]:
    return st.sampled_from(MACHINES)


def good_cpusets(most: int = 7) -> st.SearchStrategy[str]:
    """Sets that mean something on a machine with CPUs 0 to `most`: plain numbers and ranges."""
    ranges = st.tuples(st.integers(0, most), st.integers(0, most)).map(
        lambda ends: f"{min(ends)}-{max(ends)}" if ends[0] != ends[1] else f"{ends[0]}"
    )
    return st.lists(ranges, min_size=1, max_size=3).map(",".join)


def cpusets() -> st.SearchStrategy[str]:
    """Good ones, ones with groups, ones that no machine knows, and ones that are none."""
    return st.one_of(
        good_cpusets(),
        st.sampled_from(("n0", "n3", "c1-c2", "c24-c26", "p0", "~n0", "~0-7", "~0", "d0", "63")),
        st.sampled_from(("", "~", "1-", "n1-2", "9-1", "64", "n7", "0-999999", "0-7,^3")),
        st.text(alphabet="~ncdp0123456789-,", max_size=8),
    )


def guests(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[Guest]:
    """Guests; `given` replaces the strategy of a field."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        "name": st.sampled_from(NAMES),
        "id": st.none() | st.integers(1, 4).map(lambda number: f"GUEST{number:04d}"),
        "uuid": st.none() | st.sampled_from(UUIDS),
        "kind": st.sampled_from(("rt", "gp_comm", "gp")),
        "os_type": st.sampled_from(("linux", "windows", "rtlinux")),
        "tags": st.sampled_from(((), ("edge",))),
        "image": st.sampled_from((None, "rtlinux", "vxworks", "gone")),
        "arch": st.sampled_from((None, "x86_64", "aarch64")),
        "vcpus": st.integers(1, 16),
        "topology": st.just("auto") | st.tuples(*(st.integers(1, 4),) * 3),
        "memory_mib": st.integers(16, 40_000),
        "heap_mib": st.sampled_from((0, 0, 240)),
        "hugepages_mib": st.sampled_from((0, 0, 2, 1024)),
        "lock_memory": st.sampled_from(("auto", True, False)),
        "cpuset": st.none() | cpusets(),
        "numatune": st.sampled_from(("auto", "auto", "", "0", "1-2", "0-65535", "9", "x", "n1")),
        "firmware": st.sampled_from(("bios", "uefi")),
        "disks": st.lists(disks(), max_size=2).map(tuple),
        "boot": st.none() | st.just(DirectBoot(kernel="/boot/k")),
        "nics": st.lists(nics(), max_size=2).map(tuple),
        "devices": st.lists(
            st.sampled_from(("0000:01:00.0", "0000:02:00.0", "0000:09:00.0", "usb:046d:c077")), max_size=2
        ).map(tuple),
        "port_forwards": st.sampled_from(((), (PortForward(host_port=2222, guest_port=22),))),
        "shares": st.sampled_from(((), (Share(path="/srv", tag="srv"),))),
        "comm_enabled": st.booleans(),
        "rtos_id": st.none() | st.integers(-1, 6),
        "gpos_id": st.none() | st.integers(0, 10),
        "ready_when": st.sampled_from((ReadyWhen(), ReadyWhen(by="guest_agent"))),
        "autostart": st.sampled_from(("off", "headless", "console")),
        "order": st.integers(0, 3),
        "disabled": st.sampled_from((False, False, False, True)),
        "persistence": st.sampled_from(("persistent", "ephemeral")),
        "overrides": st.sampled_from(((), (Override(op="add", xml="<memtune><hard_limit>1</hard_limit></memtune>"),))),
    }
    return st.fixed_dictionaries(fields | given).map(lambda values: Guest(**values))


def disks() -> st.SearchStrategy[Disk]:
    return st.builds(
        Disk,
        path=st.sampled_from((None, "/disks/a.qcow2", "/disks/b.raw", "/disks/../etc/x.qcow2", "/other/c.iso")),
        format=st.sampled_from(("qcow2", "raw")),
        device=st.sampled_from(("disk", "cdrom")),
        read_only=st.booleans(),
        size_mib=st.none() | st.integers(1, 4096),
        clone_of=st.none() | st.just("/disks/base.qcow2"),
    )


def nics() -> st.SearchStrategy[Nic]:
    return st.builds(
        Nic,
        network=st.sampled_from((None, "net", "gone")),
        bridge=st.sampled_from((None, "br0")),
        mac=st.sampled_from((None, "02:00:00:00:00:01", "01:00:5e:00:00:01")),
    )


def areas() -> st.SearchStrategy[MemoryArea]:
    return st.builds(
        MemoryArea,
        name=st.sampled_from(("shm", "other", "RtosLibMsgQueue", "", "bad-name")),
        kind=st.sampled_from(("user", "system", "heap")),
        size=st.sampled_from((-1, 0, 1, MIB, 3 * MIB, 512 * MIB, 1 << 40)),
        default_access=st.sampled_from(("RWC-", "R-C-", "----", "-W--", "RWCX", "R--", "?")),
        overrides=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("RWC-", "----", "x")), max_size=2),
    )


def events() -> st.SearchStrategy[Event]:
    members = st.lists(st.sampled_from((*NAMES, HOST, REMOTE)), max_size=2).map(tuple)
    return st.builds(
        Event,
        name=st.sampled_from(("go", "stop", "")),
        signal=members,
        wait=members,
        delivery=st.sampled_from(("arbitrated", "direct")),
    )


def networks() -> st.SearchStrategy[VirtualNet]:
    members = st.builds(
        Member,
        guest=st.sampled_from((*NAMES, "gone")),
        mac=st.sampled_from((None, "02:00:00:00:00:01", "not a mac")),
        ip=st.sampled_from((None, "10.0.0.2", "10.9.9.9", "fe80::1", "not an address")),
    )
    return st.builds(
        VirtualNet,
        name=st.sampled_from(("net", "other", "")),
        mode=st.sampled_from(("isolated", "nat", "bridge")),
        cidr=st.sampled_from((None, "10.0.0.0/24", "10.0.0.128/25", "10.0.0.1/24", "fd00::/64", "x")),
        uplink=st.sampled_from((None, "eth0")),
        members=st.lists(members, max_size=3).map(tuple),
        acl=st.sampled_from(((), (AclRule(src="rt", dst="10.0.0.0/8", port=80),))),
    )


def settings() -> st.SearchStrategy[HostSettings]:
    pools = st.builds(
        HugePool,
        size_mib=st.sampled_from((2, 1024)),
        pages=st.integers(0, 4096),
        node=st.none() | st.integers(0, 9),
    )
    return st.builds(
        HostSettings,
        autologin=st.sampled_from((None, "", "operator")),
        swap_mib=st.sampled_from((None, 0, 100, 2048)),
        ip_forward=st.none() | st.booleans(),
        airgap=st.none() | st.booleans(),
        adapters=st.sampled_from(((), (Adapter(name="eth0", addresses=("10.0.0.5/24", "x"), gateway="y"),))),
        hugepages=st.lists(pools, max_size=2).map(tuple),
        irq_affinity=st.sampled_from((None, "0-1", "2", "x")),
    )


def policies() -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        profile=st.sampled_from(("kvm-rt", "system-manager")),
        remaining_host_memory_mib=st.sampled_from((0, 1024)),
        dynamic_cpu=st.booleans(),
        allow_rt_overlap=st.booleans(),
        max_comm_guests=st.none() | st.integers(0, 8),
        max_gp_guests=st.none() | st.integers(0, 12),
    )


IMAGES = (
    Image(id="rtlinux", os_type="rtlinux", path="/images/rtlinux", min_memory_mib=64, align_mib=4),
    Image(id="vxworks", os_type="vxworks", path="/images/vx", base_address=0x0400_0000, arch="i686"),
)
TEMPLATES = (Template(id="rtlinux", os_type="rtlinux", image_type="rtlinux"),)


def desireds(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[Desired]:
    """Documents with up to five guests; `given` replaces the strategy of a field."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        "base_topology": st.sampled_from((None, "plain8", "gone")),
        "host_cpuset": st.none() | cpusets(),
        "policy": policies(),
        "images": st.sampled_from(((), IMAGES)),
        "templates": st.sampled_from(((), TEMPLATES)),
        "guests": st.lists(guests(), max_size=5).map(tuple),
        "areas": st.lists(areas(), max_size=3).map(tuple),
        "events": st.lists(events(), max_size=2).map(tuple),
        "queues": st.sampled_from(((), (Queue(name="q", area="shm", reader="rt", writers=("gp", "gone")),))),
        "networks": st.lists(networks(), max_size=2).map(tuple),
        "locks": st.sampled_from(((), (Lock(name="l", area="gone"),))),
        "autostart": st.builds(Autostart, active=st.booleans(), standalone=st.booleans()),
        "settings": settings(),
    }
    return st.fixed_dictionaries(fields | given).map(lambda values: Desired(**values))


def facts() -> st.SearchStrategy[Facts]:
    """What may be known of a host: each fact now and then not."""
    return st.builds(
        Facts,
        topology=st.none() | machines(),
        capabilities=st.sampled_from((None, Capabilities(), Capabilities(iommu=True))),
        machine=st.sampled_from((None, "x86_64", "aarch64")),
        memory_mib=st.sampled_from((None, 0, 1024, 65_536)),
        memory_free_mib=st.sampled_from((None, 1024)),
        simulated=st.sampled_from((None, True, False)),
        active=st.none() | desireds(),
        running=st.none() | st.frozensets(st.sampled_from(UUIDS), max_size=3),
        foreign=st.none() | st.dictionaries(st.sampled_from(UUIDS), st.sampled_from(NAMES), max_size=2),
        files=st.none()
        | st.dictionaries(
            st.sampled_from(("/disks/a.qcow2", "/disks/b.raw", "/other/c.iso", "/disks/base.qcow2")),
            st.builds(FileFact, exists=st.booleans(), virtual_mib=st.none() | st.integers(1, 4096)),
        ),
        management=st.sampled_from(
            (None, ManagementPath(frozenset({"eth0"}), frozenset({"0000:01:00.0"}), frozenset({"0000:02:00.0"})))
        ),
        foreign_disks=st.sampled_from((None, {}, {"/disks/a.qcow2": "theirs"})),
        disk_roots=st.sampled_from((None, (), ("/disks",))),
        share_roots=st.sampled_from((None, (), ("/srv",))),
        boot_roots=st.sampled_from((None, (), ("/boot",))),
        unsafe_interrupts=st.none() | st.booleans(),
        modified=st.sampled_from((None, (), ("guests.rt.override",))),
        remapped=st.sampled_from(({}, {"rt": ("7", "3"), "gone": ("5", "2")})),
    )
