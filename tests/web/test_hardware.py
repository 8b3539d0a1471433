"""A machine that is another one than the draft was made for, and the keys by which hosts are known, as a user sees them; what is
made of a machine and of its telemetry."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import SMALL, WIDE
from playwright.sync_api import Locator, Page, expect

H2 = "/hosts/demo/h2"
DRAFT = "/drafts/demo/h2"


@pytest.fixture(autouse=True)
def no_draft(stack: Any) -> Iterator[None]:
    """Every test begins without a draft, and leaves none."""
    yield
    while (found := stack.ask("GET", DRAFT)).status_code == 200:
        stack.ask("DELETE", DRAFT, headers={"If-Match": found.headers["etag"]})


@pytest.fixture
def elsewhere(stack: Any) -> str:
    """A draft that was made for a machine of more CPUs; the fingerprint of that which there is."""
    pulled = stack.api("POST", f"{DRAFT}/pull", {})
    edits = [
        {"path": "base_topology", "value": "a-larger-machine"},
        {"path": "guest.rtlinux.cpuset", "value": "7"},
        {"path": "guest.linux1.cpuset", "value": "5"},
    ]
    etag = f'"{pulled["revision"]}"'
    stack.api("PATCH", DRAFT, edits, {"If-Match": etag})
    return str(pulled["document"]["base_topology"])


def dialog_of(page: Page) -> Locator:
    return page.get_by_role("dialog", name="The machine is another one")


def test_a_draft_becomes_one_for_the_machine_that_there_is(stack: Any, page: Page, elsewhere: str, look: Any) -> None:
    page.goto(f"{H2}/cpu?mode=config")
    rules = page.get_by_role("list", name="What the rules say of the CPUs")
    expect(rules).to_contain_text("TOPO-MISMATCH")
    page.locator("main").get_by_role("button", name="Sync hardware info").click()
    dialog = dialog_of(page)
    moved = dialog.get_by_role("table", name="CPUs on this machine")
    for row in ("guests / rtlinux 7 3", "guests / linux1 5 2"):
        expect(moved.get_by_role("row", name=row)).to_be_visible()
    expect(dialog).to_contain_text("guestwire hardware pull h2 --save")
    look(page, sizes=(WIDE, SMALL))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert stack.api("GET", DRAFT)["document"]["base_topology"] == "a-larger-machine"
    page.locator("gw-drawer").get_by_role("button", name="Sync hardware info").click()
    dialog.get_by_role("button", name="Make the draft for this machine").click()
    expect(page.get_by_role("status").filter(has_text="one for this machine now")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("TOPO-MISMATCH")
    expect(page.get_by_role("button", name="Sync hardware info")).to_have_count(0)
    expect(page.get_by_role("checkbox", name="CPU3 to rtlinux", exact=True)).to_have_attribute("aria-checked", "true")
    document = stack.api("GET", DRAFT)["document"]
    assert document["base_topology"] == elsewhere
    assert {one["name"]: one["cpuset"] for one in document["guests"]}["linux1"] == "2"
    page.goto(f"{H2}/history?show=draft")
    expect(page.get_by_text("made for another machine")).to_be_visible()


def test_a_draft_for_the_same_machine_stays(stack: Any, page: Page) -> None:
    stack.api("POST", f"{DRAFT}/pull", {})
    page.goto(H2)
    page.get_by_role("button", name="More", exact=True).first.click()
    page.get_by_role("menuitem", name="Sync hardware info").click()
    expect(page.get_by_role("status").filter(has_text="the one that the draft was made for")).to_be_visible()


def test_the_key_of_a_host_is_shown_to_be_compared(stack: Any, page: Page) -> None:
    shown = json.loads(stack.cli("site", "show", str(stack.directory / "site"), "-o", "json"))
    [key] = [one["key_id"] for one in shown if one["principal"] == "host:h2"]
    page.goto(H2)
    expect(page.get_by_text(key, exact=True)).to_be_visible()


def test_huge_pages_are_those_of_the_node_that_a_guest_is_on(module_page: Any) -> None:
    node = {"memory_mib": 16384, "hugepages": [{"size_kib": 1 << 20, "total": 4, "free": 4}]}
    machine = {"cpus": [], "nodes": [{"id": 0, **node}, {"id": 1, **node}]}
    found = module_page.table(
        "core/memory_map.js",
        """(m, [machine, guests]) => {
          const map = m.memoryMap({ guests, policy: { remaining_host_memory_mib: 0 } }, 32768, machine);
          return machine.nodes.map((node) => m.ofNode(map, node).parts.map((part) => [part.kind, part.mib]));
        }""",
        [
            [machine, [{"name": "g", "memory_mib": 4096, "hugepages_mib": 1024, "numatune": nodes}]]
            for nodes in ("1", "0-1")
        ],
    )
    assert found == [
        [[["pool", 4096], ["free", 12288]], [["guest", 4096], ["free", 12288]]],
        [[["guest", 2048], ["pool", 2048], ["free", 12288]]] * 2,
    ]


def test_a_set_that_cannot_be_read_is_not_written_over(module_page: Any) -> None:
    cpus = [
        {"id": one, "node": 0, "core": one, "die": 0, "package": 0, "siblings": [], "online": True} for one in (0, 1)
    ]
    desired = {"guests": [{"name": "g", "cpuset": "1,12"}], "host_cpuset": "0,x"}
    found = module_page.table(
        "core/cpu_plan.js",
        "(m, [desired, cpus, key]) => [m.assign(desired, cpus, key, [1], true), m.fixed(m.cpuPlan(desired, cpus), key)]",
        [[desired, cpus, key] for key in ("g", "")],
    )
    assert [edits for edits, _ in found] == [[], []]
    assert "CPUSET-UNKNOWN" in found[0][1]
    assert "CPUSET-SYNTAX" in found[1][1]


def test_loads_of_a_host_that_is_away_are_not_known(module_page: Any) -> None:
    """Nor are they made from what was before: its newest values are null until it is back."""
    told = """async (m, readings) => {
      const series = (one) => one.map(([time, value]) => ({ labels: { cpu: "0" }, time, value }));
      const api = { all: async () => series(readings.shift()), get: async () => ({ rows: [] }) };
      const loads = new m.CpuLoads(api, "s", "h");
      const said = [];
      while (readings.length) said.push([...(await loads.read()).values()]);
      return said;
    }"""
    readings = [[[1000, 10]], [[2000, 10.8]], [[None, None]], [[900_000, 300]], [[901_000, 300.5]], []]
    assert module_page.run("views/host/cpu_loads.js", told, readings) == [[], [pytest.approx(0.8)], [], [], [0.5], []]


def test_traffic_of_a_host_that_is_away_is_not_known(module_page: Any) -> None:
    told = """async (m, readings) => {
      let now = null;
      const api = { get: async () => ({ items: [{ labels: { device: "eth0" }, time: now[0], value: now[1] }] }) };
      const read = m.adapterRates(api, "s", "h");
      const said = [];
      for (now of readings) said.push((await read()).map((one) => [one.received, one.lost]));
      return said;
    }"""
    readings = [[1000, 500], [2000, 700], [None, None], [900_000, 5000], [901_000, 6000]]
    assert module_page.run("views/host/device_traffic.js", told, readings) == [
        [[0, 1500]], [[200, 2100]], [], [[0, 15000]], [[1000, 18000]],
    ]  # fmt: skip


def test_what_a_host_uses_is_shown_without_what_is_not_known(module_page: Any) -> None:
    told = """async (m, value) => {
      const item = (labels) => ({ labels, time: value && 1000, value });
      const api = {
        all: async () => [item({ cpu: "0" })],
        get: async (path, { selector }) => ({ rows: [], items: [item({ window: "1m", path: "/" })] }),
      };
      const usage = await new m.HostUsage(api, "s", "h").read();
      m.usagePanel({ ...usage, cpu: 0.5 }, { cpus: 4, guests: 0, guests_running: null }, "/");
      return [usage.memory ?? null, usage.available ?? null, [...usage.load], usage.rooms.length];
    }"""
    assert module_page.table("core/format.js", "(m, value) => m.short(value)", [None, 1.234]) == ["unknown", "1.23"]
    assert module_page.run("views/host/overview_usage.js", told, None) == [None, None, [], 0]
    assert module_page.run("views/host/overview_usage.js", told, 2) == [2, 2, [["1m", 2]], 1]


def test_a_copy_of_a_guest_has_nothing_that_is_one_guests_alone(module_page: Any) -> None:
    guest = {
        "name": "a", "id": "1", "uuid": "u", "cpuset": "1", "devices": ["usb:1"], "vcpus": 2, "port_forwards": [{"host_port": 80}],
        "disks": [{"device": "disk", "path": "/a"}, {"device": "cdrom", "path": "/c"}], "nics": [{"mac": "02:00:00:00:00:01"}],
    }  # fmt: skip
    assert module_page.run("views/host/guest_copies.js", "(m, guest) => m.copied(guest, 'b')", guest) == {
        "op": "add", "path": "guest.b", "value": {
            "vcpus": 2, "nics": [{"mac": None}],
            "disks": [{"device": "disk", "path": None, "clone_of": "/a"}, {"device": "cdrom", "path": "/c"}],
        },
    }  # fmt: skip
