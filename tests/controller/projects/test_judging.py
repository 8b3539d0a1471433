"""What is said of a draft as it is typed: rules by what is known of its host, with nobody asked."""

import pytest
from desk import ALICE, H1, Desk

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.host_facts import KnownHost, facts_of
from guestwire.controller.projects.judging import judged, unapplied
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_configs import HostConfig
from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES
from guestwire.model.plan import Revision
from guestwire.protocol.config_models import ConfigShown

WEB = Guest(name="web", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001")


def host_with(*guests: Guest, number: int = 3) -> KnownHost:
    revision = Revision(number=number, hash="0" * 64, author="operator:a", applied_at=1)
    shown = ConfigShown(desired=Desired(guests=guests), revision=revision, state="in_sync")
    topology = MACHINES["4-core"].topology
    return KnownHost(HostConfig(H1, shown, topology, None, 77), None, topology, 77)


def of(*guests: Guest, base: int | None = 3) -> Desired:
    return Desired(guests=guests, base_revision=base)


MORE = WEB.model_copy(update={"memory_mib": 700})
OTHER = WEB.model_copy(update={"vcpus": 2})


@pytest.mark.parametrize(
    ("draft", "base", "host", "state"),
    [
        (of(), None, KnownHost(), "clean"),
        (of(WEB), None, KnownHost(), "dirty"),
        (of(WEB), of(WEB), host_with(WEB), "clean"),
        (of(MORE), of(WEB), host_with(WEB), "dirty"),
        (of(WEB), of(WEB), host_with(OTHER, number=4), "behind"),
        (of(MORE), of(WEB), host_with(OTHER, number=4), "diverged"),
        (of(OTHER), of(WEB), host_with(OTHER, number=4), "clean"),
        (of(MORE), None, host_with(WEB), "dirty"),
    ],
)
def test_how_a_draft_stands(draft, base, host, state):
    found = judged(draft, base, host, "h1")
    assert found.state == state
    assert bool(found.items) == (state not in ("clean",))


def test_edits_are_unapplied_only_where_neither_base_nor_host_has_them():
    assert unapplied(of(MORE), of(WEB), of(WEB), "h1")
    assert not unapplied(of(MORE), of(WEB), of(MORE), "h1")
    assert not unapplied(of(WEB), of(WEB), of(MORE), "h1")


def test_what_is_not_known_is_told_as_not_checked():
    known = judged(of(Guest(name="rt", kind="rt", cpuset="99", vcpus=1)), None, host_with(), "h1").findings
    assert "CPUSET-UNKNOWN" in {issue.code for issue in known.issues}
    assert known.errors > 0
    assert known.facts_at == 77
    nothing = judged(of(Guest(name="rt", kind="rt", cpuset="99", vcpus=1)), None, KnownHost(), "h1").findings
    assert "CPUSET-UNKNOWN" in nothing.not_checked
    assert nothing.facts_at is None
    assert facts_of(KnownHost()) == Facts()


TYPED = [
    ("guest.web.memory_mib", "600M", set()),
    ("guest.rt.cpuset", "3", {"RT-UNDERPROVISIONED"}),
    ("guest.rt.cpuset", "nonsense", {"CPUSET-SYNTAX"}),
    ("guest.rt.cpuset", "64", {"CPUSET-UNKNOWN"}),
    ("guest.rt.cpuset", "", {"CPUSET-SYNTAX"}),
    ("guest.web.cpuset", "3", {"CPU-OVERLAP"}),
    ("area.shm.size", 0, {"AREA-SIZE"}),
    ("area.shm.default_access", "XX", {"ACCESS-SYNTAX"}),
    ("network.lan.members", [{"guest": "web", "ip": "10.9.0.1"}], {"NET-IP-RANGE"}),
    ("guest.web.disks.0.path", "/disks/a.qcow2", {"DISK-SHARED"}),
]


@pytest.mark.parametrize(("path", "value", "codes"), TYPED)
async def test_rules_are_shown_as_they_type(database: Database, path, value, codes):
    desk = Desk(database)
    await desk.pulling.pull(ALICE, H1)
    guests = [
        Guest(name="rt", kind="rt", vcpus=1, cpuset="2-3", disks=(Disk(path="/disks/a.qcow2"),)),
        Guest(name="web", disks=(Disk(path="/disks/b.qcow2"),)),
    ]
    begin = {
        "guests": [guest.model_dump(mode="json") for guest in guests],
        "areas": [{"name": "shm", "size": 4096}],
        "networks": [{"name": "lan", "mode": "nat", "cidr": "10.0.0.0/24"}],
    }
    desk.hosts.asked.clear()
    before = await desk.drafts.put(ALICE, H1, begin, 1)
    known = {issue.code for issue in before.findings.issues}
    answer = await desk.drafts.edit(ALICE, H1, [DraftEdit(path=path, value=value)], 2)
    found = [issue for issue in answer.findings.issues if issue.code not in known]
    assert ({issue.code for issue in found} & codes) if codes else not found
    assert all(issue.severity in "EW" and issue.path and issue.message for issue in found)
    assert desk.hosts.asked == []
