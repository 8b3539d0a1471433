"""Guests worth looking at one by one, and their domains as files: `python chosen_guests.py` writes golden/ anew."""

from collections.abc import Mapping
from pathlib import Path

from generated_guests import document

from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override, PortForward, ReadyWhen, Share

GOLDEN = Path(__file__).parent / "golden"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def _guest(number: int, name: str, **changes: object) -> Guest:
    uuid = f"6f7b5a8e-0000-4000-8000-{number:012d}"
    return Guest.model_validate({"name": name, "id": f"GUEST{number:04d}", "uuid": uuid, **changes})


CHOSEN: Mapping[str, Guest] = {
    "rt": _guest(1, "plc", kind="rt", vcpus=2, cpuset="c8-c9", memory_mib=1024, rtos_id=0, heap_mib=16,
                 ready_when=ReadyWhen(by="console_text", text="up"), comments="the cell's controller"),
    "gp": _guest(2, "hmi", vcpus=4, cpuset="d0", memory_mib=4096, title="Operator panel", description="in the cabinet\ndoor",
                 disks=(Disk(device="cdrom", path="/iso/debian.iso"), Disk(path="/srv/hmi.qcow2", size_mib=51200),
                        Disk(path="/dev/vg/data", format="raw"), Disk(device="cdrom"),
                        Disk(path="/srv/shared.img", format="raw", shareable=True),
                        Disk(path="/srv/base.qcow2", read_only=True)),
                 nics=(Nic(bridge="br0", mac="52:54:00:00:00:01"), Nic(network="cell", mac="52:54:00:00:00:02", model="e1000e"),
                       Nic(mac="52:54:00:00:00:03", model="rtl8139"))),
    "uefi": _guest(3, "office", os_type="windows11", firmware="uefi", vcpus=4, topology=(1, 2, 2), hide_kvm=True,
                   disks=(Disk(path="/srv/office.qcow2"), Disk(path="/srv/tools.qcow2", read_only=True)),
                   autostart="console", numatune="0"),
    "boot": _guest(4, "tiny", memory_mib=192, boot=DirectBoot(kernel="/srv/vmlinuz", initrd="/srv/initrd",
                                                             cmdline='console=ttyS0 a="<&>"')),
    "overrides": _guest(5, "odd", overrides=(
        Override(op="add", xml="<memtune><hard_limit unit='GiB'>2</hard_limit></memtune>"),
        Override(op="add", sel="devices", xml="<watchdog model='i6300esb' action='reset'/><rng model='virtio'>"
                 "<backend model='random'>/dev/urandom</backend></rng>"),
        Override(op="replace", sel="clock/@offset", xml="localtime"),
        Override(op="remove", sel="devices/panic"),
        Override(op="add", xml="<qemu:commandline><qemu:arg value='-no-hpet'/></qemu:commandline>"),
        Override(op="add", sel="qemu:commandline", xml="<qemu:env name='A' value='1'/>"))),
    "devices": _guest(6, "io", devices=("0000:03:00.0", "usb:0951:1666"), shares=(
        Share(path="/srv/in", tag="in"), Share(path="/srv/out", tag="out", read_only=False)),
        hugepages_mib=2, lock_memory=True, persistence="ephemeral", disks=(Disk(path="/srv/io.qcow2"),)),
    "threads": _guest(7, "wide", vcpus=8, topology=(2, 2, 2), cpuset="~n0"),
    "nodes": _guest(8, "near", numatune="0,2-3", vcpus=3),
    "text": _guest(9, "text", title=" <&'\"> ", description="\x00a\r\n\tb\x7f\x85 ü \U0001f600 ", comments="\x00\x1b",
                   disks=(Disk(path="/srv/a & 'b' \"c\" <d>.qcow2"),)),
    "comm": _guest(10, "both", kind="gp_comm", gpos_id=1, rtos_id=1, services=("log",), tags=("edge",), cpuset="0-3",
                   numatune=""),
    "drives": _guest(11, "drives", disks=tuple(Disk(path=f"/srv/{n}.qcow2") for n in range(28))),
    "system-manager": _guest(12, "sm", kind="rt", cpuset="40", os_type="rtos-32", lock_memory=False),
    "forwards": _guest(13, "web", nics=(Nic(bridge="br0", mac="52:54:00:00:00:04"), Nic(mac="52:54:00:00:00:05")),
                       port_forwards=(PortForward(host_port=2222, guest_port=22),
                                      PortForward(protocol="udp", host_port=53, guest_port=5353))),
    "console": _guest(14, "panel", autostart="console", kind="gp_comm"),
    "own-screen": _guest(15, "kiosk", autostart="console", overrides=(
        Override(op="add", sel="devices", xml="<graphics type='vnc' port='-1'/><video><model type='virtio'/></video>"),)),
    "joined": _guest(16, "cell", kind="gp_comm", devices=("0000:03:00.0",), nics=(
        Nic(network="cell"), Nic(network="cell", mac="52:54:00:00:00:06", model="e1000e"), Nic(network="hypervisor's"),
        Nic(bridge="br0", mac="52:54:00:00:00:07")), overrides=(
        Override(op="add", xml="<qemu:commandline><qemu:arg value='-no-hpet'/></qemu:commandline>"),)),
}  # fmt: skip

FILES: Mapping[str, tuple[str, str]] = {
    "rt-kvm": ("rt", "kvm"),
    "rt-qemu": ("rt", "qemu"),
    "gp-kvm": ("gp", "kvm"),
    "uefi-kvm": ("uefi", "kvm"),
    "boot-qemu": ("boot", "qemu"),
    "overrides-qemu": ("overrides", "qemu"),
    "devices-kvm": ("devices", "kvm"),
    "forwards-kvm": ("forwards", "kvm"),
    "console-qemu": ("console", "qemu"),
    "joined-qemu": ("joined", "qemu"),
    "joined-rt-kvm": ("rt", "kvm"),
}
JOINED = frozenset({"joined-qemu", "joined-rt-kvm"})
"""Files of guests that take part in the communication."""


def file_text(file: str) -> str:
    guest, kind = FILES[file]
    return document(CHOSEN[guest], kind, comm=file in JOINED)


if __name__ == "__main__":
    for file in FILES:
        (GOLDEN / f"{file}.xml").write_text(file_text(file), encoding="utf-8")
