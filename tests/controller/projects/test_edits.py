"""Edits over the wire: the paths and values of `project set`, with what JSON has besides."""

import pytest
from pydantic import ValidationError

from guestwire.controller.projects import documents
from guestwire.controller.projects.edits import DraftEdit, carried_out, summary
from guestwire.model.errors import GuestwireError

TEXT = """schema = 1

[hosts.h1]
base_revision = 3

[hosts.h1.guests.web]  # the shop
vcpus = 2

[[hosts.h1.guests.web.disks]]
size_mib = 100

[hosts.h1.guests."a.b"]

[hosts.h1.areas.shm]
size = 4096
overrides = { web = "R---" }
"""


def tree(*edits: DraftEdit) -> dict:
    return documents.edited(documents.of_text(TEXT, "h1", 3), edits, 3).tree


def edit(path, value=None, op="set") -> DraftEdit:
    return DraftEdit(op=op, path=path, value=value)


@pytest.mark.parametrize(
    ("wanted", "where", "value"),
    [
        (edit("guest.web.vcpus", 4), "guests/web/vcpus", 4),
        (edit("guest.web.vcpus", "4"), "guests/web/vcpus", 4),
        (edit("guests.web.memory_mib", "1G"), "guests/web/memory_mib", 1024),
        (edit('guest."a.b".cpuset', "0-1"), "guests/a.b/cpuset", "0-1"),
        (edit("guest.'a.b'.title", 'a "b" = c'), "guests/a.b/title", 'a "b" = c'),
        (edit("guest.web.comments", "one\ntwo"), "guests/web/comments", "one\ntwo"),
        (edit("guest.web.lock_memory", True), "guests/web/lock_memory", True),
        (edit("guest.web.topology", [2, 1, 1]), "guests/web/topology", "2,1,1"),
        (edit("guest.web.disks.0.size_mib", 200), "guests/web/disks", [{"size_mib": 200}]),
        (edit("guest.web.tags", ["edge", "lab"]), "guests/web/tags", ["edge", "lab"]),
        (edit("guest.web.nics", {"model": "e1000e", "mac": None}, "append"), "guests/web/nics", [{"model": "e1000e"}]),
        (edit("guest.web.disks", {"size_mib": 100}, "take"), "guests/web/disks", None),
        (edit("guest.web.vcpus", None), "guests/web/vcpus", None),
        (edit("guest.web.vcpus", op="default"), "guests/web/vcpus", None),
        (edit("guest.web", op="default"), "guests/web", None),
        (edit("area.shm.overrides.web", "RW--"), "areas/shm/overrides/web", "RW--"),
        (edit("settings.swap_mib", 2048), "settings/swap_mib", 2048),
        (edit("project.name", "line 7"), "project/name", "line 7"),
        (edit("guest.db", {"vcpus": 2, "disks": [{"size_mib": 9}]}, "add"), "guests/db/disks", [{"size_mib": 9}]),
        (edit("guest.web", op="remove"), "areas/shm", {"size": 4096}),
        (edit("guest.web", "shop", "rename"), "areas/shm/overrides", {"shop": "R---"}),
    ],
)  # fmt: skip
def test_what_an_edit_makes(wanted, where, value):
    node = tree(wanted)
    for name in where.split("/"):
        node = None if node is None else node.get(name)
    assert node == value


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (edit("guest.web.vcpu", 4), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", "many"), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", 0), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", 1 << 80), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", 1.5), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus+", 4), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus=4", 4), "DOCUMENT-INVALID"),
        (edit(".", 4), "DOCUMENT-INVALID"),
        (edit('guest."\'".vcpus', 4), "DOCUMENT-INVALID"),
        (edit("guest.web.tags", [None]), "DOCUMENT-INVALID"),
        (edit("guest.web.nics", None, "append"), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", 4, "append"), "DOCUMENT-INVALID"),
        (edit("base_revision", 9), "DOCUMENT-INVALID"),
        (edit("guest.web", "", "rename"), "DOCUMENT-INVALID"),
        (edit("guest.web.vcpus", op="remove"), "DOCUMENT-INVALID"),
        (edit("guest.db", [1], "add"), "DOCUMENT-INVALID"),
        (edit("guest.web", {}, "add"), "EXISTS"),
        (edit("guest.gone", op="remove"), "NOT-FOUND"),
        (edit("guest.web", "a.b", "rename"), "EXISTS"),
        (edit("tree.web", {}, "add"), "NOT-FOUND"),
    ],
)
def test_what_an_edit_is_refused_for(wanted, code):
    with pytest.raises(GuestwireError) as refused:
        tree(wanted)
    assert refused.value.code == code


def test_values_in_a_row_need_not_be_right_in_between():
    both = tree(
        edit("guest.web.ready_when.text", "login:"), edit("guest.web.ready_when.by", "console_text"),
        edit("guest.web", "shop", "rename"), edit("guest.shop.vcpus", 3),
    )  # fmt: skip
    assert both["guests"]["shop"]["ready_when"] == {"text": "login:", "by": "console_text"}
    assert both["guests"]["shop"]["vcpus"] == 3


def test_one_mistake_undoes_all_and_every_mistake_of_a_row_is_told():
    with pytest.raises(GuestwireError) as refused:
        tree(edit("guest.web.vcpus", 3), edit("guest.web.vcpu", 4), edit("guest.web.memory_mib", "x"))
    assert {issue["path"] for issue in refused.value.detail["issues"]} == {"guest.web.vcpu", "guests.web.memory_mib"}


def test_the_same_value_twice_in_a_row_is_twice():
    disk = edit("guest.web.nics", {"model": "e1000e"}, "append")
    assert tree(disk, disk)["guests"]["web"]["nics"] == [{"model": "e1000e"}] * 2


def test_remarks_of_the_author_stay():
    text = carried_out(TEXT, "h1", [edit("guest.web.vcpus", 8)])
    assert "[hosts.h1.guests.web]  # the shop" in text


def test_nothing_that_a_database_does_not_take_gets_into_a_summary():
    assert summary([edit("guest.\0\n", 1), edit("x", 1)]) == "set guest.?? and 1 more"


@pytest.mark.parametrize("value", ["\ud800", {"a": ["\udfff"]}, {"\ud800": 1}])
def test_text_that_is_no_text_is_refused(value):
    with pytest.raises(ValidationError):
        DraftEdit(path="guest.web.title", value=value)
