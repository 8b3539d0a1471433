"""Two people at one draft: each sees the other, what goes together is together, and the same place is never overwritten silently."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import PageErrors, new_context
from config_mode import LOADED, drawer, edit_in
from furnished import discard, edit

if TYPE_CHECKING:
    from demo_stack import Stack
    from playwright.sync_api import Browser, Locator, Page

HOST = "demo/h2"
NAME, PASSWORD = "eve", "a-long-enough-word-7"


@pytest.fixture
def eve(browser: "Browser", stack: "Stack", page_errors: PageErrors) -> "Iterator[Page]":
    """Another engineer, in a browser of her own."""
    discard(stack, HOST)
    if stack.ask("GET", f"/users/{NAME}").status_code == 404:
        stack.api("POST", "/users", {"name": NAME, "password": PASSWORD, "must_change": False})
        stack.api("POST", f"/users/{NAME}/bindings", {"role": "engineer", "scope": "*"})
    context = new_context(browser, stack.signed_in(NAME, PASSWORD), base_url=stack.url)
    page = context.new_page()
    page_errors.watch(page)
    yield page
    context.close()
    discard(stack, HOST)


def at_the_draft(page: "Page") -> None:
    page.goto(f"/hosts/{HOST}/guests?mode=config")
    drawer(page).get_by_role("heading", name="Pending changes").wait_for()
    page.wait_for_function(LOADED, arg=HOST)


def value(stack: "Stack", guest: str, field: str) -> Any:
    document = stack.api("GET", f"/drafts/{HOST}")["document"]
    return next(one for one in document["guests"] if one["name"] == guest)[field]


def test_both_see_each_other_and_what_the_other_changes(page: "Page", eve: "Page", stack: "Stack") -> None:
    edit(stack, HOST, [{"path": "guest.linux1.comments", "value": "begun"}])
    at_the_draft(page)
    at_the_draft(eve)
    drawer(eve).get_by_text("also here").wait_for()
    assert "admin" in drawer(eve).inner_text()
    edit_in(page, HOST, {"op": "set", "path": "guest.linux1.memory_mib", "value": 512})
    drawer(eve).get_by_role("link", name="changed memory: 256 MiB → 512 MiB").wait_for()
    edit_in(eve, HOST, {"op": "set", "path": "guest.linux2.memory_mib", "value": 384})
    drawer(page).get_by_role("link", name="changed memory: 256 MiB → 384 MiB").wait_for()
    assert (value(stack, "linux1", "memory_mib"), value(stack, "linux2", "memory_mib")) == (512, 384)


def conflict(page: "Page", stack: "Stack") -> "Locator":
    """While an edit of eve's is on its way, somebody changes the same."""
    edit(stack, HOST, [{"path": "guest.linux1.comments", "value": "begun"}])
    at_the_draft(page)

    faster = [True]

    def somebody_is_faster(route: Any) -> None:
        if route.request.method == "PATCH" and faster:
            faster.clear()
            edit(
                stack,
                HOST,
                [{"path": "guest.linux1.memory_mib", "value": 640}, {"path": "guest.linux2.vcpus", "value": 2}],
            )
        route.continue_()

    page.route("**/api/v1/drafts/demo/h2*", somebody_is_faster)
    edit_in(
        page, HOST, {"op": "set", "path": "guest.linux1.memory_mib", "value": 512},
        {"op": "set", "path": "guest.rtlinux.memory_mib", "value": 300},
    )  # fmt: skip
    panel = drawer(page).get_by_role("alert", name="admin changed the same")
    panel.wait_for()
    assert value(stack, "linux1", "memory_mib") == 640
    return panel


def test_a_conflict_is_shown_and_each_field_chosen(eve: "Page", stack: "Stack", look: Callable[..., None]) -> None:
    panel = conflict(eve, stack)
    first = panel.get_by_role("group", name="guests / linux1: memory")
    assert "On the host: 256 MiB" in first.inner_text()
    first.get_by_label("Take theirs: 640 MiB").wait_for()
    look(eve)
    first.get_by_label("Keep mine: 512 MiB").check()
    panel.get_by_text("guests / rtlinux: memory: 256 MiB → 300 MiB").wait_for()
    panel.get_by_role("button", name="Go on with this choice").click()
    panel.wait_for(state="detached")
    drawer(eve).get_by_role("link", name="changed memory: 256 MiB → 512 MiB").wait_for()
    drawer(eve).get_by_text("Saved, not applied.").wait_for()
    assert (value(stack, "linux1", "memory_mib"), value(stack, "rtlinux", "memory_mib")) == (512, 300)
    assert value(stack, "linux2", "vcpus") == 2


def test_theirs_is_taken_where_nothing_else_is_chosen(eve: "Page", stack: "Stack") -> None:
    panel = conflict(eve, stack)
    panel.get_by_role("button", name="Go on with this choice").click()
    panel.wait_for(state="detached")
    drawer(eve).get_by_role("link", name="changed memory: 256 MiB → 640 MiB").wait_for()
    drawer(eve).get_by_role("link", name="changed memory: 256 MiB → 300 MiB").wait_for()
    drawer(eve).get_by_text("Saved, not applied.").wait_for()
    assert (value(stack, "linux1", "memory_mib"), value(stack, "rtlinux", "memory_mib")) == (640, 300)
