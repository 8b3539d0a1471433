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
from guestwire.model.guest import Guest, Override

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
