"""core/edit_paths.js: what the page makes of an edit is what the controller makes of it."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from guestwire.controller.projects import edits
from guestwire.controller.projects.edits import DraftEdit
from guestwire.formats import project_toml
from guestwire.model.desired import Desired

if TYPE_CHECKING:
    from conftest import ModulePage

HOST = "h1"
TEXT = """schema = 1
[hosts.h1]
host_cpuset = "0-1"
[hosts.h1.policy]
profile = "kvm-rt"
[hosts.h1.settings]
swap_mib = 2048
[hosts.h1.guests.rtlinux]
id = "GUEST0001"
kind = "rt"
memory_mib = 256
cpuset = "2-3"
tags = ["line", "plc"]
[[hosts.h1.guests.rtlinux.nics]]
network = "lan"
[hosts.h1.guests."plc.main"]
memory_mib = 512
[hosts.h1.areas.recipes]
size = 65536
default_access = "R---"
[hosts.h1.areas.recipes.overrides]
rtlinux = "RW--"
[hosts.h1.events.part-ready]
signal = ["rtlinux"]
[hosts.h1.networks.lan]
cidr = "10.0.0.0/24"
"""
EDITS: tuple[list[dict[str, Any]], ...] = (
    [{"path": "guest.rtlinux.memory_mib", "value": 512}],
    [{"path": "guests.rtlinux.cpuset", "value": "4-7"}, {"path": "host_cpuset", "value": "0-3"}],
    [{"path": "guest.GUEST0001.comments", "value": "test bench"}],
    [{"path": 'guest."plc.main".vcpus', "value": 2}],
    [{"op": "append", "path": "guest.rtlinux.tags", "value": "edge"}],
    [{"op": "take", "path": "guest.rtlinux.tags", "value": "line"}],
    [{"op": "default", "path": "guest.rtlinux.memory_mib"}],
    [{"op": "default", "path": "settings.swap_mib"}],
    [{"op": "default", "path": "host_cpuset"}],
    [{"op": "default", "path": "guest.rtlinux"}],
    [{"op": "default", "path": "area.recipes.overrides.rtlinux"}],
    [{"op": "default", "path": "guest.rtlinux.nics.0"}],
    [{"path": "area.recipes.overrides.rtlinux", "value": "R---"}],
    [{"path": "area.recipes.overrides.\"plc.main\"", "value": "R---"}],
    [{"op": "add", "path": "guest.camera", "value": {"memory_mib": 1024, "vcpus": 2}}],
    [{"op": "add", "path": "area.frames", "value": {"size": 1048576}}, {"path": "area.frames.default_access", "value": "RW--"}],
    [{"op": "add", "path": "event.stop", "value": {"reset": "manual"}}],
    [{"op": "remove", "path": "guest.rtlinux"}],
    [{"op": "remove", "path": "event.part-ready"}],
    [{"op": "rename", "path": "event.part-ready", "value": "part-done"}],
    [{"op": "rename", "path": "network.lan", "value": "plant"}],
    [{"path": "policy.profile", "value": "system-manager"}, {"path": "policy.allow_rt_overlap", "value": True}],
    [{"path": "settings.hugepages", "value": [{"size_mib": 2, "pages": 64}]}],
    [{"path": "event.part-ready.wait", "value": ["HOST", "rtlinux"]}],
)  # fmt: skip
FUNCTION = "(module, [document, edits, defaults]) => module.edited(document, edits, defaults)"


def desired(text: str) -> Any:
    project = project_toml.load(text)
    return json.loads(project.hosts[HOST].model_dump_json())


def defaults(page: "ModulePage") -> Any:
    return page.run("core/defaults.js", "(module, schema) => module.defaultsOf(schema)", Desired.model_json_schema())


def without_nothing(value: Any) -> Any:
    """A document without what says nothing: the page need not know every default of what it adds."""
    if isinstance(value, dict):
        return {name: without_nothing(part) for name, part in value.items() if part not in (None, [], {}, "")}
    return [without_nothing(part) for part in value] if isinstance(value, list) else value


def test_edits_mean_the_same_here_and_there(module_page: "ModulePage") -> None:
    known = defaults(module_page)
    before = desired(TEXT)
    made = module_page.table("core/edit_paths.js", FUNCTION, [[before, several, known] for several in EDITS])
    for several, here in zip(EDITS, made, strict=True):
        there = desired(edits.carried_out(TEXT, HOST, [DraftEdit(**one) for one in several]))
        assert without_nothing(here) == without_nothing(there), several


def test_an_edit_that_is_undone_leaves_what_was(module_page: "ModulePage") -> None:
    known, before = defaults(module_page), desired(TEXT)
    back = (
        "(module, [document, edits, defaults]) => module.edited(module.edited(document, edits, defaults), "
        "module.undoing(document, edits), defaults)"
    )
    for several, after in zip(
        EDITS, module_page.table("core/edit_paths.js", back, [[before, one, known] for one in EDITS]), strict=True
    ):
        assert sorted_entries(without_nothing(after)) == sorted_entries(without_nothing(before)), several


def sorted_entries(document: Any) -> Any:
    """What was removed and comes back is at the end of its list."""
    return {
        name: sorted(part, key=lambda one: json.dumps(one, sort_keys=True)) if isinstance(part, list) else part
        for name, part in document.items()
    }


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("guest.rtlinux.memory_mib", ["guests", "rtlinux", "memory_mib"]),
        ('area."a.b".size', ["areas", "a.b", "size"]),
        ("settings.swap_mib", ["settings", "swap_mib"]),
        ("host_cpuset", ["host_cpuset"]),
    ],
)
def test_the_parts_of_a_path(module_page: "ModulePage", path: str, parts: list[str]) -> None:
    assert module_page.run("core/edit_paths.js", "(module, path) => module.parts(path)", path) == parts
    assert (
        module_page.run("core/edit_paths.js", "(module, parts) => module.parts(module.pathText(parts))", parts) == parts
    )
