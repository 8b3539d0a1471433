"""Edits of project documents: what each does, that comments stay, that mistakes are told all at once."""

import contextlib
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import desired_values

from guestwire.formats.project_edits import add, edit, remove, rename, update
from guestwire.formats.project_toml import dump, load
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Nic, PortForward, ReadyWhen

DOCUMENT = """\
# our line
schema = 1
name = "line 7"  # the name

[hosts.h1]  # in the cellar
host_cpuset = "0-2"

# the real-time one,
# do not touch
[hosts.h1.guests.rtlinux]
kind = "rt"
memory_mib = 256   # enough
devices = ["0000:01:00.0", "0000:02:00.0"]

[[hosts.h1.guests.rtlinux.disks]]
path = "/a.qcow2"  # first

[[hosts.h1.guests.rtlinux.disks]]
path = "/b.qcow2"  # second

# the other
[hosts.h1.guests."a.b"]
id = "GUEST0002"
nics = [{ network = "lan" }]

[hosts.h1.areas.shm1]
size = 4096
overrides = { rtlinux = "R---", "a.b" = "----" }

[hosts.h1.events.go]
signal = ["rtlinux"]
wait = ["a.b", "HOST"]

[hosts.h1.queues.q]
area = "shm1"
writers = ["rtlinux"]
reader = "a.b"

[hosts.h1.networks.lan]
members = [{ guest = "rtlinux" }]
"""


def host(text: str) -> Desired:
    return load(text).hosts["h1"]


def guest(text: str, name: str = "rtlinux"):
    return host(text).guest(name)


def issues(*edits: str) -> list[tuple[str, str]]:
    with pytest.raises(GuestwireError) as caught:
        edit(DOCUMENT, "h1", edits)
    assert caught.value.code == "DOCUMENT-INVALID"
    return [(issue["path"], issue["message"]) for issue in caught.value.detail["issues"]]


SETS = [
    # edit -> field of the guest rtlinux, value
    ("guest.rtlinux.memory_mib=512", "memory_mib", 512),
    ("guests.rtlinux.memory_mib=0x200", "memory_mib", 512),
    ("guest.rtlinux.memory_mib = 512M", "memory_mib", 512),
    ("guest.rtlinux.memory_mib=1G", "memory_mib", 1024),
    ("guest.rtlinux.memory_mib=2GiB", "memory_mib", 2048),
    ("guest.rtlinux.memory_mib-", "memory_mib", 512),
    ("guest.rtlinux.title=3", "title", "3"),
    ("guest.rtlinux.title= a = b ", "title", " a = b "),
    ("guest.rtlinux.comments=a\nb", "comments", "a\nb"),
    ("guest.rtlinux.cpuset=3", "cpuset", "3"),
    ("guest.rtlinux.cpuset=", "cpuset", ""),
    ("guest.rtlinux.cpuset-", "cpuset", None),
    ("guest.rtlinux.cpu_mask=0x80", "cpuset", "7"),
    ("guest.rtlinux.CpuMask=0b1000", "cpuset", "3"),
    ("guest.rtlinux.cpu=2", "vcpus", 2),
    ("guest.rtlinux.memory=128", "memory_mib", 128),
    ("guest.rtlinux.hide_kvm=On", "hide_kvm", True),
    ("guest.rtlinux.comm_enabled=no", "comm_enabled", False),
    ("guest.rtlinux.lock_memory=off", "lock_memory", False),
    ("guest.rtlinux.lock_memory=auto", "lock_memory", "auto"),
    ("guest.rtlinux.topology=2,2,1", "topology", (2, 2, 1)),
    ("guest.rtlinux.topology=[2, 1, 1]", "topology", (2, 1, 1)),
    ("guest.rtlinux.topology=auto", "topology", "auto"),
    ("guest.rtlinux.hugepages_mib=2", "hugepages_mib", 2),
    ("guest.rtlinux.rtos_id=3", "rtos_id", 3),
    ("guest.rtlinux.tags=edge, lab", "tags", ("edge", "lab")),
    ('guest.rtlinux.tags=["edge"]', "tags", ("edge",)),
    ("guest.rtlinux.tags+=edge", "tags", ("edge",)),
    ("guest.rtlinux.devices+=0000:03:00.0", "devices", ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0")),
    ("guest.rtlinux.devices-=0000:01:00.0", "devices", ("0000:02:00.0",)),
    ("guest.rtlinux.devices.0-", "devices", ("0000:02:00.0",)),
    ("guest.rtlinux.devices.1=0000:05:00.0", "devices", ("0000:01:00.0", "0000:05:00.0")),
    ("guest.rtlinux.devices=", "devices", ()),
    ('guest.rtlinux.nics+={network = "lan"}', "nics", (Nic(network="lan"),)),
    ("guest.rtlinux.nics=[{}, {}]", "nics", (Nic(), Nic())),
    ("guest.rtlinux.port_forwards+={host_port=80,guest_port=0x50}", "port_forwards",
     (PortForward(host_port=80, guest_port=80),)),
    ("guest.rtlinux.ready_when.by=guest_agent", "ready_when", ReadyWhen(by="guest_agent")),
    ('guest.rtlinux.ready_when={by="guest_agent",within_s=9}', "ready_when", ReadyWhen(by="guest_agent", within_s=9)),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "field", "value"), SETS)
def test_a_guest_is_edited(typed, field, value):
    made = edit(DOCUMENT, "h1", [typed])
    assert getattr(guest(made), field) == value
    assert guest(made, "a.b") == guest(DOCUMENT, "a.b")


def test_the_rest_of_a_host_is_edited():
    made = host(edit(DOCUMENT, "h1", [
        "area.shm1.size=64K", "area.shm1.overrides.linux1=R---", "area.shm1.overrides.'a.b'-",
        "settings.swap_mib=2048", 'settings.adapters+={name="eth0"}', "policy.profile=system-manager", "policy.dynamic_cpu=0",
        "autostart.active=yes", "base_revision=4", "event.go.initial=true", "event.go.wait-=HOST", "queue.q.slots=8",
        'network.lan.members.0.ip=10.0.0.2', 'guest."a.b".vcpus=2', "guest.GUEST0002.nics.0.bridge=br0",
    ]))  # fmt: skip
    assert made.areas[0].size == 65536
    assert made.areas[0].overrides == {"rtlinux": "R---", "linux1": "R---"}
    assert (made.settings.swap_mib, made.settings.adapters[0].name) == (2048, "eth0")
    assert (made.policy.profile, made.policy.dynamic_cpu, made.autostart.active) == ("system-manager", False, True)
    assert (made.base_revision, made.events[0].initial, made.events[0].wait) == (4, True, ("a.b",))
    assert (made.queues[0].slots, made.networks[0].members[0].ip) == (8, "10.0.0.2")
    assert made.guests[1].vcpus == 2
    assert made.guests[1].nics == (Nic(network="lan", bridge="br0"),)


def test_the_project_has_a_name_and_comments():
    made = load(edit(DOCUMENT, "h1", ["project.name=line 8", "project.comments=ours"]))
    assert (made.name, made.comments) == ("line 8", "ours")


def test_comments_and_order_stay():
    made = edit(DOCUMENT, "h1", [
        "guest.rtlinux.memory_mib=512", "guest.rtlinux.vcpus=2", "guest.rtlinux.disks.1.size_mib=64",
        "guest.rtlinux.nics+={}", "host_cpuset=0", "base_revision=3", "guest.'a.b'.kind=gp",
    ])  # fmt: skip
    for line in DOCUMENT.splitlines():
        if not line.startswith(("memory_mib", "host_cpuset")):
            assert line in made.splitlines()
    assert "memory_mib = 512   # enough\n" in made
    assert "# the real-time one,\n# do not touch\n[hosts.h1.guests.rtlinux]\n" in made
    assert '\n\n# the other\n[hosts.h1.guests."a.b"]\n' in made
    assert "\n\n[[hosts.h1.guests.rtlinux.nics]]\n\n" in made
    order = [line for line in made.splitlines() if line.startswith("[") and "nics" not in line]
    assert order == [line for line in DOCUMENT.splitlines() if line.startswith("[")]


def test_an_edit_that_changes_nothing_changes_nothing():
    assert edit(DOCUMENT, "h1", ["guest.rtlinux.memory_mib=256", "guest.rtlinux.cpuset-"]) == DOCUMENT
    assert edit(DOCUMENT, "h1", []) == DOCUMENT


def test_a_removed_table_takes_its_comment_along():
    made = remove(DOCUMENT, "h1", "guest", "rtlinux")
    assert "do not touch" not in made
    assert '# the other\n[hosts.h1.guests."a.b"]' in made
    assert edit(DOCUMENT, "h1", ["guest.rtlinux.disks.0-"]).count("[[hosts") == 1


MISTAKES = [
    ("x", "write = and a value"),
    ("guest.rtlinux.memory_mib", "write = and a value"),
    ("", "write PATH=VALUE"),
    ("guest..a=3", "write PATH=VALUE"),
    ("guest=3", "name one of them"),
    ("guests-", "name one of them"),
    ("guset.rtlinux.memory_mib=3", "did you mean guest?"),
    ("guest.rtlinx.memory_mib=3", "there is no guest rtlinx (did you mean rtlinux?)"),
    ("guest.a.b.memory_mib=3", "there is no guest a"),
    ("guest.rtlinux.memory_mb=3", "did you mean memory_mib?"),
    ("guest.rtlinux.memory_mib.x=3", "has no parts"),
    ("guest.rtlinux.disks.2.size_mib=3", "there is no entry 2"),
    ("guest.rtlinux.disks.x.size_mib=3", "there is no entry x"),
    ("guest.rtlinux.memory_mib=10K", "not a whole number of MiB"),
    ("guest.rtlinux.vcpus=1K", "vcpus is no size"),
    ("guest.rtlinux.cpu_mask=80", "hexadecimal or binary"),
    ("guest.rtlinux.memory_mib+=3", "is no list"),
    ("guest.rtlinux.devices-=0000:09:00.0", "is not in it"),
    ("guest.rtlinux.nics+={", "is not a value as TOML writes it"),
    ("guest.rtlinux.nics+={}\nx = 3", "is more than one value"),
    ("project.hosts=3", "name, comments"),
]


@pytest.mark.parametrize(("typed", "message"), MISTAKES)
def test_an_edit_that_means_nothing_is_refused(typed, message):
    ((path, text),) = issues(typed)
    assert path == typed
    assert message in text


@pytest.mark.parametrize(("typed", "path"), [
    ("guest.rtlinux.memory_mib=abc", "hosts.h1.guests.rtlinux.memory_mib"),
    ("guest.rtlinux.memory_mib=1", "hosts.h1.guests.rtlinux.memory_mib"),
    ("guest.rtlinux.kind=rx", "hosts.h1.guests.rtlinux.kind"),
    ("guest.'a.b'.name=c", 'hosts.h1.guests."a.b".name'),
    ("guest.rtlinux.nics+={net='lan'}", "hosts.h1.guests.rtlinux.nics.0.net"),
    ("guest.rtlinux.hide_kvm=maybe", "hosts.h1.guests.rtlinux.hide_kvm"),
    ("area.shm1.size-", "hosts.h1.areas.shm1.size"),
])  # fmt: skip
def test_a_wrong_value_has_its_place(typed, path):
    assert [found for found, _ in issues(typed)] == [path]


def test_all_mistakes_of_a_call_are_told_and_good_edits_do_not_hide_them():
    found = issues(*(typed for typed, _ in MISTAKES), "guest.rtlinux.memory_mib=512", "guest.rtlinux.kind=rx")
    assert len(found) == len(MISTAKES) + 1


def test_a_document_with_a_mistake_is_mended_by_an_edit():
    broken = DOCUMENT.replace('kind = "rt"', "kind = 3\nhide_kvm = 1")
    assert guest(edit(broken, "h1", ["guest.rtlinux.kind=rt", "guest.rtlinux.hide_kvm=on"])).hide_kvm is True
    with pytest.raises(GuestwireError) as caught:
        edit(broken, "h1", ["guest.rtlinux.kind=rt"])
    assert caught.value.field == "hosts.h1.guests.rtlinux.hide_kvm"


def test_one_is_added():
    made = add(DOCUMENT, "h1", "guest", "linux 2", {"memory_mib": "1G", "ready_when.by": "guest_agent", "tags": "edge"})
    assert made.startswith(DOCUMENT[: DOCUMENT.index("[hosts.h1.areas")].rstrip())
    new = guest(made, "linux 2")
    assert (new.memory_mib, new.ready_when.by, new.tags) == (1024, "guest_agent", ("edge",))
    first = add(
        "schema = 1\nhosts.h1 = {}\n", "h1", "image", "Rt", {"os_type": "linux", "path": "/k", "base_address": "0x1000"}
    )
    assert host(first).images[0].base_address == 4096


def test_one_is_added_with_a_list_of_several():
    made = add(DOCUMENT, "h1", "guest", "many", [("disks+", "{size_mib=64}"), ("disks+", '{device="cdrom"}')])
    assert [disk.device for disk in guest(made, "many").disks] == ["disk", "cdrom"]


def test_many_are_added_changed_and_removed():
    text = "schema = 1\n\n[hosts.h1]\n"
    for number in range(20):
        text = add(text, "h1", "guest", f"g{number}", {"vcpus": str(number + 1)})
    text = edit(text, "h1", [f"guest.g{number}.nics+={{}}" for number in range(20)])
    assert [found.vcpus for found in host(text).guests] == list(range(1, 21))
    assert "\n\n\n" not in text
    for number in range(20):
        text = remove(text, "h1", "guest", f"g{number}")
    assert host(text) == Desired()


@pytest.mark.parametrize(("change", "code"), [
    (lambda: add(DOCUMENT, "h1", "guest", "rtlinux", {}), "EXISTS"),
    (lambda: add(DOCUMENT, "h2", "guest", "x", {}), "NOT-FOUND"),
    (lambda: add(DOCUMENT, "h1", "disk", "x", {}), "NOT-FOUND"),
    (lambda: add(DOCUMENT, "h1", "area", "x", {}), "DOCUMENT-INVALID"),
    (lambda: add(DOCUMENT, "h1", "guest", "x", {"memory": "3", "y": "3"}), "DOCUMENT-INVALID"),
    (lambda: remove(DOCUMENT, "h1", "guest", "x"), "NOT-FOUND"),
    (lambda: remove(DOCUMENT, "h1", "lock", "x"), "NOT-FOUND"),
    (lambda: rename(DOCUMENT, "h1", "guest", "x", "y"), "NOT-FOUND"),
    (lambda: rename(DOCUMENT, "h1", "guest", "rtlinux", "a.b"), "EXISTS"),
    (lambda: edit(DOCUMENT, "h2", ["host_cpuset=0"]), "NOT-FOUND"),
    (lambda: edit("schema = 1\nhosts = 3", "h1", ["host_cpuset=0"]), "NOT-FOUND"),
    (lambda: edit("schema =", "h1", ["host_cpuset=0"]), "DOCUMENT-INVALID"),
])  # fmt: skip
def test_what_cannot_be_is_refused(change, code):
    with pytest.raises(GuestwireError) as caught:
        change()
    assert caught.value.code == code


def test_a_renamed_guest_is_followed_everywhere():
    made = rename(DOCUMENT, "h1", "guest", "rtlinux", "rt.2")
    assert '# do not touch\n[hosts.h1.guests."rt.2"]\n' in made
    assert made.count("rtlinux") == 0
    new = host(made)
    assert [found.name for found in new.guests] == ["rt.2", "a.b"]
    assert new.areas[0].overrides == {"rt.2": "R---", "a.b": "----"}
    assert new.events[0].signal == new.queues[0].writers == ("rt.2",)
    assert new.networks[0].members[0].guest == "rt.2"
    assert host(rename(made, "h1", "guest", "a.b", "b")).queues[0].reader == "b"
    assert load(rename(made, "h1", "guest", "rt.2", "rtlinux")) == load(DOCUMENT)
    assert rename(DOCUMENT, "h1", "guest", "rtlinux", "rtlinux") == DOCUMENT


def test_renamed_areas_networks_and_images_are_followed():
    made = rename(DOCUMENT, "h1", "area", "shm1", "shm2")
    assert (host(made).areas[0].name, host(made).queues[0].area) == ("shm2", "shm2")
    assert guest(rename(DOCUMENT, "h1", "network", "lan", "wan"), "a.b").nics[0].network == "wan"
    with_image = edit(
        add(DOCUMENT, "h1", "image", "Rt", {"os_type": "linux", "path": "/k"}), "h1", ["guest.rtlinux.image=Rt"]
    )
    assert guest(rename(with_image, "h1", "image", "Rt", "Rt2")).image == "Rt2"


def test_a_table_that_is_no_header_is_renamed_too():
    inline = 'schema = 1\nhosts.h1.guests = { a = { vcpus = 2 } }  # ours\nname = """\n[hosts.h1.guests.a]\n"""\n'
    made = load(rename(inline, "h1", "guest", "a", "b"))
    assert made.hosts["h1"].guests[0].name == "b"
    assert made.name == "[hosts.h1.guests.a]\n"


def test_a_removed_guest_is_taken_out_where_it_is_one_of_many():
    made = host(remove(DOCUMENT, "h1", "guest", "rtlinux"))
    assert (made.events[0].signal, made.queues[0].writers, made.networks[0].members) == ((), (), ())
    assert made.areas[0].overrides == {"a.b": "----"}
    assert host(remove(DOCUMENT, "h1", "guest", "a.b")).queues[0].reader == "a.b"


PROJECTS = desired_values().map(lambda desired: Project(hosts={"h1": desired}))


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(PROJECTS, PROJECTS)
def test_a_document_is_made_to_mean_any_other_project(one, other):
    made = update(f"# ours\n{dump(one)}", other)
    assert made.startswith("# ours\n")
    assert sorted_parts(load(made)) == sorted_parts(other)
    assert update(made, other) == made


def sorted_parts(project: Project) -> dict:
    """A project with its named parts in the order of their names: what is renamed moves to the end."""
    plain = project.model_dump()
    for desired in plain["hosts"].values():
        for part, key in (("guests", "name"), ("areas", "name"), ("events", "name"), ("queues", "name"), ("locks", "name"),
                          ("networks", "name"), ("images", "id"), ("templates", "id")):  # fmt: skip
            desired[part] = sorted(desired[part], key=lambda entry, key=key: entry[key])
    return plain


LAYOUTS = [
    "schema = 1\nhosts.h1.guests.a.vcpus = 2  # two\nhosts.h1.guests.b.vcpus = 3\nhosts.h1.host_cpuset = '0'\n",
    "schema = 1\nhosts.h1 = { guests = { a = { vcpus = 2 }, b = {} }, host_cpuset = '0' }  # two\n",
    "schema = 1\n[hosts]\nh1.guests.a.vcpus = 2  # two\nh1.guests.b.vcpus = 3\n",
    "schema = 1\n[hosts.h1.guests]\na.vcpus = 2  # two\nb = {}\n[hosts.h1.areas.x]\nsize = 3\n",
    "schema = 1\n[hosts.h1.guests.a]\nvcpus = 2  # two\n[hosts.h2.guests.x]\n[hosts.h1.areas.y]\nsize = 3\n[hosts.h1.guests.b]\n",
    "schema = 1\r\n[hosts.h1.guests.a]\r\nvcpus = 2  # two\r\n\r\n[hosts.h1.guests.b]\r\n",
    "schema = 1\n  [ hosts . h1 . 'guests' . a ]\n  vcpus = 2  # two\n  [[hosts.h1.guests.a.nics]]\n[hosts.h1.guests.b]",
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_every_layout_can_be_edited_and_keeps_its_comments(text):
    made = edit(text, "h1", [
        "guest.a.memory_mib=64", "guest.b.vcpus=5", "guest.a.nics+={}", "guest.a.boot.kernel=/k", "policy.dynamic_cpu=no",
    ])  # fmt: skip
    made = add(made, "h1", "guest", "c", {"vcpus": "7"})
    made = remove(made, "h1", "guest", "b")
    assert "# two" in made
    renamed = host(rename(made, "h1", "guest", "a", "d"))
    assert {(found.name, found.vcpus, found.memory_mib) for found in renamed.guests} == {("d", 2, 64), ("c", 7, 512)}


WORDS = st.sampled_from([
    "guest", "rtlinux", ".", "=", "+=", "-=", "-", '"a.b"', "'", '"', "disks", "0", "memory_mib", "1G", "nics", "{", "}", "[1]",
    "\n", "ready_when", "by", "overrides", "area", "shm1", "settings", "topology", "cpu_mask", "0x1", "tags",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(WORDS | st.text(max_size=3), max_size=9).map("".join), max_size=3))
def test_any_text_for_an_edit_is_done_or_refused(edits):
    with contextlib.suppress(GuestwireError):
        load(edit(DOCUMENT, "h1", edits))


def test_reading_a_document_loads_no_library_for_editing():
    code = "import sys, guestwire.formats.project_edits as e; e.load('schema = 1'); print('tomlkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
