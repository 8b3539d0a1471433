"""The documents inside: contents, links, search, shortcuts, about; and what does not get into a page."""

from typing import TYPE_CHECKING, Any

from browser import SMALL, WIDE
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_documents_are_read_by_their_contents_and_links(page: "Page", stack: Any, look: Any) -> None:
    page.goto("/help")
    expect(page.get_by_role("heading", name="Guestwire", level=1)).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    contents = page.get_by_role("navigation", name="Documents")
    contents.get_by_role("link", name="Enrolment").click()
    expect(page).to_have_url(f"{stack.url}/help/enrolment")
    expect(page.get_by_role("heading", name="Enrolment", level=1)).to_be_visible()
    expect(contents.get_by_role("link", name="Enrolment")).to_have_attribute("aria-current", "page")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("article").get_by_role("link", name="The site and its keys").first.click()
    expect(page).to_have_url(f"{stack.url}/help/site")
    page.go_back()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Copies").click()
    expect(page.get_by_role("heading", name="Copies")).to_be_in_viewport()
    page.goto("/help/controller/index#health")
    expect(page.get_by_role("heading", name="Health")).to_be_in_viewport()
    page.goto("/help/no/such")
    expect(page.get_by_role("alert")).to_contain_text("There is no document no/such.")


def test_words_are_found(page: "Page", stack: Any) -> None:
    page.goto("/help")
    page.get_by_label("Search the help").fill("commit-confirm zzz")
    expect(page.get_by_text("No document has")).to_be_visible()
    page.get_by_label("Search the help").fill("webhook secret")
    first = page.get_by_role("article").get_by_role("listitem").first
    expect(first.get_by_role("link")).to_be_visible()
    assert "q=webhook+secret" in page.url
    first.get_by_role("link").click()
    expect(page.get_by_role("article").get_by_role("heading", level=1)).not_to_have_text("Search")


def test_shortcuts_and_about(page: "Page", look: Any) -> None:
    page.goto("/help")
    page.get_by_role("link", name="Keyboard shortcuts").click()
    expect(page.get_by_role("row").filter(has_text="Search, or run a command")).to_contain_text("Ctrl")
    look(page)
    page.get_by_role("link", name="About").click()
    expect(page.get_by_text("Guestwire controller")).to_be_visible()
    expect(page.get_by_role("table", name="Packages and their licences")).to_contain_text("uplot")
    look(page, sizes=(WIDE, SMALL))


def test_nothing_that_does_anything_gets_in(module_page: Any) -> None:
    text = (
        "<h1 id=a onclick='x()'>A</h1><script>x()</script><p style='color:red'>b<a href='javascript:x()'>c</a>"
        "<a href='/help/b#c'>d</a><a href='https://e.example'>e</a><img src='data:text/html,x' onerror=x()></p>"
        "<iframe src=/x></iframe><form action=/x><input></form><svg><script>x()</script></svg>"
    )
    made = """(m, text) => {
      const place = document.createElement("div");
      place.append(m.fragmentOf(text));
      return place.innerHTML;
    }"""
    assert module_page.run("views/help/fragment.js", made, text) == (
        '<h1 id="a">A</h1><p>b<a>c</a><a href="/help/b#c">d</a><a href="https://e.example">e</a><img></p>'
    )


def test_search_puts_titles_first(module_page: Any) -> None:
    pages = [
        {"path": "a", "title": "Other", "section": "s", "headings": []},
        {"path": "b", "title": "Locks", "section": "s", "headings": [{"level": 2, "text": "Break", "anchor": "break"}]},
    ]
    texts = {"a": "locks locks locks and more", "b": "how to break one of the locks"}
    find = "(m, [pages, texts, words]) => m.search(pages, texts, words).map((one) => one.path)"
    run = [[pages, texts, words] for words in ("locks", "locks more", "nothing", " ")]
    assert module_page.table("views/help/searching.js", find, run) == [["b", "a"], ["a"], [], []]
