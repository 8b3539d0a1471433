"""What a new definition takes over from the one that is there, beside addresses."""

from xml.etree.ElementTree import fromstring

import pytest

from guestwire.formats.domain_xml.carried import carried, first

FOLDER = "/var/nvram"


def domain(inside: str = "", name: str = "a", *, uefi: bool = False, machine: str = "q35", nvram: str = "") -> str:
    firmware = " firmware='efi'" if uefi else ""
    os = f"<os{firmware}><type arch='x86_64' machine='{machine}'>hvm</type>{nvram}</os>"
    return f"<domain><name>{name}</name><uuid>U</uuid>{os}{inside}</domain>"


def found(made: str, known: str, path: str, variables: str | None = FOLDER) -> list[str | None]:
    element, _, name = path.partition("@")
    carried_ = fromstring(carried(made, known, variables=variables))
    return [at.get(name) if name else at.text for at in carried_.findall(element.rstrip("/"))]


@pytest.mark.parametrize(
    ("machine", "before", "wanted"),
    [("q35", "pc-q35-7.2", "pc-q35-7.2"), ("pc", "pc-i440fx-7.2", "pc-i440fx-7.2"), ("q35", "pc-i440fx-7.2", "q35"),
     ("pc-q35-8.0", "pc-q35-7.2", "pc-q35-8.0"), ("q35", "", "q35")],
)  # fmt: skip
def test_the_machine_stays_the_one_that_libvirt_chose(machine: str, before: str, wanted: str) -> None:
    assert found(domain(machine=machine), domain(machine=before), "os/type/@machine") == [wanted]


def test_a_mac_that_libvirt_chose_stays() -> None:
    card = "<interface type='bridge'><source bridge='{0}'/>{1}</interface>"
    made = card.format("b", "<mac address='A'/>") + card.format("b", "") + card.format("c", "") + card.format("b", "")
    known = card.format("b", "<mac address='a'/>") + card.format("b", "<mac address='x'/>")
    known += card.format("c", "<mac address='y'/>")
    known = f"<devices>{known}</devices>"
    assert found(domain(f"<devices>{made}</devices>"), domain(known), "devices/interface/mac/@address") == [
        "A",
        "x",
        "y",
    ]


NVRAM = "<nvram template='/t'>/own/a.fd</nvram>"


@pytest.mark.parametrize(
    ("made", "known", "variables", "wanted"),
    [
        (domain(uefi=True), domain(uefi=True, nvram=NVRAM), FOLDER, ["/own/a.fd"]),
        (domain(uefi=True), domain(nvram=NVRAM), None, ["/own/a.fd"]),
        (domain(uefi=True, nvram="<nvram>/new</nvram>"), domain(nvram=NVRAM), FOLDER, ["/new"]),
        (domain(uefi=True), domain(uefi=True, name="old name"), FOLDER, ["/var/nvram/old name_VARS.fd"]),
        (domain(uefi=True), domain(uefi=True, name="o/ld"), FOLDER, []),
        (domain(uefi=True), domain(), FOLDER, ["/var/nvram/U_VARS.fd"]),
        (domain(uefi=True), domain(uefi=True), None, []),
        (domain(), domain(uefi=True, nvram=NVRAM), FOLDER, []),
    ],
)
def test_uefi_variables_stay_where_they_are(made: str, known: str, variables: str | None, wanted: list[str]) -> None:
    assert found(made, known, "os/nvram", variables) == wanted


def test_a_new_guest_has_variables_of_its_own() -> None:
    nvram = [
        fromstring(first(made, variables=folder)).findtext("os/nvram")
        for made, folder in (
            (domain(uefi=True), FOLDER),
            (domain(uefi=True), None),
            (domain(), FOLDER),
            (domain(uefi=True, nvram="<nvram>/n</nvram>"), FOLDER),
        )
    ]
    assert nvram == ["/var/nvram/U_VARS.fd", None, None, "/n"]


def test_passwords_of_displays_stay_unless_they_are_given() -> None:
    known = domain("<devices><graphics type='vnc' passwd='old' passwdValidTo='t'/><graphics type='spice'/></devices>")
    for made, wanted in (
        ("<graphics type='vnc'/>", ["old"]),
        ("<graphics type='vnc' passwd='new'/>", ["new"]),
        ("<graphics type='spice'/><graphics type='vnc'/><graphics type='vnc'/>", [None, "old", None]),
    ):
        assert found(domain(f"<devices>{made}</devices>"), known, "devices/graphics/@passwd") == wanted


def test_what_other_tools_keep_in_the_metadata_is_theirs() -> None:
    other = "<metadata><t:a xmlns:t='urn:t'>{0}</t:a>{1}</metadata>"
    ours = "<g:guest xmlns:g='urn:guestwire:domain:1'>{0}</g:guest>"
    for made in ("", other.format("old", ours.format("new"))):
        known = domain(other.format("now", ours.format("before")))
        assert found(domain(made), known, "metadata/{urn:t}a") == ["now"]
        assert found(domain(made), known, "metadata/{urn:guestwire:domain:1}guest") == (["new"] if made else [])
