"""A guest's pages: what can be done to it, its properties in both modes, areas, events, network, snapshots, its console."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE, expect
from demo_stack import Stack
from no_draft import no_draft

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

HOST = "/hosts/demo/h1"


@pytest.fixture(autouse=True)
def _no_draft(stack: Stack) -> Iterator[None]:
    no_draft(stack, "demo/h1")
    yield
    no_draft(stack, "demo/h1")


def sign_all(stack: Stack, page: "Page", operation: str) -> None:
    """What waits for a signature is signed elsewhere, as by somebody with a key."""
    expect(page.get_by_text(f"{operation} on demo/h1: waiting approval").first).to_be_visible()
    for one in stack.api("GET", "/approvals", state="open")["items"]:
        stack.cli("--yes", "approval", "sign", one["id"])


def destroy(stack: Stack, guest: str) -> None:
    """Off, as by somebody with a key."""
    [made] = stack.api("POST", "/jobs", {"operation": "guest-destroy", "hosts": ["demo/h1"], "body": {"guest": guest}})[
        "items"
    ]
    stack.cli("--yes", "approval", "sign", made["approval"])
    assert stack.api("GET", f"/jobs/{made['id']}", wait_s=20)["state"] == "succeeded"


def actions(page: "Page", name: str) -> Any:
    return page.get_by_role("group", name="Actions").get_by_role("button", name=name, exact=True)


def state(page: "Page", word: str) -> None:
    """The heading's pill says so."""
    expect(page.locator(".heading .pill", has_text=word)).to_be_visible()


def test_a_guest_is_started_paused_shut_down_and_destroyed(stack: Stack, page: "Page") -> None:
    page.goto(f"{HOST}/guests/linux2")
    state(page, "stopped")
    expect(actions(page, "Shut down")).to_have_attribute("aria-disabled", "true")
    actions(page, "Shut down").click(force=True)
    expect(page.get_by_text("Not possible while the guest is stopped.").first).to_be_visible()

    actions(page, "Start").click()
    state(page, "ready")
    actions(page, "Shut down").click()
    sign_all(stack, page, "guest-shutdown")
    state(page, "stopped")

    page.keyboard.press("Escape")
    actions(page, "Start").click()
    state(page, "ready")
    actions(page, "Power off").click()
    dialog = page.get_by_role("dialog", name="Power off: linux2")
    expect(dialog.get_by_role("button", name="Power off")).to_be_disabled()
    dialog.get_by_role("textbox").fill("linux")
    expect(dialog.get_by_role("button", name="Power off")).to_be_disabled()
    dialog.get_by_role("textbox").fill("linux2")
    dialog.get_by_role("button", name="Power off").click()
    sign_all(stack, page, "guest-destroy")
    state(page, "stopped")


def test_memory_is_edited_in_config_mode(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/guests/linux1")
    row = page.get_by_role("row", name=re.compile("^Memory .*256 MiB"))
    expect(row).to_be_visible()
    expect(row.get_by_role("textbox")).to_have_count(0)
    look(page, sizes=(WIDE, SMALL))

    page.goto(f"{HOST}/guests/linux1?mode=config")
    memory = page.get_by_label("Memory MiB", exact=True)
    memory.fill("8")
    memory.press("Tab")
    expect(page.get_by_text("Allowed: a whole number from 16 to 16777216.")).to_be_visible()
    assert stack.ask("GET", "/drafts/demo/h1").status_code == 404
    memory.fill("384M")
    memory.press("Tab")
    expect(page.get_by_text("was 256 MiB")).to_be_visible()
    expect(memory).to_have_value("384")
    expect(
        page.get_by_role("button", name=re.compile("Sync · 1 change")).or_(
            page.get_by_role("link", name=re.compile("Sync · 1 change"))
        )
    ).to_be_visible()
    draft = stack.api("GET", "/drafts/demo/h1")["document"]
    assert next(one for one in draft["guests"] if one["name"] == "linux1")["memory_mib"] == 384
    # real-time without a CPU set: the rule is told at the field
    page.get_by_label("Kind", exact=True).select_option("rt")
    expect(page.locator('[data-path="guests.linux1.cpuset"]').get_by_text("Error:")).to_be_visible()
    page.get_by_label("Evidence", exact=True).select_option(label="never")
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Default: 512 MiB, Memory").click()
    expect(memory).to_have_value("512")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()


def test_a_guest_is_renamed_cloned_and_removed_in_the_draft(stack: Stack, page: "Page") -> None:
    page.goto(f"{HOST}/guests/linux1?mode=config")
    page.get_by_role("button", name="Clone …").click()
    dialog = page.get_by_role("dialog", name="Clone linux1")
    dialog.get_by_label("Name").fill("linux2")
    dialog.get_by_role("button", name="Clone", exact=True).click()
    expect(dialog.get_by_text("There is a guest linux2 already.")).to_be_visible()
    dialog.get_by_label("Name").fill("web.1")
    dialog.get_by_role("button", name="Clone", exact=True).click()
    expect(page.get_by_role("heading", name="web.1", level=1)).to_be_visible()
    expect(page.get_by_text("not on the host yet: it is there after Sync")).to_be_visible()

    page.get_by_role("button", name="Rename …").click()
    dialog = page.get_by_role("dialog", name="Rename web.1")
    dialog.get_by_label("Name").fill("web2")
    dialog.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("heading", name="web2", level=1)).to_be_visible()
    expect(page.get_by_label("Memory MiB", exact=True)).to_have_value("256")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    assert "web2" in [one["name"] for one in stack.api("GET", "/drafts/demo/h1")["document"]["guests"]]

    page.get_by_role("button", name="Remove …").click()
    dialog = page.get_by_role("dialog", name="Remove web2")
    dialog.get_by_role("textbox").fill("web2")
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page).to_have_url(re.compile(r"/hosts/demo/h1/guests\?mode=config"))
    expect(
        page.get_by_text("Saved, not applied.").or_(page.get_by_text("Nothing differs from the host.")).first
    ).to_be_visible()


def test_devices_disks_and_cards(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/guests/linux1/devices?mode=config")
    page.get_by_role("button", name="Add device …").click()
    dialog = page.get_by_role("dialog", name="Add a device")
    dialog.get_by_label("or a USB device").fill("keyboard")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Allowed: usb:VENDOR:PRODUCT")).to_be_visible()
    dialog.get_by_label("or a USB device").fill("")
    free = dialog.get_by_label("Device that no guest has")
    expect(free.locator("option").first).to_have_text("Choose …")
    expect(free).to_contain_text("usb:046d:c31c · Logitech USB Keyboard")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Choose a device.")).to_be_visible()
    free.select_option("0000:02:00.0")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("0000:02:00.0 network 8086:1533 igb"))).to_be_visible()
    page.get_by_role("button", name="Add disk").click()
    page.get_by_label("Disk 1, Size").fill("10G")
    page.get_by_label("Disk 1, Size").press("Tab")
    expect(page.get_by_label("Disk 1, Size")).to_have_value("10240")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    guest = next(one for one in stack.api("GET", "/drafts/demo/h1")["document"]["guests"] if one["name"] == "linux1")
    assert guest["devices"] == ["0000:02:00.0"]
    assert guest["disks"][0]["size_mib"] == 10240
    page.get_by_role("button", name="Remove 0000:02:00.0").click()
    expect(page.get_by_text("No devices given to this guest")).to_be_visible()

    page.goto(f"{HOST}/guests/linux1/network?mode=config")
    page.get_by_role("button", name="Add network card").click()
    bridge = page.get_by_label("Network card 1, Bridge")
    bridge.fill("br 0")
    bridge.press("Tab")
    expect(page.get_by_text("Allowed: an interface's name").first).to_be_visible()
    bridge.fill("br0")
    bridge.press("Tab")
    expect(page.locator('[data-path="guests.linux1.nics"]').get_by_text("was -")).to_be_visible()
    look(page)


def test_a_stopped_guest_has_snapshots_to_make(stack: Stack, page: "Page") -> None:
    page.goto(f"{HOST}/guests/linux2")
    expect(page.get_by_text("No snapshots")).to_be_visible()
    page.get_by_role("button", name="Create …").click()
    dialog = page.get_by_role("dialog", name="Create a snapshot")
    dialog.get_by_label("Name").fill("before update")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("Allowed: 1 to 64")).to_be_visible()
    dialog.get_by_label("Name").fill("before-update")
    dialog.get_by_role("button", name="Create").click()
    # without a disk there is nothing to keep: the host says so, or makes it
    expect(page.get_by_text(re.compile("snapshot-create on demo/h1")).first).to_be_visible()
    page.get_by_text("Domain XML").click()
    expect(page.get_by_text("A simulated host has no domain XML.")).to_be_visible()


def test_threads_of_a_guest_that_runs(stack: Stack, page: "Page", look: Any) -> None:
    stack.cli("guest", "start", "h1/rtlinux", "--wait", "ready")
    try:
        page.goto(f"{HOST}/guests/rtlinux")
        page.get_by_text("Threads", exact=True).click()
        expect(page.get_by_role("cell", name="vCPU 0")).to_be_visible()
        expect(page.get_by_role("cell", name="fifo 1")).to_be_visible()
        look(page)
        page.goto(f"{HOST}/guests/rtlinux/performance?range=15m")
        expect(page.get_by_text("CPU time").first).to_be_visible()
        look(page, sizes=(WIDE, SMALL))
    finally:
        destroy(stack, "rtlinux")


PIECE = {"lost": False, "run": 1, "state": "open", "as_of": 0}


def _console(page: "Page", pieces: list[bytes]) -> None:
    """What the guest writes; the host's own answer for everything else."""
    whole = b"".join(pieces)

    def answer(route: "Route") -> None:
        after = json.loads(route.request.post_data or "{}")["after"] or 0
        rest = whole[after:]
        reply = {**PIECE, "data": rest.hex(), "start": after, "end": len(whole)}
        route.fulfill(json={"reply": reply, "verified": True, "job": None})

    page.route("**/operations/guest-console*", answer)


def test_hostile_console_output_stays_text(page: "Page", look: Any) -> None:
    title = page.title()
    page.add_init_script(
        "window.opened = []; window.open = (...given) => { window.opened.push(given); return null; };"
        "window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text); };"
    )
    _console(page, [
        b"\x1b]0;taken over\x07\x1b]2;taken over\x07\x1b]52;c;ZXZpbA==\x07",
        b"\x1b]8;;https://example.invalid/\x07click me\x1b]8;;\x07\r\n",
        b"<img src=x onerror=alert(1)>\r\n\x1b[c\x1b[6n\x1b[21t\x1b[5m\x1b[31mred\x1b[0m\r\n",
        b"".join(b"line %d\r\n" % number for number in range(300)), "Grüße\r\n".encode(),
    ])  # fmt: skip
    page.goto(f"{HOST}/guests/linux1/console")
    heading = page.title()
    page.get_by_role("button", name="As text").click()
    text = page.get_by_role("region", name="Console of linux1 as text")
    expect(text).to_contain_text("line 299")
    expect(text).to_contain_text("Grüße")
    page.get_by_role("button", name="As text").click()
    page.get_by_label("Search the console").fill("line 17")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("11 lines have it")).to_be_visible()
    page.get_by_label("Search the console").fill("onerror")
    page.get_by_label("Search the console").press("Enter")
    expect(page.get_by_text("1 line has it")).to_be_visible()
    page.locator(".console-place").get_by_text("click me").click(force=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "demo-h1-linux1-console.txt"
    content = download.value.path().read_text("utf-8")
    assert "click me\n<img src=x onerror=alert(1)>\nred\nline 0\n" in content
    assert page.title() == heading
    assert "taken over" not in page.title()
    assert title
    assert page.evaluate("window.opened") == []
    assert page.evaluate("window.copied") == []
    assert page.locator(".console-place img, .console-place a").count() == 0
    page.get_by_role("button", name="To the end").click()
    expect(page.locator(".console-place")).to_contain_text("Grüße")
    look(page, sizes=(WIDE, SMALL))


def test_the_console_of_a_guest_that_runs(stack: Stack, page: "Page", look: Any) -> None:
    stack.cli("guest", "start", "h1/linux2", "--wait", "ready")
    try:
        page.goto(f"{HOST}/guests/linux2/console")
        screen = page.locator(".console-place")
        expect(screen).to_contain_text("guestwire-guest: up linux2")
        look(page)
    finally:
        destroy(stack, "linux2")
    expect(page.get_by_text("The guest does not run: this is what it wrote last.")).to_be_visible()
    expect(screen).to_contain_text("guestwire-guest: up linux2")


CONSOLE = """async (m, [may, replies]) => {
  window.asked = [];
  window.session = Object.assign(new EventTarget(), { allowed: may, may() { return this.allowed; } });
  const operation = async (host, name, body) => {
    asked.push([body.guest, body.after, body.run]);
    const reply = replies.shift() ?? { data: "", start: 0, end: body.after, run: body.run };
    if (reply.code) throw Object.assign(new Error(reply.code), reply);
    return { lost: false, state: "open", as_of: 0, ...reply };
  };
  const screen = document.createElement("gw-console-screen");
  const services = { api: { operation }, session, live: { on: () => () => null } };
  Object.assign(screen, { services, host: "s/h", guest: "a" });
  document.body.append(screen);
}"""


def _screen(module_page: Any, may: bool, replies: list[Any]) -> Any:
    page = module_page.page
    page.clock.install()
    module_page.run("views/guest/console_screen.js", CONSOLE, [may, replies])
    return page


def test_the_console_is_read_from_the_oldest_that_is_kept(module_page: Any) -> None:
    full = (b"x" * (64 << 10)).hex()
    page = _screen(module_page, True, [
        {"data": full, "start": 100, "end": 100 + (64 << 10), "run": 1}, {"data": "41", "start": 65636, "end": 65637, "run": 1},
        {"data": "42", "start": 7, "end": 8, "run": 2, "lost": True},
    ])  # fmt: skip
    page.wait_for_function("asked.length === 2")
    assert page.evaluate("asked") == [["a", 0, None], ["a", 65636, 1]]
    assert page.get_by_text("something is missing").count() == 0
    page.clock.run_for(1600)
    page.get_by_text("Warning: something is missing").wait_for()  # of the new run


def test_a_console_that_may_not_be_read_is_not_asked_for(module_page: Any) -> None:
    page = _screen(module_page, False, [{"code": "DENIED", "status": 403}])
    page.get_by_text("takes the role operator").wait_for()
    page.clock.run_for(5000)
    assert page.evaluate("asked") == []
    page.evaluate("session.allowed = true; session.dispatchEvent(new Event('change'))")
    page.clock.run_for(1600)
    page.get_by_text("The console cannot be read").wait_for()
    page.clock.run_for(10_000)
    assert len(page.evaluate("asked")) == 1  # refused: until something is another
    page.evaluate("document.querySelector('gw-console-screen').guest = 'b'")
    page.clock.run_for(3000)
    page.wait_for_function("asked.length > 1")
    assert page.evaluate("asked[1][0]") == "b"


def test_bridges_of_the_machine_are_not_offered(module_page: Any) -> None:
    devices = [{"address": name, "pci_class": number} for name, number in (
        ("host", 0x060000), ("isa", 0x060100), ("pci", 0x060400), ("card", 0x020000), ("taken", 0x020000))]  # fmt: skip
    topology = {"devices": devices, "usb": [{"vendor": 0x46D, "product": 0xC31C}] * 2}
    offered = module_page.run(
        "views/guest/pages.js",
        "(m, topology) => m.freeDevices({ desired: { guests: [{ devices: ['taken'] }] }, data: { inventory: { topology } } })",
        topology,
    )
    assert offered == ["card", "usb:046d:c31c"]
