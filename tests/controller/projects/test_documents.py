"""A draft's document: text with its author's remarks, and what it means."""

import pytest
from desired_strategies import desireds
from hypothesis import given, settings

from guestwire.controller.projects import documents
from guestwire.formats import project_toml
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

TEXT = """# line 7
schema = 1
name = "line 7"

[hosts.h1.guests.web]  # the shop
vcpus = 2
"""


def test_an_empty_document_is_of_a_revision():
    made = documents.empty("h1", 4)
    assert made.desired == Desired(base_revision=4)
    assert documents.empty("h1", None).desired == Desired()


def test_a_text_keeps_its_remarks_and_gets_the_revision_it_is_edited_from():
    made = documents.of_text(TEXT, "h1", 5)
    assert "# line 7" in made.text
    assert "# the shop" in made.text
    assert made.desired.base_revision == 5
    assert made.project.name == "line 7"


def test_whatever_revision_a_text_names_is_not_believed():
    made = documents.of_text("schema = 1\n[hosts.h1]\nbase_revision = 99\n", "h1", 5)
    assert made.desired.base_revision == 5
    assert documents.of_text("schema = 1\n[hosts.h1]\nbase_revision = 99\n", "h1", None).desired.base_revision is None


def test_the_only_host_of_a_text_is_taken_to_this_one():
    made = documents.of_text(TEXT, "h2", 1)
    assert made.desired.guests == (Guest(name="web", vcpus=2),)
    assert list(made.project.hosts) == ["h2"]


def test_of_several_hosts_the_others_are_left_out():
    two = TEXT + "\n[hosts.h2.guests.other]\n"
    assert list(documents.of_text(two, "h1", 1).project.hosts) == ["h1"]
    with pytest.raises(GuestwireError) as refused:
        documents.of_text(two, "h3", 1)
    assert refused.value.code == "NOT-FOUND"


@settings(max_examples=40, deadline=None)
@given(desireds())
def test_plain_values_mean_what_they_were_made_of(desired):
    try:
        text = project_toml.dump(Project(hosts={"h1": desired}))
    except GuestwireError:
        return
    made = documents.of_json(desired.model_dump(mode="json"), "h1", 3, None)
    assert made.desired == documents.of_text(text, "h1", 3).desired == desired.model_copy(update={"base_revision": 3})
    assert project_toml.load(made.text) == made.project
    again = documents.of_json(made.desired.model_dump(mode="json"), "h1", 3, made)
    assert again.text == made.text


def test_plain_values_into_a_text_keep_its_remarks():
    now = documents.of_text(TEXT, "h1", 1)
    plain = now.desired.model_dump(mode="json")
    plain["guests"][0]["memory_mib"] = 512
    made = documents.of_json(plain, "h1", 1, now)
    assert "# the shop" in made.text
    assert made.desired.guests[0].memory_mib == 512
    assert made.project.name == "line 7"


@pytest.mark.parametrize(
    "plain", [{"guest": []}, {"guests": [{}]}, {"guests": [{"name": "a", "vcpus": "2"}]}, {"guests": 3}]
)
def test_plain_values_that_mean_nothing_are_told_with_their_places(plain):
    with pytest.raises(GuestwireError) as refused:
        documents.of_json(plain, "h1", 1, None)
    assert refused.value.code == "DOCUMENT-INVALID"
    assert refused.value.field


@pytest.mark.parametrize("text", ["schema = 1", "schema = 2\n[hosts.h1]", "[hosts.h1", "schema = 1\n[hosts.h1]\nx = 1"])
def test_texts_that_are_none(text):
    with pytest.raises(GuestwireError) as refused:
        documents.of_text(text, "h1", 1)
    assert refused.value.code in ("DOCUMENT-INVALID", "NOT-FOUND")


def test_a_document_has_an_end():
    much = "#" * documents.LONGEST
    with pytest.raises(GuestwireError, match="longer"):
        documents.of_text(f"{TEXT}\n{much}", "h1", 1)


def test_a_tree_of_nonsense_makes_no_document():
    now = documents.of_text(TEXT, "h1", 1)
    with pytest.raises(GuestwireError) as refused:
        documents.of_tree({"guests": {"a": {"ready_when": {"text": "x"}}}}, 1, now)
    assert refused.value.code == "DOCUMENT-INVALID"
