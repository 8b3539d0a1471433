"""Whether a page can be used by everybody, as far as axe-core sees: WCAG 2.2 A and AA."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.broker_test.fixtures import require

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / ".cache/web-tools/node_modules/axe-core/axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
THEMES = ("light", "dark")
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""Rules that a theme makes a difference to: the others are looked at in the first theme only."""
_SHOWN = 10
_RUN = """async (options) => {
  const found = await axe.run(document, { resultTypes: ["violations"], ...options });
  return found.violations.map((one) => ({
    rule: one.id, why: one.help,
    nodes: one.nodes.map((node) => ({ target: node.target.join(" "), html: node.html, why: node.failureSummary })),
  }));
}"""


@cache
def source() -> str:
    """The program, to be put into a page. Skips (or fails, see `require`) where it is not installed."""
    require("chromium", SOURCE.exists(), "no axe-core here: deploy/setup.sh test installs it")
    return SOURCE.read_text("utf-8")


def violations(page: "Page", *, colours: bool = False, leave_out: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Of the page as it is. `colours`: by the rules about colours alone. `leave_out`: rules."""
    if not page.evaluate("typeof axe === 'object'"):
        # evaluated by the browser's own tools: the page's policy lets no other script in
        page.evaluate(source())
    rules = [rule for rule in OF_COLOURS if rule not in leave_out]
    options = {"runOnly": {"type": "rule", "values": rules}} if colours else {
        "runOnly": {"type": "tag", "values": [*RULES]}, "rules": {rule: {"enabled": False} for rule in leave_out}
    }  # fmt: skip
    found: list[dict[str, Any]] = page.evaluate(_RUN, options)
    return found


def look(
    page: "Page", *, themes: Sequence[str] = THEMES, sizes: Sequence[dict[str, int]] = (), leave_out: Sequence[str] = ()
) -> None:
    """Fails with what is wrong with the page in these themes, at these sizes (none: as it is). `leave_out`: rules."""
    before, size = page.evaluate("document.documentElement.dataset.theme ?? ''"), page.viewport_size
    wrong: list[str] = []
    page.locator(".coming").wait_for(state="detached")  # nothing is wrong with what is hidden
    for to in sizes or (size,):
        if to is not None and to != page.viewport_size:
            page.set_viewport_size(to)  # type: ignore[arg-type]
        for theme in themes:
            put_theme(page, theme)
            found = violations(page, colours=theme != THEMES[0], leave_out=leave_out)
            wrong += [f"{theme} {to}: {line}" for one in found for line in _lines(one)]
    put_theme(page, before)
    if size is not None and page.viewport_size != size:
        page.set_viewport_size(size)
    assert not wrong, f"{page.url}\n" + "\n".join(wrong)


def put_theme(page: "Page", theme: str) -> None:
    """As the dashboard's own switch does, for as long as nothing else switches it."""
    page.evaluate(
        "(theme) => { const root = document.documentElement; root.dataset.theme = theme; root.style.colorScheme = theme; }",
        theme,
    )


def _lines(one: dict[str, Any]) -> list[str]:
    """Each node with the rule, the selector, its HTML and why."""
    nodes = [
        f"{one['rule']} ({one['why']})\n  {node['target']}\n  {node['html'][:300]}\n  {' '.join(node['why'].split())[:400]}"
        for node in one["nodes"][:_SHOWN]
    ]
    return [*nodes, *([f"{one['rule']}: {more} more"] if (more := len(one["nodes"]) - _SHOWN) > 0 else [])]
