"""Alarms and their rules: one is made, raises an alarm, which is acknowledged and cleared; the rule is changed and removed."""

import re
from typing import TYPE_CHECKING, Any

from browser import SMALL, WIDE, expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

RULE = "load-is-measured"


def alarms(page: "Page") -> "Locator":
    return page.get_by_role("table", name="Alarms").locator("tbody tr")


def make_rule(page: "Page") -> None:
    page.goto("/alarms/rules")
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("form", name="New rule")
    form.get_by_label("Name").fill(RULE)
    form.get_by_label("Series").fill('guestwire_host_load{window="15m"}')
    form.get_by_label("Is", exact=True).select_option(">=")
    form.get_by_label("Value").fill("0")
    form.get_by_label("Severity").select_option("info")
    form.get_by_label("Says").fill("{host} has a load of {value}")
    form.get_by_role("button", name="Make rule").click()
    expect(page.get_by_role("link", name=RULE)).to_be_visible()


def test_an_alarm_from_its_rule_to_its_end(page: "Page", stack: Any, look: Any) -> None:
    page.goto("/alarms?rule=nobody-has-it")
    expect(page.get_by_text("No such alarm")).to_be_visible()
    make_rule(page)
    try:
        page.goto(f"/alarms?rule={RULE}")
        expect(alarms(page)).to_have_count(2)
        expect(alarms(page).first).to_contain_text("info")
        look(page, sizes=(WIDE, SMALL))
        page.get_by_role("link", name=re.compile("h1 has a load of")).click()
        detail = page.get_by_role("region", name=re.compile("h1 has a load of"))
        expect(detail).to_contain_text('window="15m"')
        look(page)
        detail.get_by_role("button", name="Acknowledge…").click()
        page.get_by_role("dialog").get_by_label("Note").fill("the fan <b>is</b> loud")
        page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
        expect(detail).to_contain_text("by admin")
        expect(detail).to_contain_text("the fan <b>is</b> loud")
        page.get_by_label("State").select_option("acknowledged")
        expect(alarms(page)).to_have_count(1)
        page.get_by_role("checkbox", name="Choose all 1").check()
        page.get_by_role("button", name="Clear chosen…").click()
        page.get_by_role("dialog").get_by_role("button", name="Clear").click()
        expect(page.get_by_text("There are no such alarms").or_(page.get_by_text("No such alarm"))).to_be_visible()
        page.get_by_label("State").select_option("cleared")
        expect(alarms(page)).to_have_count(1)
        expect(alarms(page)).to_contain_text("cleared")
        page.reload()
        expect(alarms(page)).to_contain_text("demo/h1")
    finally:
        for rule in stack.api("GET", "/alarm-rules")["items"]:
            if rule["name"] == RULE:
                stack.api("DELETE", f"/alarm-rules/{RULE}", headers={"If-Match": f'"{rule["revision"]}"'})


def test_a_rule_is_changed_turned_off_and_removed(page: "Page", look: Any) -> None:
    page.goto("/alarms/rules")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="guest-crashed"))
    expect(row).to_contain_text("shipped")
    make_rule(page)
    own = page.get_by_role("row").filter(has=page.get_by_role("link", name=RULE))
    expect(own).to_contain_text("admin")
    page.get_by_role("switch", name=f"Rule {RULE}").click()
    expect(page.get_by_role("switch", name=f"Rule {RULE}")).to_have_attribute("aria-checked", "false")
    own.get_by_role("link", name=RULE).click()
    form = page.get_by_role("form", name=f"Rule {RULE}")
    expect(form.get_by_label("Enabled")).not_to_be_checked()
    form.get_by_label("Hosts").fill("no such=(")
    form.get_by_role("button", name="Save rule").click()
    expect(form.get_by_role("alert")).to_be_visible()
    form.get_by_label("Hosts").fill("site=demo")
    form.get_by_label("Looks at").select_option("presence")
    form.get_by_label("flapping").check()
    look(page, sizes=(WIDE, SMALL))
    form.get_by_role("button", name="Save rule").click()
    expect(own).to_contain_text("a host is offline or flapping")
    expect(own).to_contain_text("site=demo")
    own.get_by_role("link", name=RULE).click()
    page.get_by_role("button", name="Remove rule…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Remove")).to_be_disabled()
    dialog.get_by_label(f"Type {RULE} to confirm").fill(RULE)
    dialog.get_by_role("button", name="Remove").click()
    expect(own).to_have_count(0)


def test_every_kind_of_trigger_has_its_fields(page: "Page", look: Any) -> None:
    page.goto("/alarms/rules?new=1")
    form = page.get_by_role("form", name="New rule")
    fields = {
        "metric": "Series",
        "presence": "online",
        "connection": "After seconds",
        "notice": "Events",
        "trouble": "Kinds",
    }
    for kind, field in fields.items():
        form.get_by_label("Looks at").select_option(kind)
        expect(form.get_by_label(field, exact=True)).to_be_visible()
        look(page, themes=("light",))
