"""Configurations from and for other tools."""

import pytest

from guestwire.formats import kvmrt_cfg, project_toml
from guestwire.formats.domain_xml import reader
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES
from guestwire.model.settling import settle
from guestwire.sdk import interchange

HERE = settle(
    Desired(
        base_revision=7,
        guests=(
            Guest(name="rt", kind="rt", cpuset="2,3", memory_mib=256, disks=(Disk(path="/d/rt.qcow2"),)),
            Guest(name="gp", vcpus=2),
        ),
    ),
    Desired(),
    host="h1",
    disk_root="/d",
)


def test_a_project_replaces_and_keeps_what_it_was_edited_from() -> None:
    text = project_toml.dump(Project(hosts={"elsewhere": Desired(host_cpuset="0")}))
    assert interchange.taken("guestwire", [text], HERE, "h1") == Desired(host_cpuset="0", base_revision=7)


def test_a_project_of_other_hosts() -> None:
    text = project_toml.dump(Project(hosts={"a": Desired(), "b": Desired()}))
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        interchange.taken("guestwire", [text], HERE, "h1")


def test_kvmrt_changes_what_it_names() -> None:
    text = kvmrt_cfg.dump(HERE).replace("cpuset = 2,3", "cpuset = 0,1")
    taken = interchange.taken("kvmrt", [text], HERE, "h1")
    assert taken.guests[0].cpuset == "0,1"
    assert taken.guests[0].disks == HERE.guests[0].disks


@pytest.mark.parametrize("topology", [None, MACHINES["4-core"].topology], ids=["no machine", "4-core"])
def test_domain_xml_comes_back(topology) -> None:  # type: ignore[no-untyped-def]
    made = interchange.domains(HERE, topology)
    assert list(made) == ["rt", "gp"]
    assert ("vcpupin" in made["rt"]) is (topology is not None)
    assert tuple(reader.from_xml(xml) for xml in made.values()) == HERE.guests
    assert interchange.taken("libvirt", made.values(), Desired(), "h1").guests == HERE.guests


@pytest.mark.parametrize("name", ["../evil", "x/y", "/abs", "a\x00b", "", "a b"])
def test_a_name_that_is_none_becomes_no_file(name: str) -> None:
    guests = (HERE.guests[0], HERE.guests[1].model_copy(update={"name": name, "disabled": True}))
    with pytest.raises(GuestwireError) as refused:
        interchange.domains(HERE.model_copy(update={"guests": guests}), None)
    assert refused.value.code == "NAME-INVALID"
    assert len(refused.value.detail["issues"]) == 1


def test_two_guests_of_one_name_are_not_one_file() -> None:
    guests = (HERE.guests[0], HERE.guests[1].model_copy(update={"name": "rt"}))
    with pytest.raises(GuestwireError, match="NAME-DUP"):
        interchange.domains(HERE.model_copy(update={"guests": guests}), None)


@pytest.mark.parametrize("hosts", [("h1", "h1"), ("h1", "h2"), ("h2", "h3")])
def test_of_several_projects_none_wins(hosts: tuple[str, str]) -> None:
    texts = [project_toml.dump(Project(hosts={host: Desired(host_cpuset=host[1])})) for host in hosts]
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        interchange.taken("guestwire", texts, HERE, "h1")


@pytest.mark.parametrize("update", [{"memory_mib": 512}, {"name": "other"}, {"uuid": None}])
def test_of_two_domains_that_are_one_guest_none_wins(update: dict[str, object]) -> None:
    again = HERE.guests[0].model_copy(update=update)
    texts = [xml for guest in (HERE.guests[0], again)
             for xml in interchange.domains(Desired(guests=(guest,)), None).values()]  # fmt: skip
    with pytest.raises(GuestwireError, match="NAME-DUP"):
        interchange.taken("libvirt", texts, Desired(), "h1")


def test_a_domain_takes_the_place_of_the_guest_it_is() -> None:
    rt = HERE.guests[0].model_copy(update={"memory_mib": 512})
    assert interchange.with_guest(HERE, rt).guests == (rt, HERE.guests[1])


def test_a_domain_of_another_host_gets_an_identifier_here() -> None:
    foreign = Guest(name="foreign", id="GUEST0001", uuid="00000000-0000-4000-8000-00000000000f")
    added = interchange.with_guest(HERE, foreign).guests[-1]
    assert (added.name, added.id, added.uuid) == ("foreign", None, foreign.uuid)


def test_a_domain_with_values_that_are_none_is_refused() -> None:
    made = interchange.domains(HERE, None)["gp"].replace('<memory unit="MiB">512<', '<memory unit="MiB">-5<')
    with pytest.raises(GuestwireError, match=r"DOCUMENT-INVALID.*memory"):
        interchange.taken("libvirt", [made], Desired(), "h1")
