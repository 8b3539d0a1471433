"""The memory of guests that a document gives none."""

import pytest

from guestwire.formats import project_edits, project_toml
from guestwire.formats.image_memory import with_memory
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.images import Image

IMAGES = {
    "big": {"default_memory_mib": 1024},
    "silent": {},
    "tiny": {"default_memory_mib": 8},
    "wrong": {"default_memory_mib": "1"},
}


@pytest.mark.parametrize(
    ("guest", "memory"),
    [
        ({"image": "big"}, 1024),
        ({"image": "big", "memory_mib": 256}, 256),
        ({"image": "silent"}, None),
        ({"image": "tiny"}, None),
        ({"image": "wrong"}, None),
        ({"image": "gone"}, None),
        ({"image": True}, None),
        ({"image": []}, None),
        ({}, None),
    ],
)
def test_a_guest_has_the_memory_of_its_image(guest: dict[str, object], memory: int | None) -> None:
    assert with_memory(guest, IMAGES).get("memory_mib") == memory
    assert with_memory(guest, None).get("memory_mib") == guest.get("memory_mib")


def document(guest: str) -> str:
    image = '[hosts.h.images.rt]\nos_type = "linux"\npath = "/i"\ndefault_memory_mib = 256\n'
    return f"schema = 1\n[hosts.h.guests.a]\n{guest}\n{image}"


def memory(text: str) -> int:
    return project_toml.load(text).hosts["h"].guests[0].memory_mib


def test_a_document_says_it_or_leaves_it_to_the_image() -> None:
    assert memory(document('image = "rt"')) == 256
    assert memory(document('image = "rt"\nmemory_mib = 512')) == 512
    assert memory(document("")) == 512


@pytest.mark.parametrize("size", [128, 256, 512])
@pytest.mark.parametrize("image", [None, "rt"])
@pytest.mark.parametrize("default", [0, 8, 256])
def test_what_is_written_is_read_as_the_same(size: int, image: str | None, default: int) -> None:
    images = (Image(id="rt", os_type="linux", path="/i", default_memory_mib=default),)
    project = Project(hosts={"h": Desired(images=images, guests=(Guest(name="a", image=image, memory_mib=size),))})
    assert project_toml.load(project_toml.dump(project)) == project


def test_a_guest_that_gets_an_image_later_keeps_what_it_had() -> None:
    text = project_toml.dump(project_toml.load(document("")))
    assert memory(project_edits.edit(text, "h", ["guest.a.image=rt"])) == 512
    assert memory(project_edits.edit(document('image = "rt"\nmemory_mib = 64'), "h", ["guest.a.memory_mib-"])) == 256


def test_mistakes_are_told_as_without_it() -> None:
    with pytest.raises(GuestwireError) as caught:
        project_toml.load(document("image = 3"))
    assert [issue["path"] for issue in caught.value.detail["issues"]] == ["hosts.h.guests.a.image"]
