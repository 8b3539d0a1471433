"""The System Manager's registries, in each shape they may have."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.formats.system_manager import load_images, load_templates
from guestwire.formats.xml_entries import entries
from guestwire.model.errors import GuestwireError
from guestwire.model.images import Image, Template

LINUX = Template(
    id="RtLinux_SMPAUTO", name="Real-time Linux", os_type="linux_SMPAUTO", image_type="linux_SMPAUTO", has_analyzer=True,
    auto_smp=True, files=("RtLinux", "Common/scripts"),
)  # fmt: skip
TEMPLATES = (
    LINUX,
    Template(id="Windows", os_type="windows", image_type="windows", kind="gp_comm", has_rt=False),
    Template(id="Other", os_type="other", image_type="other", kind="gp", has_rt=False, has_comm=False),
)
IMAGES = (
    Image(
        id="RtLinux", name="RT & <Linux>", os_type="linux", path="/hv/templates/RtLinux/vmlinuz", arch="x86_64",
        min_memory_mib=192, default_memory_mib=512, align_mib=4, shm_as_heap=True,
    ),
    Image(id="Rtos32", os_type="rtos32_SMPAUTO", path="/r.bin", base_address=0x04000000, arch="i686", auto_smp=True),
    Image(id="Disk", os_type="linux", path="/a.qcow2", format="qcow2"),
)  # fmt: skip

TEMPLATES_TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<OperatingSystems>
  <OperatingSystem Id="RtLinux_SMPAUTO" Name="Real-time Linux" Type="linux_SMPAUTO" SubFolders="RtLinux;Common/scripts"
    HasRtSupport="true" HasVmfAccess="true" HasRtAnalyzer="true" HasAutoSmpSupport="true"/>
  <OperatingSystem Id="Windows" Type="windows" SubFolders="" HasRtSupport="false" HasVmfAccess="true"/>
  <OperatingSystem Id="Other" Type="other" HasRtSupport="false" HasVmfAccess="false"/>
</OperatingSystems>
"""
TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<Images>
  <Image Id="RtLinux" Name="RT &amp; &lt;Linux&gt;" Type="linux" Path="/hv/templates/RtLinux/vmlinuz" Arch="64"
    MinSize="192M" DefaultSize="512M" Align="4M" ShmAsOsHeap="true"/>
  <Image Id="Rtos32" Name="" Type="rtos32_SMPAUTO" Path="/r.bin" Arch="32" ShmAsOsHeap="false" BaseAddr="0x04000000"/>
  <Image Id="Disk" Type="linux" Path="/a.qcow2"/>
</Images>
"""

SHAPES = [
    '<Os><Template Id="A" Type="linux" HasVmfAccess="true" SubFolders="x;y"/></Os>',
    "<Os><Template><Id>A</Id><Type>linux</Type><HasVmfAccess>TRUE</HasVmfAccess><SubFolders> x; y;</SubFolders></Template></Os>",
    '<a><b x="1"><c><d id="A"><TYPE value="linux"/><SubFolders Value="x;y"/></d></c></b></a>',
    '<?xml version="1.0" encoding="utf-16"?><!-- c --><T Id="A" Type="linux" SubFolders="x;y"/>',
    '<Os Id="wrapper" Type="none"><T Id="A" Type="linux"><SubFolders><![CDATA[x;y]]></SubFolders></T></Os>',
]


@pytest.mark.parametrize("text", SHAPES)
def test_a_template_is_read_in_any_wrapping(text):
    assert load_templates(text) == (Template(id="A", os_type="linux", image_type="linux", files=("x", "y")),)


def test_images_are_read():
    text = """<Images>
      <Image><Id>RtLinux</Id><Name>x</Name><Type>linux</Type><Path>RtLinux/vmlinuz</Path><Arch>64</Arch><MinSize>192M</MinSize>
      <DefaultSize>192 M</DefaultSize><Align>4MB</Align><ShmAsOsHeap>multiple</ShmAsOsHeap><BaseAddr>0x0C000000</BaseAddr></Image>
      <Image Id="B" Type="linux" Path="/b.img" MinSize="0" Align="0x100000"/></Images>"""
    assert load_images(text) == (
        Image(
            id="RtLinux", name="x", os_type="linux", path="/hv/templates/RtLinux/vmlinuz", min_memory_mib=192,
            default_memory_mib=192, align_mib=4, shm_as_heap=True, base_address=0x0C000000,
        ),
        Image(id="B", os_type="linux", path="/b.img", format="raw"),
    )  # fmt: skip
    assert load_images(text, "/srv/")[0].path == "/srv/RtLinux/vmlinuz"


def test_whole_registries_are_read():
    assert load_templates(TEMPLATES_TEXT) == TEMPLATES
    assert load_images(TEXT) == IMAGES


def issues(load, text: str) -> dict[str, str]:
    with pytest.raises(GuestwireError) as caught:
        load(text)
    assert caught.value.code == "DOCUMENT-INVALID"
    return {issue["path"]: issue["message"] for issue in caught.value.detail["issues"]}


def test_every_mistake_is_told():
    text = """<Images><Image Id="A" Path="/a" MinSize="192" Align="4K" ShmAsOsHeap="perhaps" BaseAddr="12" Arc="64"/>
      <Image Id="A B" Type="t" Path="/a"/><Image Id="C" Type="t"/><Image Id="D" Type="t" Path="/d" Align="0"/>
      <Image Id="D" Type="t" Path="/d"/></Images>"""
    found = issues(load_images, text)
    assert set(found) == {
        "A.MinSize", "A.Align", "A.ShmAsOsHeap", "A.BaseAddr", "A.arc", "A.Type", "A B.Id", "C.Path", "D.Align", "D.Id",
    }  # fmt: skip
    assert "192M" in found["A.MinSize"]
    assert found["A.Align"] == "4K is not a whole number of MiB"
    assert "did you mean arch?" in found["A.arc"]
    assert "HasRtSupport" in next(iter(issues(load_templates, '<a Id="A" Type="t" HasRtSupport="x"/>')))


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a Id="&b;" Type="x"/>'


@pytest.mark.parametrize("text", [
    "", "<a>", "<a/><b/>", "&", BOMB, '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', '<a Id="&b;"/>', "\ud800", "x" * (5 << 20), "<a>\x00</a>",
])  # fmt: skip
def test_what_is_no_plain_xml_is_refused(text):
    assert list(issues(load_images, text)) == [""]


@pytest.mark.parametrize("load", [load_templates, load_images])
@pytest.mark.parametrize("text", ["<os><x/></os>", "<Images/>", '<Images><Image Type="t" Path="/a"/></Images>'])
def test_a_text_without_an_entry_says_what_is_expected(load, text):
    (message,) = issues(load, text).values()
    for word in ("<OperatingSystem", "<Image", "Id", "HasRtSupport", "MinSize"):
        assert word in message


def test_a_deep_text_is_read():
    assert entries("<a>" * 50_000 + '<b Id="x"/>' + "</a>" * 50_000) == [{"id": "x"}]


@settings(max_examples=150)
@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.text(max_size=8) | st.sampled_from(["<", ">", '"', "&", "/"]))
def test_a_mutated_file_is_read_or_refused(start, length, inserted):
    with contextlib.suppress(GuestwireError):
        load_images(TEXT[:start] + inserted + TEXT[start + length :])
