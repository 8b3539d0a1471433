"""Overrides: add, replace and remove, one element at a time, and never another domain."""

from typing import Any
from xml.etree.ElementTree import fromstring, tostring

import pytest
from generated_guests import document
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.formats.domain_xml.names import QEMU_NAMESPACE
from guestwire.formats.domain_xml.patch import apply_overrides
from guestwire.formats.domain_xml.reader import from_xml
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, Nic, Override, Share

UUID = "0f7b5a8e-1111-4222-8333-444455556666"
DOMAIN = f"<domain><name>a</name><uuid>{UUID}</uuid><clock offset='utc'/><d><x i='1'/><x i='2'/></d></domain>"


def patched(*overrides: Override) -> str:
    domain = fromstring(DOMAIN)
    apply_overrides(domain, Guest(name="a", uuid=UUID, overrides=overrides))
    return tostring(domain, encoding="unicode")


def add(sel: str, xml: str) -> Override:
    return Override(op="add", sel=sel, xml=xml)


def replace(sel: str, xml: str) -> Override:
    return Override(op="replace", sel=sel, xml=xml)


def remove(sel: str) -> Override:
    return Override(op="remove", sel=sel)


X1, X2 = '<x i="1" />', '<x i="2" />'
Q = f'xmlns:qemu="{QEMU_NAMESPACE}"'


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        (add(".", "<e/>"), "</domain>", "<e /></domain>"),
        (add("d", "<e/><f>g</f>"), "</d>", "<e /><f>g</f></d>"),
        (add("d/x[2]", "<e/>"), X2, '<x i="2"><e /></x>'),
        (add("clock/@adjustment", "reset"), 'offset="utc"', 'offset="utc" adjustment="reset"'),
        (add("clock/@offset", "localtime"), "utc", "localtime"),
        (add("@type", "kvm"), "<domain>", '<domain type="kvm">'),
        (add(".", "<o:e xmlns:o='urn:o'/>"), "</domain>", "<ns0:e /></domain>"),
        (replace("d/x[@i='1']", "<y/>"), X1, "<y />"),
        (replace("clock/@offset", "<&>"), "utc", "&lt;&amp;&gt;"),
        (replace(".//x[2]", "<y/>"), X2, "<y />"),
        (remove("d/x[1]"), X1, ""),
        (remove("clock/@offset"), ' offset="utc"', ""),
        (remove("d"), f"<d>{X1}{X2}</d>", ""),
    ],
)
def test_an_override(override: Override, before: str, after: str) -> None:
    wanted = patched().replace(before, after)
    assert patched(override).replace(' xmlns:ns0="urn:o"', "") == wanted


@pytest.mark.parametrize(
    "override",
    [
        add("nowhere", "<e/>"),
        remove("d/x[@i='9']"),
        replace("nowhere/@a", "b"),
        remove("clock/@a"),
        replace("clock/@a", "b"),
    ],
)
def test_an_optional_one_is_passed_over_where_it_finds_nothing(override: Override) -> None:
    with pytest.raises(GuestwireError):
        patched(override)
    assert patched(override.model_copy(update={"optional": True})) == patched()


def test_an_optional_one_that_finds_several_or_cannot_be_read_is_a_mistake() -> None:
    for override in (remove("d/x"), add("d[", "<e/>"), add("d", "<e>")):
        with pytest.raises(GuestwireError):
            patched(override.model_copy(update={"optional": True}))


def test_the_handles_of_a_guests_own_devices_are_gone_when_it_is_done() -> None:
    guest = Guest(
        name="a",
        disks=(Disk(device="cdrom"), Disk(path="/d.qcow2"), Disk(device="cdrom")),
        nics=(Nic(mac="52:54:00:00:00:01"),),
        devices=("usb:0951:1666", "0000:03:00.0"),
        shares=(Share(path="/s", tag="t"),),
        cpuset="0-1",
        overrides=tuple(
            add(f"{path}/@{mark}", "found")
            for path, mark in (
                ("devices/disk[@guest='/d.qcow2']", "a"),
                ("devices/disk[@guest='cdrom 2']", "b"),
                ("devices/interface[@guest='52:54:00:00:00:01']", "c"),
                ("devices/hostdev[@guest='usb:0951:1666']", "d"),
                ("devices/hostdev[@guest='0000:03:00.0']", "e"),
                ("devices/filesystem[@guest='t']", "f"),
                ("cputune[@guest='gp 1 0-1']", "g"),
            )
        ),
    )
    made = fromstring(document(guest))
    assert [len(made.findall(f".//*[@{mark}='found']")) for mark in "abcdefg"] == [1] * 7
    assert made.find(".//*[@guest]") is None


def test_they_are_applied_in_order() -> None:
    assert "<e><f /></e>" in patched(add(".", "<e/>"), add("e", "<f/>"))


def test_qemus_namespace_may_be_used_by_its_prefix() -> None:
    text = patched(
        add(".", "<qemu:commandline><qemu:arg value='-a'/></qemu:commandline>"),
        add("qemu:commandline", "<qemu:arg value='-b'/>"),
        remove("qemu:commandline/qemu:arg[1]"),
    )
    assert '<qemu:commandline><qemu:arg value="-b" /></qemu:commandline>' in text
    assert Q in text


@pytest.mark.parametrize(
    "override",
    [
        add("nowhere", "<e/>"),
        add("d/x", "<e/>"),
        add("d", ""),
        add("d", "text"),
        add("d", "<e/>text"),
        add("d", "<e>"),
        add("d", "</piece><e/>"),
        add("d", "<!DOCTYPE a><e/>"),
        add("d", "<u:e/>"),
        add("d", "<e>\x00</e>"),
        add("d", "<e>" * 100 + "</e>" * 100),
        add("", "<e/>"),
        add("/domain", "<e/>"),
        add("d[", "<e/>"),
        add("u:d", "<e/>"),
        add("..", "<e/>"),
        add(".//*//*//*", "<e/>"),
        add("clock/@offset", "\x00"),
        add("nowhere/@a", "b"),
        replace(".", "<domain/>"),
        replace("d", "<e/><f/>"),
        replace("d", ""),
        replace("clock/@none", "a"),
        remove("."),
        remove("clock/@none"),
        remove("name"),
        remove("uuid"),
        replace("name", "<name>b</name>"),
        replace("uuid", "<uuid>0f7b5a8e-1111-4222-8333-000000000000</uuid>"),
        add(".", "<uuid>0f7b5a8e-1111-4222-8333-000000000000</uuid>"),
        add("name", "<b/>"),
    ],
)
def test_one_that_does_not_fit_is_refused_with_its_place(override: Override) -> None:
    with pytest.raises(GuestwireError) as caught:
        patched(add("clock", "<timer name='hpet' present='no'/>"), override)
    assert (caught.value.code, caught.value.field) == ("DOCUMENT-INVALID", "guests.a.overrides[1]")


def test_many_small_ones_make_no_deep_one() -> None:
    nested = Override(op="add", xml="<e>" * 60 + "</e>" * 60)
    with pytest.raises(GuestwireError) as caught:
        patched(nested, nested.model_copy(update={"sel": "e" + "/e" * 59}))
    assert caught.value.field == "guests.a.overrides[1]"


def test_an_override_may_take_the_metadata_and_ours_comes_back() -> None:
    for override in (remove("metadata"), add("metadata", "<o:e xmlns:o='urn:o'/>")):
        guest = Guest(name="a", id="GUEST0001", uuid=UUID, overrides=(override,))
        assert from_xml(document(guest)) == guest


paths = st.one_of(
    st.text(max_size=12),
    st.lists(
        st.sampled_from(("d", "x", "/", "//", "..", ".", "[", "]", "@", "i", "'1'", "=", "*", "1", "-1", "last()", "qemu:", "{", "}")),
        max_size=8,
    ).map("".join),
)  # fmt: skip
pieces = st.one_of(
    st.text(max_size=12),
    st.lists(st.sampled_from(("<e>", "</e>", "<e/>", " ", "&lt;", "&x;", "<!--", "-->", "<![CDATA[", "]]>", "<?p?>", "a='1'")),
             max_size=6).map("".join),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.builds(Override, op=st.sampled_from(("add", "replace", "remove")), sel=paths, xml=pieces), max_size=3)
)
def test_whatever_is_written_the_document_stays_one_or_is_refused(overrides: list[Override]) -> None:
    try:
        text = patched(*overrides)
    except GuestwireError as err:
        refused: Any = err
        assert refused.code == "DOCUMENT-INVALID"
    else:
        assert fromstring(text).findtext("uuid") == UUID
