"""Config mode of the dashboard, for tests of what comes after an edit, whichever field made it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LOADED = "(host) => document.querySelector('gw-drawer')?.services.drafts.of(host).loaded"
EDIT = "([host, edits]) => document.querySelector('gw-drawer').services.drafts.of(host).edit(edits)"


def drawer(page: "Page") -> "Locator":
    """The right side of a host's pages."""
    return page.locator("gw-drawer")


def edit_in(page: "Page", host: str, *edits: dict[str, Any]) -> None:
    """Edits as every field of Config mode makes them."""
    page.wait_for_function(LOADED, arg=host)
    page.evaluate(EDIT, [host, list(edits)])
