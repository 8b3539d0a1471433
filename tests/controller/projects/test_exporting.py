"""Configurations in the formats of other tools."""

import pytest

from guestwire.controller.projects.exporting import exported
from guestwire.formats import examples, project_toml
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.sdk import interchange

EXAMPLE = examples.open_example("ubuntu_rtlinux", "h1").hosts["h1"]
TOPOLOGY = MACHINES["4-core"].topology


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("guestwire", ["h1.toml"]),
        ("kvmrt", ["kvmrt.cfg"]),
        ("templates", ["templates.toml"]),
        ("libvirt", [f"{guest.name}.xml" for guest in EXAMPLE.guests]),
    ],
)
def test_each_format_has_its_files_and_is_read_again(form, files):
    made = exported(form, EXAMPLE, "h1", Desired(), TOPOLOGY)
    assert [one.name for one in made.files] == files
    taken = interchange.taken(form, [one.text for one in made.files], Desired(), "h1")
    if form == "guestwire":
        assert taken == EXAMPLE
    elif form == "templates":
        assert (taken.images, taken.templates) == (EXAMPLE.images, EXAMPLE.templates)
    else:
        assert [guest.name for guest in taken.guests] == [guest.name for guest in EXAMPLE.guests]


def test_a_project_file_that_is_there_is_given_as_it_is():
    text = examples.example_text("rt-linux", "h1")
    made = exported("guestwire", project_toml.load(text).hosts["h1"], "h1", Desired(), None, text)
    assert made.files[0].text == text


def test_what_a_format_cannot_say_is_told():
    made = exported("kvmrt", EXAMPLE.model_copy(update={"host_cpuset": "0"}), "h1", Desired(), TOPOLOGY)
    assert made.not_carried


def test_names_that_no_file_can_have_are_refused():
    with pytest.raises(GuestwireError) as refused:
        exported("libvirt", Desired(guests=(Guest(name="a/b"),)), "h1", Desired(), None)
    assert refused.value.code == "NAME-INVALID"
