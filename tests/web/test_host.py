"""The pages of a host, as a user goes through them on the real demo: CPUs, memory, devices, networks, guests, settings."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

H1 = "/hosts/demo/h1"
PAGES = ("", "/cpu", "/memory", "/devices", "/network", "/guests", "/autostart", "/templates", "/settings")


@pytest.fixture(autouse=True)
def no_drafts(stack: Any) -> Iterator[None]:
    """Every test begins without a draft, and leaves none: not even where its last edit was on its way when its page was closed."""
    yield
    for host in ("h1", "h2"):
        path = f"/drafts/demo/{host}"
        while (found := stack.ask("GET", path)).status_code == 200:
            stack.ask("DELETE", path, headers={"If-Match": found.headers["etag"]})


def stored(stack: Any, host: str = "h1") -> Any:
    return stack.api("GET", f"/drafts/demo/{host}")["document"]


def guest(document: Any, name: str) -> Any:
    return next(one for one in document["guests"] if one["name"] == name)


def sign(stack: Any, page: "Page", operation: str) -> None:
    """What disrupts a host is signed: here with the key of the command line. What a browser's own key does is test_sync's."""
    dialog = page.get_by_role("dialog", name="Sign what is to be allowed")
    expect(dialog).to_contain_text(operation)
    for one in stack.api("GET", "/approvals", state="open")["items"]:
        stack.cli("--yes", "approval", "sign", one["id"])
    dialog.get_by_role("button", name="Close").click()


def test_cpus_are_given_by_clicks_and_keys(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/cpu?mode=config")
    box = page.get_by_role("checkbox", name="CPU1 to linux1", exact=True)
    expect(box).to_have_attribute("aria-checked", "mixed")  # no CPU set: it may run there
    box.click()
    expect(box).to_have_attribute("aria-checked", "true")
    expect(page.locator("td.changed")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="CPU0 to linux1", exact=True)).to_have_attribute("aria-checked", "true")
    row = page.get_by_role("row", name=re.compile("^CPU3 "))
    expect(row).to_contain_text("isolated")
    page.get_by_role("checkbox", name="CPU3 to linux1", exact=True).click()
    expect(page.get_by_role("list", name="What the rules say of the CPUs")).to_contain_text("CPU-OVERLAP")
    expect(page.locator("tbody th", has_text="CPU3")).to_contain_text("✕")
    page.get_by_role("checkbox", name="CPU3 to linux1", exact=True).click()
    expect(page.locator("main")).not_to_contain_text("CPU-OVERLAP")
    with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        page.get_by_label("vCPUs of linux1").fill("2")
        page.keyboard.press("Tab")
    expect(page.locator("th.cpu-col.changed")).to_have_count(1)
    page.reload()
    expect(page.get_by_role("checkbox", name="CPU0 to linux1", exact=True)).to_have_attribute("aria-checked", "true")
    assert guest(stored(stack), "linux1")["cpuset"] == "0-1"
    assert guest(stored(stack), "linux1")["vcpus"] == 2


def test_the_host_keeps_a_cpu_and_takes_all_back(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/cpu?mode=config")
    page.get_by_role("checkbox", name="CPU0 to HOST", exact=True).click()
    expect(page.get_by_role("checkbox", name="CPU0 to HOST", exact=True)).to_have_attribute("aria-checked", "false")
    page.get_by_role("checkbox", name="CPU1 to HOST", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="keeps at least one CPU")).to_be_visible()
    page.get_by_role("button", name="HOST: all that no rt guest has").click()
    expect(page.locator("td.changed")).to_have_count(0)


def test_in_run_mode_the_matrix_shows_pins_and_loads(page: "Page") -> None:
    page.goto(f"{H1}/cpu")
    box = page.get_by_role("checkbox", name="CPU2 to rtlinux", exact=True)
    expect(box).to_have_text("0")
    expect(page.get_by_role("checkbox", name="CPU3 to rtlinux", exact=True)).to_have_text("e")
    expect(box).to_have_attribute("aria-readonly", "true")
    box.click()
    expect(page.get_by_role("status").filter(has_text="switch to Config")).to_be_visible()
    expect(page.locator(".cpu-load span").first).to_have_text(re.compile(r"^\d+ %$"))


def test_memory_follows_what_is_typed(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/memory?mode=config")
    part = page.locator(".memory-bar .g2")
    part.wait_for()
    before = part.bounding_box()
    size = page.get_by_label("Memory of linux1 in MiB")
    size.fill("4096")
    after = part.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > 5 * before["width"]
    size.press("Tab")
    expect(page.locator("tr.changed")).to_contain_text("was 256 MiB")
    size.fill("64000")
    size.press("Tab")
    expect(page.get_by_role("list", name="What the rules say of the memory")).to_contain_text("MEM-HOST-RESERVE")
    expect(page.locator(".memory-legend")).to_contain_text("Too much by")
    size.fill("1024")
    size.press("Tab")
    expect(page.locator("main")).not_to_contain_text("MEM-HOST-RESERVE")


def test_a_pool_of_huge_pages_is_added_and_removed(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/memory?mode=config")
    form = page.get_by_role("form", name="Add a pool of huge pages")
    form.get_by_label("Pages").fill("512")
    form.get_by_role("button", name="Add pool").click()
    pages = page.get_by_label("Pages of 2 MiB on node all")
    expect(pages).to_have_value("512")
    expect(page.locator(".memory-legend")).to_contain_text("Free 2 MiB huge pages 1 GiB")
    pages.fill("1024")
    pages.press("Tab")
    expect(page.locator(".memory-legend")).to_contain_text("Free 2 MiB huge pages 2 GiB")
    page.get_by_role("button", name="Remove the pool of 2 MiB on node all").click()
    expect(page.locator("main")).to_contain_text("No huge pages are kept")


def test_a_device_is_given_and_taken_back(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/devices?mode=config")
    row = page.get_by_role("row", name=re.compile("^0000:02:00.0"))
    expect(row).to_contain_text("Ethernet adapter")
    expect(row).to_contain_text("Intel I210")
    row.get_by_label("Owner of 0000:02:00.0").select_option("linux1")
    expect(row).to_have_class(re.compile("changed"))
    expect(row).to_contain_text("was host")
    row.get_by_label("Owner of 0000:02:00.0").select_option("host")
    expect(row).not_to_have_class(re.compile("changed"))
    keyboard = page.get_by_role("row", name=re.compile("Logitech USB Keyboard"))
    keyboard.get_by_label("Owner of usb:046d:c31c").select_option("linux1")
    page.get_by_role("button", name="Release usb:046d:c31c from linux1").click()
    expect(page.locator("main")).to_contain_text("No guest has a USB device")
    usb = page.get_by_role("form", name="Give a USB device")
    usb.get_by_label("Vendor and product").fill("nonsense")
    usb.get_by_role("button", name="Give to guest").click()
    expect(usb.get_by_role("alert")).to_contain_text("four hexadecimal digits")
    usb.get_by_label("Vendor and product").fill("0403:6001")
    usb.get_by_label("Guest").select_option("linux2")
    usb.get_by_role("button", name="Give to guest").click()
    page.get_by_role("button", name="Release usb:0403:6001 from linux2").click()
    expect(page.locator("main")).to_contain_text("No guest has a USB device")
    page.get_by_role("button", name="Update device details").click()
    expect(page.get_by_role("status").filter(has_text="asked anew")).to_be_visible()


def test_adapters_are_shown_with_their_links(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/devices")
    expect(page.locator("main")).to_contain_text("As the host is now")
    adapters = page.get_by_role("table", name="Network adapters of the host")
    first = adapters.get_by_role("row", name=re.compile("^eth0"))
    for text in ("link up", "management", "1 Gbit/s", "192.0.2.", "0000:01:00.0"):
        expect(first).to_contain_text(text)
    expect(first).to_contain_text(re.compile("02:47(:[0-9a-f]{2}){4}"))
    second = adapters.get_by_role("row", name=re.compile("^eth1"))
    expect(second).to_contain_text("link down")
    expect(second).not_to_contain_text("management")
    devices = page.get_by_role("table", name="PCI devices and their owners")
    expect(devices.get_by_role("row", name=re.compile("0000:01:00.0"))).to_contain_text("management")
    expect(devices.get_by_role("row", name=re.compile("0000:02:00.0"))).to_contain_text("link down")


def test_links_that_change_are_told(module_page: Any) -> None:
    told = """async (m, links) => {
      const asked = [];
      const api = { operation: async (host, operation) => {
        asked.push(`${operation} ${host}`);
        const [a, b] = links.shift();
        return { topology: { devices: [{ net: [{ ifname: "a", link: a }, { ifname: "b", link: b }] }, {}] } };
      } };
      const read = m.linkReader(api, "s/h");
      const said = [];
      while (links.length) said.push((await read()).changes.map(({ ifname, link }) => `${ifname} ${link}`));
      return [said, asked[0]];
    }"""
    links = [["up", "down"], ["down", "down"], ["down", "up"]]
    said = module_page.run("views/host/device_links.js", told, links)
    assert said == [[[], ["a down"], ["b up", "a down"]], "host-topology s/h"]


def test_a_network_is_added_edited_and_removed(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/network?mode=config")
    page.get_by_role("button", name="Add network").click()
    dialog = page.get_by_role("dialog", name="Add a virtual network")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert")).to_contain_text("letters")
    dialog.get_by_label("Name").fill("lan")
    dialog.get_by_label("Mode").select_option("nat")
    dialog.get_by_label("Addresses").fill("10.77.0.0/24")
    dialog.get_by_role("button", name="Add").click()
    row = page.get_by_role("row", name=re.compile("^lan"))
    expect(row).to_contain_text("10.77.0.0/24")
    expect(row).to_contain_text("not on the host yet")
    expect(page.get_by_role("heading", name="Network lan")).to_be_visible()
    cidr = page.locator('[data-field="cidr"] input')
    cidr.fill("10.78.0.0/24")
    cidr.press("Tab")
    expect(row).to_contain_text("10.78.0.0/24")
    page.get_by_role("button", name="Remove network lan").click()
    asked = page.get_by_role("dialog", name="Remove network lan")
    expect(asked.get_by_role("button", name="Remove from draft")).to_be_disabled()
    asked.get_by_role("textbox").fill("lan")
    asked.get_by_role("button", name="Remove from draft").click()
    expect(page.locator("main")).to_contain_text("No virtual network joins")


def test_guests_are_added_copied_renamed_and_removed(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/guests?mode=config")
    page.get_by_role("button", name="Add guest").click()
    dialog = page.get_by_role("dialog", name="Add a guest")
    dialog.get_by_label("Name").fill("hmi")
    dialog.get_by_label("vCPUs").fill("2")
    dialog.get_by_label("Memory in MiB").fill("2048")
    dialog.get_by_role("button", name="Add to draft").click()
    row = page.get_by_role("row", name=re.compile("^hmi"))
    expect(row).to_contain_text("2 GiB")
    expect(row).to_contain_text("not on the host yet")
    row.get_by_role("button", name="Edit").click()
    page.get_by_role("menuitem", name="Copy").click()
    copy = page.get_by_role("dialog", name="Copy hmi")
    copy.get_by_label("Name of the copy").fill("hmi2")
    copy.get_by_role("button", name="Add the copy").click()
    second = page.get_by_role("row", name=re.compile("^hmi2"))
    expect(second).to_contain_text("2 GiB")
    second.get_by_role("button", name="Edit").click()
    page.get_by_role("menuitem", name="Rename").click()
    rename = page.get_by_role("dialog", name="Rename hmi2")
    rename.get_by_label("New name").fill("panel")
    rename.get_by_role("button", name="Rename").click()
    panel = page.get_by_role("row", name=re.compile("^panel"))
    panel.get_by_role("button", name="Edit").click()
    page.get_by_role("menuitem", name="Remove").click()
    asked = page.get_by_role("dialog", name="Remove guest panel")
    asked.get_by_role("textbox").fill("panel")
    asked.get_by_role("button", name="Remove from draft").click()
    expect(panel).to_have_count(0)
    expect(row).to_be_visible()


def test_autostart_has_its_rules(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/autostart?mode=config")
    page.get_by_label("Start guests with the host").check()
    page.get_by_label("Standalone").check()
    rules = page.get_by_role("list", name="What the rules say of the autostart")
    expect(rules).to_contain_text("STANDALONE-MULTI-CONSOLE")
    page.get_by_label("Autostart of linux1").select_option("console")
    expect(rules).to_contain_text("AUTOSTART-NO-AUTOLOGIN")
    expect(rules).not_to_contain_text("STANDALONE-MULTI-CONSOLE")
    # step by step it is the same guest's, wherever that belongs by now
    order = page.get_by_label("Order of rtlinux")
    order.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
        page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(order).to_have_value("3")
    expect(order).to_be_focused()
    for other in ("linux1", "linux2"):
        expect(page.get_by_label(f"Order of {other}")).to_have_value("0")
    page.get_by_label("Order of linux1").fill("5")
    page.get_by_label("Order of linux1").press("Tab")
    expect(page.get_by_label("linux1 is disabled: never started")).to_be_focused()
    page.get_by_label("Standalone").focus()
    expect(page.locator("tbody tr").last).to_contain_text("linux1")
    mode = page.get_by_label("Autostart of linux2")
    for choice in ("headless", "console"):
        mode.select_option(choice)
    for before in ("headless", "off"):
        page.get_by_role("button", name="Undo", exact=True).click()
        expect(mode).to_have_value(before)
    page.get_by_label("rtlinux is disabled: never started").check()
    expect(page.locator("tr.changed")).to_have_count(2)


def test_an_image_and_a_template_are_added(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/templates?mode=config")
    page.get_by_role("button", name="Add image").click()
    dialog = page.get_by_role("dialog", name="Add an image")
    dialog.get_by_label("Identifier").fill("rt-linux")
    dialog.get_by_label("File on the host").fill("/var/lib/images/rt-linux")
    dialog.get_by_role("button", name="Add to draft").click()
    expect(page.get_by_role("heading", name="Image rt-linux")).to_be_visible()
    page.get_by_role("button", name="Add template").click()
    template = page.get_by_role("dialog", name="Add a template")
    template.get_by_label("Identifier").fill("rt")
    template.get_by_role("button", name="Add to draft").click()
    expect(page.get_by_role("row", name=re.compile("^rt new"))).to_contain_text("real-time")
    page.get_by_role("button", name="Remove image rt-linux").click()
    asked = page.get_by_role("dialog", name="Remove image rt-linux")
    asked.get_by_role("textbox").fill("rt-linux")
    asked.get_by_role("button", name="Remove from draft").click()
    expect(page.locator("main")).to_contain_text("No images")


def test_settings_are_judged_and_the_level_is_set(stack: Any, page: "Page") -> None:
    page.goto(f"{H1}/settings?mode=config")
    swap = page.locator('[data-field="swap_mib"] input')
    swap.fill("500")
    swap.press("Tab")
    expect(page.get_by_role("list", name="What the rules say of the settings")).to_contain_text("SWAP-MIN")
    swap.fill("2048")
    swap.press("Tab")
    expect(page.locator("main")).not_to_contain_text("SWAP-MIN")
    page.locator('[data-field="profile"] select').select_option("system-manager")
    expect(page.locator('[data-field="profile"].changed')).to_be_visible()
    page.get_by_role("button", name="Set level").click()
    expect(page.get_by_role("status").filter(has_text="log-level on demo/h1: done")).to_be_visible()


def test_a_host_is_named(stack: Any, page: "Page") -> None:
    page.goto("/hosts/demo/h2")
    page.get_by_role("button", name="Edit names and labels").click()
    dialog = page.get_by_role("dialog", name="Names of h2")
    dialog.get_by_label("Name", exact=True).fill("press 2")
    dialog.get_by_label("Labels").fill("line=3, <b>rack</b>=b")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("."))).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Edit names and labels").click()
    dialog.get_by_label("Name", exact=True).fill("press 2")
    dialog.get_by_label("Labels").fill("line=3, rack=b")
    dialog.get_by_label("Notes").fill("behind the <script>alert(1)</script> door")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1, name="press 2")).to_be_visible()
    expect(page.locator(".chip", has_text="rack = b")).to_be_visible()
    expect(page.locator(".host-notes")).to_have_text("behind the <script>alert(1)</script> door")
    page.get_by_role("button", name="Edit names and labels").click()
    for field in ("Name", "Labels", "Notes"):
        dialog.get_by_label(field, exact=True).fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".host-notes")).to_have_count(0)


def test_guests_start_and_stop_from_the_overview(stack: Any, page: "Page") -> None:
    page.goto("/hosts/demo/h2")
    row = page.get_by_role("row", name=re.compile("^linux2"))
    start, shut_down = (
        row.get_by_role("button", name=re.compile(f"^{word} linux2")) for word in ("Start", "Shut down")
    )
    expect(shut_down).to_have_attribute("aria-disabled", "true")
    across = "([one, other]) => [one, other].map((each) => [each.getBoundingClientRect().left, each.offsetWidth])"
    both = [start.element_handle(), shut_down.element_handle()]
    places = page.evaluate(across, both)
    start.click()
    expect(row).to_contain_text(re.compile("running|ready"))
    expect(start).to_have_attribute("aria-disabled", "true")
    assert page.evaluate(across, both) == places
    expect(page.locator("main")).to_contain_text("guest-start")
    row.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Power off").click()
    asked = page.get_by_role("dialog", name=re.compile("Power off"))
    asked.get_by_role("textbox").fill("linux2")
    asked.get_by_role("button", name="Power off").click()
    sign(stack, page, "guest-destroy")
    expect(row).to_contain_text("stopped")


def test_the_host_is_controlled_by_its_typed_name(stack: Any, page: "Page") -> None:
    page.goto("/hosts/demo/h2")
    page.get_by_role("button", name="Communication").click()
    page.get_by_role("menuitem", name="Restart communication", exact=True).click()
    asked = page.get_by_role("dialog", name=re.compile("Restart communication"))
    expect(asked.get_by_role("button", name="Restart communication", exact=True)).to_be_disabled()
    asked.get_by_role("textbox").fill("h2")
    asked.get_by_role("button", name="Restart communication", exact=True).click()
    sign(stack, page, "comm-restart")
    expect(page.get_by_role("status").filter(has_text="comm-restart on demo/h2: done")).to_be_visible()
    page.get_by_role("button", name="Host power").click()
    expect(page.get_by_role("menuitem")).to_have_count(4)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More", exact=True).first.click()
    page.get_by_role("menuitem", name="Sync hardware info").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("machine|read anew"))).to_be_visible()


def test_every_page_can_be_edited_by_everybody(page: "Page", look: Any) -> None:
    """In Config mode; as they are shown, test_every_view.py looks at them."""
    for path in PAGES:
        page.goto(f"{H1}{path}?mode=config")
        page.locator("main h2").first.wait_for()
        look(page)
