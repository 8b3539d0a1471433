"""A domain from a file: what is no value is named, and all that libvirt writes is one."""

import pytest
from chosen_guests import CHOSEN
from foreign_domains import FOREIGN, foreign
from generated_guests import document

from guestwire.formats.domain_xml.values import check_values
from guestwire.model.errors import GuestwireError


def wrong(inside: str, name: str = "<name>a</name>") -> list[str]:
    with pytest.raises(GuestwireError) as caught:
        check_values(f"<domain>{name}{inside}</domain>")
    assert caught.value.code == "DOCUMENT-INVALID"
    return [issue["path"] for issue in caught.value.detail["issues"]]


@pytest.mark.parametrize(
    ("inside", "places"),
    [
        ('<memory unit="MiB">-5</memory><vcpu>abc</vcpu><uuid>zzz</uuid>', ["uuid", "memory", "vcpu"]),
        ('<memory unit="parsec">5</memory>', ["memory/@unit"]),
        ("<memory>0</memory>", ["memory"]),
        ("<memory/>", ["memory"]),
        ("<currentMemory>x</currentMemory>", ["currentMemory"]),
        ('<vcpu current="0" cpuset="1-">2</vcpu>', ["vcpu/@current", "vcpu/@cpuset"]),
        ('<cpu><topology sockets="1" cores="x" threads="-1"/></cpu>', ["cpu/topology/@cores", "cpu/topology/@threads"]),
        ('<cputune><vcpupin vcpu="a" cpuset="b"/></cputune>', ["cputune/vcpupin/@vcpu", "cputune/vcpupin/@cpuset"]),
        ('<numatune><memory nodeset="x"/></numatune>', ["numatune/memory/@nodeset"]),
        ('<devices><interface><mac address="x"/></interface></devices>', ["devices/interface/mac/@address"]),
    ],
)
def test_each_place_with_a_value_that_is_none_is_named(inside: str, places: list[str]) -> None:
    assert wrong(inside) == places


def test_a_domain_has_a_name() -> None:
    assert wrong("", "") == wrong("", "<name> </name>") == ["name"]


def test_what_libvirt_and_we_write_has_values() -> None:
    for name in FOREIGN:
        check_values(foreign(name))
    for guest in CHOSEN.values():
        check_values(document(guest, "kvm"))
    check_values("<domain><name>a</name><memory> 1 </memory><uuid>0F7B5A8E11114222833344445555666F</uuid></domain>")
    check_values("no XML: the reader says so")
