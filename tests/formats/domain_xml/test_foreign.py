"""The overrides of a foreign domain: they give way where the guest is edited, and say what they cannot keep."""

from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from foreign_domains import FOREIGN, foreign
from generated_guests import MACHINE

from guestwire.formats.domain_xml.adoption import not_adoptable
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.reader import from_xml
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.guest import Disk, Guest, Nic, Override
from guestwire.model.pinning import pinning


def made(guest: Guest, **changes: Any) -> Element:
    """What a definition of the guest makes after it was edited."""
    edited = guest.model_copy(update=changes)
    return fromstring(to_xml(edited, choices(edited, "qemu", pinning(edited, MACHINE))))


def values(domain: Element, path: str, name: str) -> list[str | None]:
    return [element.get(name) for element in domain.findall(path)]


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_of_a_domain_is_lost(name: str) -> None:
    assert not_adoptable(foreign(name)) == ()


@pytest.mark.parametrize("name", FOREIGN)
def test_overrides_survive_every_edit_of_the_guest(name: str) -> None:
    """None of them makes a definition fail because what it changes is gone."""
    guest = from_xml(foreign(name))
    for changes in (
        {"disks": ()},
        {"nics": (), "devices": (), "shares": ()},
        {"nics": (Nic(bridge="b"), *guest.nics), "disks": (Disk(device="cdrom"), Disk(path="/n.qcow2"), *guest.disks)},
        {"memory_mib": 77, "vcpus": 3, "cpuset": "5", "numatune": "1", "topology": (1, 3, 1)},
        {"kind": "rt", "cpuset": "5-9", "hide_kvm": not guest.hide_kvm, "hugepages_mib": 2, "lock_memory": True},
        {"boot": None, "firmware": "uefi", "os_type": "windows11", "persistence": "persistent", "arch": "x86_64"},
    ):
        domain = made(guest, **changes)
        for tag in (
            "memory",
            "vcpu",
            "cputune",
            "numatune",
            "memoryBacking",
            "os",
            "cpu",
            "features/kvm",
            "features/pmu",
        ):
            assert len(domain.findall(tag)) <= 1, (name, tag)


def test_what_the_guest_says_of_memory_and_threads_holds_once_it_is_edited() -> None:
    guest = from_xml(foreign("realtime"))
    same = made(guest)
    assert values(same, "cputune/vcpupin", "cpuset") == ["2", "3"]
    assert values(same, "cputune/vcpusched", "priority") == ["95"]
    assert same.find("cputune/iothreadpin") is not None
    for changes, pins in (({"cpuset": "8-10"}, ["8", "9"]), ({"cpuset": "8-10", "vcpus": 1}, ["8"])):
        edited = made(guest, **changes)
        assert values(edited, "cputune/vcpupin", "cpuset") == pins
        assert values(edited, "cputune/vcpusched", "priority") == ["1"]
        assert values(edited, "cputune/iothreadpin", "cpuset") == ["4"]
    ubuntu = from_xml(foreign("ubuntu"))
    assert (made(ubuntu).findtext("vcpu"), values(made(ubuntu), "vcpu", "current")) == ("4", ["2"])
    assert (made(ubuntu, vcpus=3).findtext("vcpu"), values(made(ubuntu, vcpus=3), "vcpu", "current")) == ("3", [None])
    windows = from_xml(foreign("windows10"))
    assert made(windows).findtext("currentMemory") == "4194304"
    edited = made(windows, memory_mib=2048)
    assert (edited.findtext("memory"), edited.find("currentMemory")) == ("2048", None)
    web = from_xml(foreign("cockpit"))
    assert made(web).findtext("memory") == "1049700"
    assert made(web, memory_mib=2048).findtext("memory") == "2048"


def test_memory_that_is_bound_does_not_bind_threads() -> None:
    guest = from_xml(small("<numatune><memory mode='strict' nodeset='1'/></numatune><vcpu>2</vcpu>"))
    assert guest.numatune == "1"
    assert made(guest).find("cputune") is None
    assert values(made(guest, cpuset="8-9"), "cputune/vcpupin", "cpuset") == ["8-9", "8-9"]


def test_room_for_more_vcpus_goes_when_there_are_others() -> None:
    topology = "<cpu><topology sockets='1' cores='4' threads='1'/></cpu>"
    guest = from_xml(small(f"<vcpu current='2'>4</vcpu>{topology}"))
    assert (guest.vcpus, guest.topology) == (2, "auto")
    assert (made(guest).findtext("vcpu"), values(made(guest), "cpu/topology", "cores")) == ("4", ["4"])
    edited = made(guest, vcpus=3)
    assert (edited.findtext("vcpu"), values(edited, "cpu/topology", "cores")) == ("3", ["3"])


def test_what_belongs_to_a_device_follows_it() -> None:
    guest = from_xml(foreign("windows10"))
    system, installer, empty = guest.disks
    assert guest.os_type == "windows10"
    swapped = made(guest, disks=(installer.model_copy(update={"path": "/iso/other.iso"}), system, empty))
    found = {disk.get("device"): disk for disk in swapped.findall("devices/disk")[:2]}
    assert values(found["cdrom"], "boot", "order") == ["2"], "a drive keeps what it had, whatever is in it"
    assert values(found["disk"], "boot", "order") == ["1"]
    assert values(found["disk"], "driver", "discard") == ["unmap"]
    assert values(made(guest, disks=(system,)), "devices/disk/boot", "order") == ["1"]
    assert made(guest, disks=(system,)).find("os/boot") is None, "libvirt takes no boot devices beside boot orders"
    web = from_xml(foreign("cockpit"))
    moved = made(web, nics=(web.nics[0].model_copy(update={"bridge": "br7"}), Nic(bridge="br0")))
    cards = moved.findall("devices/interface")
    assert [values(card, "source", "bridge") for card in cards] == [["br7"], ["br0"]]
    assert [values(card, "vlan/tag", "id") for card in cards] == [["42"], []]


def test_a_model_of_a_card_that_is_edited_holds() -> None:
    guest = from_xml(foreign("i440fx"))
    assert values(made(guest), "devices/interface/model", "type") == ["e1000"]
    edited = made(guest, nics=(guest.nics[0].model_copy(update={"model": "virtio"}),))
    assert values(edited, "devices/interface/model", "type") == ["virtio"]


def test_a_card_of_the_host_stays_the_interface_it_was_and_goes_with_the_device() -> None:
    guest = from_xml(foreign("storage"))
    assert "0000:05:10.1" in guest.devices
    assert values(made(guest), "devices/interface[@type='hostdev']/mac", "address") == ["52:54:00:de:ad:01"]
    assert made(guest, devices=()).find("devices/interface[@type='hostdev']") is None


def test_type_and_machine_are_kept_whatever_the_host_would_choose() -> None:
    for name, kind, machine in (("i440fx", "qemu", "pc"), ("ubuntu", "kvm", "q35")):
        domain = made(from_xml(foreign(name)))
        assert (domain.get("type"), values(domain, "os/type", "machine")) == (kind, [machine])


def test_a_hypervisor_that_an_override_names_gets_what_suits_it() -> None:
    guest = Guest(name="a", overrides=(Override(op="replace", sel="@type", xml="kvm"),))
    assert choices(guest, "qemu").cpu_mode == "host-passthrough"
    assert choices(guest.model_copy(update={"overrides": ()}), "qemu").cpu_mode is None


def test_no_password_is_in_the_overrides() -> None:
    text = foreign("windows10").replace('<graphics type="spice"', '<graphics type="spice" passwd="*****"')
    assert "passwd" not in str(from_xml(text).overrides)
    assert not_adoptable(text) == ()


def small(inside: str) -> str:
    return f"""<domain type='kvm'><name>a</name><memory>65536</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
    {inside}</domain>"""


QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


@pytest.mark.parametrize(
    ("inside", "parts"),
    [
        ("<devices/>", ()),
        (f"<devices><emulator>/{'x' * 20_000}</emulator></devices>", ("devices/emulator",)),
        (
            f"<q:commandline xmlns:q='{QEMU[1:-1]}'><q:arg value='{'x' * 20_000}'/></q:commandline>",
            (f"{QEMU}commandline",),
        ),
        (
            """<devices><disk type='network' device='disk'><source protocol='https' name='/a'><host name='h'/><cookies>
            <cookie name='a'>***</cookie></cookies></source><target dev='vda'/></disk></devices>""",
            ("devices/disk/source/cookies",),
        ),
    ],
)
def test_what_cannot_be_kept_is_named(inside: str, parts: tuple[str, ...]) -> None:
    assert not_adoptable(small(inside)) == parts


def test_more_than_a_guest_has_room_for_is_refused() -> None:
    disks = "".join(
        f"<disk type='file' device='disk' {' '.join(f'a{n}={chr(34)}{chr(34)}' for n in range(40))}>"
        f"<source file='/d{number}'/><target dev='vd{chr(97 + number)}'/></disk>"
        for number in range(16)
    )
    text = small(f"<devices>{disks}</devices>")
    assert from_xml(text).overrides == ()
    assert "devices/disk" in not_adoptable(text)


@pytest.mark.parametrize("path", ["/a'b\"c.qcow2", "/" + "x" * 4000, "/a]b/..[c", "/ü&<.qcow2"])
def test_any_path_of_a_disk_will_do(path: str) -> None:
    quoted = path.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = small(
        f'<devices><disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="none"/><source file="{quoted}"/>'
        '<target dev="sdc" bus="scsi"/></disk></devices>'
    )
    assert from_xml(text).disks == (Disk(path=path),)
    assert not_adoptable(text) == ()


def test_only_a_domain_whose_writes_are_all_forgotten_is_ephemeral() -> None:
    disk = "<disk type='file'><source file='/{0}'/><target dev='vd{0}'/>{1}</disk>"
    some = small(f"<devices>{disk.format('a', '<transient/>')}{disk.format('b', '')}</devices>")
    every = some.replace("<target dev='vdb'/>", "<target dev='vdb'/><transient/>")
    assert [from_xml(text).persistence for text in (some, every)] == ["persistent", "ephemeral"]
    assert not_adoptable(some) == not_adoptable(every) == ()
