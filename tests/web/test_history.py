"""What a host was: revisions, what differs between two, the way back; drift; the edits of a draft and restoring one."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from furnished import discard, edit
from put_back import active, ended, put_back, rebased

if TYPE_CHECKING:
    from conftest import ModulePage
    from demo_stack import Stack
    from playwright.sync_api import Page

HOST = "demo/h1"
PLACE = f"/hosts/{HOST}/history"


@pytest.fixture
def host(stack: "Stack") -> Iterator[None]:
    with put_back(stack, HOST):
        yield


def applied(stack: "Stack", mib: int, comment: str) -> int:
    """The number of a revision more."""
    edit(stack, HOST, [{"path": "guest.linux2.memory_mib", "value": mib}])
    plan = stack.api("POST", f"/drafts/{HOST}/plan", {})
    ordered = stack.api("POST", f"/drafts/{HOST}/apply", {"plan_id": plan["plan"]["plan_id"], "comment": comment})
    number = int(ended(stack, ordered)["reply"]["revision"]["number"])
    rebased(stack, HOST, number)
    return number


@pytest.mark.usefixtures("host")
def test_revisions_are_compared_and_one_is_true_again(page: "Page", stack: "Stack", look: Callable[..., None]) -> None:
    first = applied(stack, 288, "a little more")
    second = applied(stack, 304, "and more")
    page.goto(PLACE)
    row = page.get_by_role("row", name=re.compile("and more"))
    row.get_by_text("active").wait_for()
    assert "admin" in row.inner_text()
    page.get_by_text("memory: 288 MiB → 304 MiB").wait_for()
    look(page)
    page.get_by_label("From").select_option(str(first - 1))
    page.get_by_text("memory: 256 MiB → 304 MiB").wait_for()
    assert f"from={first - 1}" in page.url
    page.get_by_text("The project files, line by line").click()
    text = page.get_by_role("region", name=re.compile("line by line"))
    assert "added memory_mib = 304" in re.sub(r"\s+", " ", text.inner_text().replace("+", ""))

    page.get_by_role("button", name=f"Roll back to revision {first}").click()
    page.get_by_text(f"back to revision {first} of the host").wait_for()
    page.get_by_role("row", name=re.compile("304 MiB 288 MiB")).wait_for()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_role("region", name="Progress").get_by_text("In sync.").wait_for()
    assert active(stack, HOST)["revision"]["number"] == second + 1
    assert active(stack, HOST)["revision"]["origin"] == "rollback"
    page.goto(PLACE)
    page.get_by_role("row", name=re.compile(f"^{second + 1} .*rolled back")).wait_for()


@pytest.mark.usefixtures("host")
def test_a_draft_is_restored(page: "Page", stack: "Stack", look: Callable[..., None]) -> None:
    was = edit(stack, HOST, [{"path": "guest.linux2.comments", "value": "first thought"}])["revision"]
    discard(stack, HOST)
    page.goto(f"{PLACE}?show=draft")
    page.get_by_text("admin discarded").first.wait_for()
    look(page)
    page.get_by_role("button", name=f"Restore draft revision {was}").click()
    page.get_by_role("dialog", name="Restore the draft").get_by_role("button", name="Restore").click()
    page.get_by_text("admin restored").first.wait_for()
    document = stack.api("GET", f"/drafts/{HOST}")["document"]
    assert next(one for one in document["guests"] if one["name"] == "linux2")["comments"] == "first thought"


@pytest.mark.usefixtures("host")
def test_what_happens_to_drift_is_chosen_in_config_mode(page: "Page", look: Callable[..., None]) -> None:
    page.goto(f"{PLACE}?show=drift")
    page.get_by_text("Nothing: the host is what its active revision says.").wait_for()
    look(page)
    page.get_by_role("link", name="Change it in Config mode").click()
    page.get_by_label("When somebody changes a guest behind our back").select_option("enforce")
    page.locator("gw-drawer").get_by_role("link", name="changed on drift: report → enforce").wait_for()


def guests(**memory: int) -> dict[str, Any]:
    return {
        "guests": [{"name": name, "memory_mib": mib} for name, mib in memory.items()],
        "settings": {"swap_mib": None},
    }


DIFFERENCES: tuple[tuple[Any, Any, list[Any]], ...] = (
    (guests(a=1), guests(a=1), []),
    (guests(a=1), guests(a=2), [["guests.a.memory_mib", 1, 2]]),
    (guests(a=1, b=2), guests(b=2), [["guests.a", {"name": "a", "memory_mib": 1}, None]]),
    (guests(a=1, b=2), guests(b=2, a=1), []),
    ({"settings": {"swap_mib": None}}, {"settings": {"swap_mib": 5}}, [["settings.swap_mib", None, 5]]),
    ({"base_revision": 1, "host_cpuset": None}, {"base_revision": 2, "host_cpuset": "0"}, [["host_cpuset", None, "0"]]),
    (
        {"areas": [{"name": "a.b", "overrides": {"x": "R---"}}]}, {"areas": [{"name": "a.b", "overrides": {"x": "RW--"}}]},
        [['areas."a.b".overrides', {"x": "R---"}, {"x": "RW--"}]],
    ),
    ({"images": [{"id": "i", "name": "x"}]}, {"images": [{"id": "i", "name": "y"}]}, [["images.i.name", "x", "y"]]),
)  # fmt: skip


def test_what_differs_between_two_documents(module_page: "ModulePage") -> None:
    function = "(m, [a, b]) => m.differences(a, b).map((one) => [one.path, one.before, one.after])"
    cases = [[before, after] for before, after, _ in DIFFERENCES]
    assert module_page.table("core/changes.js", function, cases) == [found for _, _, found in DIFFERENCES]


TEXTS: tuple[tuple[str, str, list[str]], ...] = (
    ("a\nb\nc", "a\nb\nc", [" a", " b", " c"]),
    ("a\nb\nc", "a\nx\nc", [" a", "-b", "+x", " c"]),
    ("a\nb", "a\nb\nc", [" a", " b", "+c"]),
    ("a\nb\nc\nd", "b\nd\ne", ["-a", " b", "-c", " d", "+e"]),
    ("", "a", ["-", "+a"]),
)


def test_what_differs_between_two_texts(module_page: "ModulePage") -> None:
    function = """(m, [a, b]) => m.textDifference(a, b).map((one) => ({ same: " ", added: "+", removed: "-" })[one.kind] + one.text)"""
    cases = [[before, after] for before, after, _ in TEXTS]
    assert module_page.table("core/changes.js", function, cases) == [lines for _, _, lines in TEXTS]


def test_what_is_the_same_far_from_a_change_is_left_out(module_page: "ModulePage") -> None:
    before = "\n".join(str(n) for n in range(50))
    function = "(m, [a, b]) => m.shortened(m.textDifference(a, b), 2).map((one) => one.count ?? one.text)"
    found = module_page.run("core/changes.js", function, [before, before.replace("\n25\n", "\nx\n")])
    assert found == [23, "23", "24", "25", "x", "26", "27", 22]
