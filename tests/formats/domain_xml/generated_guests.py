"""Guests of every shape that the rules let through, as hypothesis makes them."""

from typing import Any

from hypothesis import strategies as st

from guestwire.formats.domain_xml.choices import Wiring
from guestwire.formats.domain_xml.communication import comm_devices
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override, PortForward, ReadyWhen, Share
from guestwire.model.pinning import pinning
from guestwire.model.topology import Cpu, Topology

MACHINE = Topology(
    fingerprint="",
    cpus=tuple(
        Cpu(id=cpu, core=cpu % 32, node=cpu % 32 // 8, package=cpu % 32 // 16, die=cpu % 32 // 16) for cpu in range(64)
    ),
)
"""64 threads of 32 cores on 4 nodes."""

printable = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), max_size=12)
anything = st.text(st.characters(blacklist_categories=["Cs"]), max_size=16)
names = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)
tags = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
macs = st.integers(0, 0xFFFFFF).map(lambda n: f"52:54:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
BLOCK = "/dev/mapper/vg-lv"


def paths(start: str = "/boot/k") -> st.SearchStrategy[str]:
    return printable.map(lambda text: start + text)


disks = st.one_of(
    st.builds(Disk, path=paths("/srv/d"), format=st.sampled_from(("qcow2", "raw")), read_only=st.booleans(),
              size_mib=st.one_of(st.none(), st.integers(1, 1 << 20)), clone_of=st.one_of(st.none(), paths())),
    st.builds(Disk, path=paths("/srv/d"), format=st.just("raw"), shareable=st.booleans()),
    st.builds(Disk, path=st.just(BLOCK), format=st.just("raw")),
    st.builds(Disk, path=st.one_of(st.none(), paths("/iso/i")), device=st.just("cdrom"), read_only=st.booleans()),
)  # fmt: skip
nics = st.one_of(
    st.builds(
        Nic, network=tags, mac=st.one_of(st.none(), macs), model=st.sampled_from(("virtio", "e1000e", "rtl8139"))
    ),
    st.builds(Nic, bridge=tags, mac=macs),
    st.builds(Nic, mac=st.one_of(st.none(), macs)),
)
devices = st.one_of(
    st.from_regex(r"0000:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", fullmatch=True),
    st.from_regex(r"usb:[0-9a-f]{3}[1-9a-f]:[0-9a-f]{4}", fullmatch=True),
)
ready = st.one_of(
    st.builds(ReadyWhen, by=st.sampled_from(("guest_agent", "never")), within_s=st.integers(1, 3600)),
    st.builds(ReadyWhen, by=st.just("console_text"), text=anything.filter(bool)),
)
boots = st.builds(DirectBoot, kernel=paths(), initrd=st.one_of(st.none(), paths()), cmdline=printable)
overrides = st.sampled_from(
    (
        Override(op="add", sel="devices", xml="<watchdog model='i6300esb' action='reset'/>"),
        Override(op="add", xml="<memtune><hard_limit unit='GiB'>64</hard_limit></memtune>"),
        Override(op="replace", sel="clock/@offset", xml="localtime"),
        Override(op="replace", sel="memory", xml="<memory unit='GiB'>3</memory>"),
        Override(op="remove", sel="devices/channel"),
        Override(op="add", xml="<qemu:commandline><qemu:arg value='-no-hpet'/></qemu:commandline>"),
        Override(op="add", sel="devices", xml="<interface type='user'><model type='virtio'/></interface>"),
    )
)
shapes = st.one_of(
    st.integers(1, 16).map(lambda vcpus: {"vcpus": vcpus}),
    st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 2)).map(
        lambda sct: {"vcpus": sct[0] * sct[1] * sct[2], "topology": sct}
    ),
)


@st.composite
def guests(draw: Any, *, port_forwards: bool = True) -> Guest:
    """A settled guest. `port_forwards`: some have them, which libvirt without passt does not take."""
    cards = draw(st.lists(nics, max_size=4, unique_by=lambda nic: nic.mac or id(nic)))
    forwards = ()
    if port_forwards and any(card.network is card.bridge is None for card in cards):
        ports = st.builds(PortForward, protocol=st.sampled_from(("tcp", "udp")), host_port=st.integers(1, 65535),
                          guest_port=st.integers(1, 65535))  # fmt: skip
        forwards = tuple(draw(st.lists(ports, max_size=3, unique_by=lambda port: (port.protocol, port.host_port))))
    drives = tuple(draw(st.lists(disks, max_size=6)))
    kept = any(disk.path == BLOCK for disk in drives)  # what is written to a block device cannot be forgotten
    return Guest(
        name=draw(names),
        id=draw(st.from_regex(r"GUEST[0-9]{4}", fullmatch=True)),
        uuid=str(draw(st.uuids(version=4))),
        kind=draw(st.sampled_from(("rt", "gp_comm", "gp"))),
        os_type=draw(st.one_of(st.sampled_from(("linux", "windows11")), printable)),
        title=draw(printable),
        description=draw(anything),
        comments=draw(anything),
        tags=draw(st.sampled_from(((), ("edge",)))),
        image=draw(st.one_of(st.none(), printable)),
        arch=draw(st.sampled_from((None, "x86_64"))),
        **draw(shapes),
        memory_mib=draw(st.integers(16, 1 << 20)),
        heap_mib=draw(st.integers(0, 64)),
        hugepages_mib=draw(st.sampled_from((0, 2, 1024))),
        lock_memory=draw(st.sampled_from(("auto", True, False))),
        cpuset=draw(st.sampled_from((None, "0-3", "~n0", "c1-c3,40", "0", "d0", "p0", "~0-63"))),
        numatune=draw(st.sampled_from(("auto", "", "0", "0,2-3"))),
        hide_kvm=draw(st.booleans()),
        firmware=draw(st.sampled_from(("bios", "uefi"))),
        disks=drives,
        boot=draw(st.one_of(st.none(), boots)),
        nics=tuple(cards),
        devices=tuple(draw(st.lists(devices, max_size=3, unique=True))),
        port_forwards=forwards,
        shares=tuple(draw(st.lists(st.builds(Share, path=paths("/srv/d"), tag=tags, read_only=st.booleans()), max_size=2,
                                   unique_by=lambda share: share.tag))),
        comm_enabled=draw(st.booleans()),
        rtos_id=draw(st.one_of(st.none(), st.integers(0, 4))),
        gpos_id=draw(st.one_of(st.none(), st.integers(1, 9))),
        services=draw(st.sampled_from(((), ("log", "ping")))),
        ready_when=draw(ready),
        autostart=draw(st.sampled_from(("off", "headless", "console"))),
        order=draw(st.integers(0, 9999)),
        disabled=draw(st.booleans()),
        persistence="persistent" if kept else draw(st.sampled_from(("persistent", "ephemeral"))),
        overrides=tuple(draw(st.lists(overrides, max_size=2, unique=True))),
    )  # fmt: skip


def document(guest: Guest, kind: Any = "qemu", machine: Topology = MACHINE, *, comm: bool = False) -> str:
    """The guest's domain as it would be on that machine. `comm`: with what it needs for communication, on a host where the
    names of all networks with an even number of letters are the project's."""
    wanted, wiring = None, None
    if comm:
        names = {nic.network for nic in guest.nics if nic.network and len(nic.network) % 2 == 0}
        wanted = comm_devices(guest, "/run/guestwire-comm")
        wiring = Wiring("site/host", {name: f"gw-{sum(name.encode()):x}" for name in names})
    made = choices(guest, kind, pinning(guest, machine), comm=wanted, wiring=wiring)
    return to_xml(guest, made, "" if wiring is None else wiring.host)
