"""Project documents: what is read, what is refused, and that nothing is lost on the way."""

import contextlib
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import TEXT, desired_values

from guestwire.formats.project_toml import KEYED, check, dump, load
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, Nic

DOCUMENT = """
schema = 1
name = "line 7"

[hosts.h1]
host_cpuset = "0-2"

[hosts.h1.guests.rtlinux]
kind = "rt"
cpuset = "3"
topology = "1,1,1"

[[hosts.h1.guests.rtlinux.disks]]
path = "/a.qcow2"
size_mib = 4096

[hosts.h1.guests."a.b"]
topology = [2, 2, 1]
vcpus = 4

[hosts.h1.areas.shm1]
size = 0x1000
overrides.rtlinux = "R---"
"""

PROJECT = Project(
    name="line 7",
    hosts={
        "h1": Desired(
            host_cpuset="0-2",
            guests=(
                Guest(
                    name="rtlinux",
                    kind="rt",
                    cpuset="3",
                    topology=(1, 1, 1),
                    disks=(Disk(path="/a.qcow2", size_mib=4096),),
                ),
                Guest(name="a.b", topology=(2, 2, 1), vcpus=4),
            ),
            areas=(MemoryArea(name="shm1", size=4096, overrides={"rtlinux": "R---"}),),
        )
    },
)

RICH = (
    DOCUMENT
    + """
[hosts.h1.guests.all]
lock_memory = true
devices = ["usb:1234:5678"]
ready_when = { by = "console_text", text = "login:" }
boot = { kernel = "/k" }
nics = [{ network = "lan" }]

[hosts.h1.networks.lan]
members = [{ guest = "rtlinux" }]

[hosts.h1.policy]
profile = "system-manager"
"""
)


def issues(text: str) -> dict[str, str]:
    """Every mistake of a document: message by path."""
    with pytest.raises(GuestwireError) as caught:
        load(text)
    assert caught.value.code == "DOCUMENT-INVALID"
    found = caught.value.detail["issues"]
    assert len({issue["path"] for issue in found}) == len(found)
    return {issue["path"]: issue["message"] for issue in found}


def on_host(lines: str) -> str:
    return f"schema = 1\n[hosts.h1]\n{lines}"


def on_guest(lines: str) -> str:
    return f"schema = 1\n[hosts.h1.guests.a]\n{lines}"


def test_a_document_means_its_project():
    assert load(DOCUMENT) == PROJECT


def test_the_text_is_readable():
    assert dump(PROJECT) == (
        'schema = 1\nname = "line 7"\n\n'
        '[hosts.h1]\nhost_cpuset = "0-2"\n\n'
        '[hosts.h1.guests.rtlinux]\nkind = "rt"\ntopology = "1,1,1"\ncpuset = "3"\n\n'
        '[[hosts.h1.guests.rtlinux.disks]]\npath = "/a.qcow2"\nsize_mib = 4096\n\n'
        '[hosts.h1.guests."a.b"]\nvcpus = 4\ntopology = "2,2,1"\n\n'
        '[hosts.h1.areas.shm1]\nsize = 4096\n\n'
        '[hosts.h1.areas.shm1.overrides]\nrtlinux = "R---"\n'
    )  # fmt: skip


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.builds(Project, name=TEXT, comments=TEXT, hosts=st.dictionaries(TEXT, desired_values(), max_size=2)))
def test_a_written_project_is_read_as_it_was(project):
    assert load(dump(project)) == project


@pytest.mark.parametrize("project", [Project(), Project(hosts={"h1": Desired()}),
    Project(hosts={"h1": Desired(guests=(Guest(name=""), Guest(name="b", nics=(Nic(), Nic())),))})])  # fmt: skip
def test_what_has_only_defaults_is_kept(project):
    assert load(dump(project)) == project


def test_every_keyed_part_is_one_of_a_host():
    assert set(KEYED) < set(Desired.model_fields)


MISTAKES = [
    # bad document -> place, part of the message
    ('name = "x"', "schema", "is missing"),
    ("schema = 2\nnonsense = 3", "schema", "reads schema 1"),
    ("schema = true", "schema", "reads schema 1"),
    ("schema = 1\nhost = 3", "host", "did you mean hosts?"),
    ("schema = 1\nhosts = 3", "hosts", "must be a table, not 3"),
    ("schema = 1\nhosts.h1 = 3", "hosts.h1", "must be a table, not 3"),
    (on_host("guests = [1]"), "hosts.h1.guests", "must be tables: [hosts.h1.guests.NAME]"),
    (on_host("guests.a = 1"), "hosts.h1.guests.a", "must be a table, not 1"),
    (on_host('guests.a.name = "b"'), "hosts.h1.guests.a.name", "leave it out"),
    (on_host("guests.'a.b'.vcpus = 0"), 'hosts.h1.guests."a.b".vcpus', "must be at least 1, not 0"),
    (on_host("hostcpuset = '0'"), "hosts.h1.hostcpuset", "did you mean host_cpuset?"),
    (on_host("policy.profile = 'none'"), "hosts.h1.policy.profile", "must be 'kvm-rt' or 'system-manager', not 'none'"),
    (on_host("settings.swap_mib = -1"), "hosts.h1.settings.swap_mib", "must be at least 0, not -1"),
    (on_host("images.a.os_type = 'linux'"), "hosts.h1.images.a.path", "is missing"),
    (on_host("images.'a b' = {os_type = 'linux', path = '/a'}"), 'hosts.h1.images."a b".id', "must be 1 to 64 of A-Z a-z 0-9 _ . -, not 'a b'"),
    (on_host("areas.x.overrides.g = 3\nareas.x.size = 1"), "hosts.h1.areas.x.overrides.g", "must be text, not 3"),
    (on_guest("memory_mb = 3"), "hosts.h1.guests.a.memory_mb", "did you mean memory_mib?"),
    (on_guest("memory_mib = '3'"), "hosts.h1.guests.a.memory_mib", "must be a whole number, not '3'"),
    (on_guest("memory_mib = 64.0"), "hosts.h1.guests.a.memory_mib", "must be a whole number, not 64.0"),
    (on_guest("memory_mib = 99999999"), "hosts.h1.guests.a.memory_mib", "must be at most 16777216"),
    (on_guest("title = 1979-05-27"), "hosts.h1.guests.a.title", "must be text, not a date or time"),
    (on_guest("hide_kvm = 'yes'"), "hosts.h1.guests.a.hide_kvm", "must be true or false, not 'yes'"),
    (on_guest("hide_kvm = 1"), "hosts.h1.guests.a.hide_kvm", "must be true or false, not 1"),
    (on_guest("lock_memory = 3"), "hosts.h1.guests.a.lock_memory", "must be 'auto' or true or false, not 3"),
    (on_guest("topology = 'x'"), "hosts.h1.guests.a.topology", "must be 'auto' or a list, not 'x'"),
    (on_guest("topology = '2,2'"), "hosts.h1.guests.a.topology.2", "is missing"),
    (on_guest("topology = [2, 2, 0]"), "hosts.h1.guests.a.topology.2", "must be at least 1, not 0"),
    (on_guest("hugepages_mib = 4"), "hosts.h1.guests.a.hugepages_mib", "must be 0, 2 or 1024, not 4"),
    (on_guest("nics = {}"), "hosts.h1.guests.a.nics", "must be a list, not a table"),
    (on_guest("disks = [{}, {pth = '/a'}]"), "hosts.h1.guests.a.disks.1.pth", "did you mean path?"),
    (on_guest("boot.initrd = '/a'"), "hosts.h1.guests.a.boot.kernel", "is missing"),
    (on_guest("ready_when.by = 'console_text'"), "hosts.h1.guests.a.ready_when", "text goes with by = console_text"),
    (on_guest("order = 9223372036854775808"), "hosts.h1.guests.a.order", "more than 64 bits"),
    (on_guest("a." * 40 + "a = 1"), "hosts.h1.guests.a", "nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "message"), MISTAKES)
def test_a_mistake_has_its_place(text, path, message):
    found = issues(text)
    assert message in found[path]
    assert len(found) == 1


@pytest.mark.parametrize(("text", "line", "column"), [
    ("schema = 1\nname = ", 2, 8),
    ("schema = 1\n[hosts.a]\n[hosts.a]\n", 3, 9),
    ("schema = 1\nschema = 2\n", 2, 11),
    ("\x00", 1, 1),
])  # fmt: skip
def test_bad_toml_has_line_and_column(text, line, column):
    with pytest.raises(GuestwireError) as caught:
        load(text)
    (issue,) = caught.value.detail["issues"]
    assert (issue["line"], issue["column"]) == (line, column)
    assert f"line {line}" in caught.value.message


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 5000, "x = " + "9" * 5000, "x." * 5000 + "x = 1", "schema = 0x" + "f" * 5000]
)
def test_a_text_that_is_made_to_hurt_is_refused(text):
    assert issues(text)


def test_two_hundred_mistakes_are_two_hundred_issues():
    guests = "".join(f"[hosts.h1.guests.g{number}]\nmemory_mib = 1\nmemory = 2\n" for number in range(100))
    found = issues(f"schema = 1\n{guests}")
    assert len(found) == 200
    assert {f"hosts.h1.guests.g{number}.memory" for number in range(100)} < set(found)


def test_names_that_a_document_has_no_room_for_are_refused():
    twice = Project(hosts={"h1": Desired(guests=(Guest(name="a"), Guest(name="a")))})
    with pytest.raises(GuestwireError) as caught:
        dump(twice)
    assert caught.value.field == "hosts.h1.guests.a"


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(DOCUMENT)),
    st.integers(0, 40),
    st.text(max_size=8) | st.sampled_from(['"', "[", "]", "=", "\n", "{", "1e9"]),
)
def test_a_mutated_document_is_read_or_refused(start, length, inserted):
    mutated = DOCUMENT[:start] + inserted + DOCUMENT[start + length :]
    with contextlib.suppress(GuestwireError):
        assert load(dump(load(mutated))) == load(mutated)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.dates()
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)


def replaced(node: Any, place: list[int], value: Any) -> Any:
    """The tables with another value somewhere; `place` chooses the way there."""
    if not place or not isinstance(node, dict | list) or not node:
        return value
    chosen = place[0] % len(node)
    if isinstance(node, list):
        return [replaced(item, place[1:], value) if index == chosen else item for index, item in enumerate(node)]
    return {
        key: replaced(item, place[1:], value) if index == chosen else item
        for index, (key, item) in enumerate(node.items())
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=7), TREES)
def test_any_value_anywhere_is_taken_or_has_a_mistake(place, value):
    project, mistakes = check(replaced(tomllib.loads(RICH), place, value))
    assert (project is not None) or mistakes
    for path, message in mistakes:
        assert isinstance(path, str)
        assert message
