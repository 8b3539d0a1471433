"""The example projects: complete, valid under their profile, startable on a simulated host."""

from importlib.resources import files

import pytest

from guestwire.formats.examples import ALIASES, EXAMPLES, example_text, open_example
from guestwire.formats.project_edits import edit
from guestwire.formats.project_toml import load
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts, FileFact
from guestwire.model.machines import MACHINES
from guestwire.model.rules.table import validate

NAMES = [example.name for example in EXAMPLES]


def test_the_table_lists_the_files():
    there = {entry.name for entry in files("guestwire.formats").joinpath("examples").iterdir()}
    assert {f"{name}.toml" for name in NAMES} == there
    assert NAMES == ["rt-linux", "rtos-32", "vxworks", "windows_rtlinux", "ubuntu_rtlinux"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_on_the_machine_it_was_made_for(name):
    desired = open_example(name, "h1").hosts["h1"]
    host = MACHINES["4-core"]
    paths = {disk.path for guest in desired.guests for disk in guest.disks}
    paths |= {path for guest in desired.guests if guest.boot for path in (guest.boot.kernel, guest.boot.initrd)}
    paths |= {path for image in desired.images for path in (image.path, image.initrd)}
    facts = Facts(
        topology=host.topology, capabilities=host.capabilities, machine=host.machine, memory_mib=host.memory_mib,
        memory_free_mib=host.memory_mib, simulated=True, running=frozenset(), foreign={},
        files={path: FileFact(path.startswith("/simulated/")) for path in paths if path},
        disk_roots=("/var/lib/libvirt/images", "/simulated"), modified=(),
    )  # fmt: skip
    assert desired.policy.profile == "system-manager"
    assert validate(desired, Facts()).errors == ()
    assert validate(desired, facts).errors == ()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_one_real_time_system(name):
    guests = open_example(name, "h1").hosts["h1"].guests
    assert [guest.kind for guest in guests] == (["rt", "gp_comm"] if name.endswith("_rtlinux") else ["rt"])
    assert guests[0].heap_mib == 0


def test_a_misspelt_name_is_known():
    for alias, name in ALIASES.items():
        assert open_example(alias, "h1") == open_example(name, "h1")
    assert "ubunutu_rtlinux" in ALIASES


def test_an_unknown_name_is_refused():
    with pytest.raises(GuestwireError, match="did you mean rt-linux") as caught:
        open_example("rt_linux", "h1")
    assert caught.value.code == "NOT-FOUND"


@pytest.mark.parametrize("host", ["h1", "a b", "a.b"])
def test_the_text_is_for_the_host_and_can_be_edited(host):
    text = example_text("rt-linux", host)
    assert list(load(text).hosts) == [host]
    made = edit(text, host, ["guest.rtlinux.cpuset=7", "host_cpuset=0-6"])
    assert made == text.replace('"3"', '"7"').replace('"0-2"', '"0-6"')
