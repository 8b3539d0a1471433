import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import values

from guestwire.formats.templates_toml import Registry, dump, load
from guestwire.model.errors import GuestwireError
from guestwire.model.images import Image, Template

TEXT = """\
[[template]]
id = "RtLinux"
os_type = "linux"
image_type = "linux"
files = ["scripts"]

[[image]]
id = "RtLinux"
os_type = "linux"
path = "/k"
base_address = 0x04000000
"""
REGISTRY = Registry(
    (Template(id="RtLinux", os_type="linux", image_type="linux", files=("scripts",)),),
    (Image(id="RtLinux", os_type="linux", path="/k", base_address=0x04000000),),
)


def test_a_registry_is_read_and_written():
    assert load(TEXT) == REGISTRY
    assert dump(REGISTRY) == TEXT.replace("0x04000000", "67108864")
    assert load("") == Registry()


def test_every_mistake_is_told():
    text = f"{TEXT}{TEXT}\n[[image]]\nid = 'B'\npth = '/b'\n[[image]]\n[[templat]]\n"
    with pytest.raises(GuestwireError) as caught:
        load(text)
    assert caught.value.code == "DOCUMENT-INVALID"
    assert {issue["path"] for issue in caught.value.detail["issues"]} == {
        "template.RtLinux.id", "image.RtLinux.id", "image.B.pth", "image.B.os_type", "image.B.path", "image.3.id",
        "image.3.os_type", "image.3.path", "templat",
    }  # fmt: skip


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.lists(values(Template), max_size=3, unique_by=lambda entry: entry.id),
    st.lists(values(Image), max_size=3, unique_by=lambda entry: entry.id),
)
def test_a_written_registry_is_read_as_it_was(templates, images):
    registry = Registry(tuple(templates), tuple(images))
    assert load(dump(registry)) == registry


@settings(max_examples=100)
@given(st.integers(0, len(TEXT)), st.integers(0, 20), st.text(max_size=8) | st.sampled_from(['"', "[", "]", "=", "1"]))
def test_a_mutated_file_is_read_or_refused(start, length, inserted):
    with contextlib.suppress(GuestwireError):
        load(TEXT[:start] + inserted + TEXT[start + length :])
