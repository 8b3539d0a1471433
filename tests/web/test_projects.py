"""Projects and examples: made, saved, opened, exported, imported, taken back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE
from demo_stack import Refused, Stack
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

FILE = 'schema = 1\nname = "from a file"\n\n[hosts.h1.guests.web]\nkind = "gp"\nvcpus = 1\nmemory_mib = 256\n'


@pytest.fixture
def names(stack: Stack) -> Any:
    """Names of projects that are gone after the test, and with them the drafts of both hosts."""
    given: list[str] = []

    def name(text: str) -> str:
        given.append(text)
        return text

    yield name
    for one in given:
        forget(stack, f"/projects/{one}")
    for host in ("demo/h1", "demo/h2"):
        forget(stack, f"/drafts/{host}")


def forget(stack: Stack, path: str) -> None:
    found = stack.ask("GET", path)
    if found.status_code == 200:
        stack.api("DELETE", path, headers={"If-Match": found.headers["ETag"]})


def confirm(page: "Page", name: str, action: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"Type {name} to confirm").fill(name)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def choose_file(page: "Page", tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Import a file").click()
    chosen.value.set_files(file)


def test_a_project_is_made_of_hosts_saved_renamed_and_removed(
    page: "Page", stack: Stack, names: Any, look: Any
) -> None:
    names("line7")
    names("line8")
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    dialog = page.get_by_role("dialog", name="New project")
    dialog.get_by_label("Name", exact=True).fill("line7")
    dialog.get_by_label("Title").fill("The seventh line")
    dialog.get_by_role("button", name="Make the project").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Choose a host at least")
    dialog.get_by_role("checkbox").nth(0).check()
    dialog.get_by_role("checkbox").nth(1).check()
    look(page)
    dialog.get_by_role("button", name="Make the project").click()
    expect(page).to_have_url(f"{stack.url}/projects/line7")
    expect(page.get_by_role("heading", name="line7", level=1)).to_be_visible()
    expect(page.get_by_text("The seventh line", exact=True)).to_be_visible()
    hosts = page.get_by_role("table", name="Hosts of the project").locator("tbody tr")
    expect(hosts).to_have_count(2)
    expect(hosts.first).to_contain_text("rtlinux, linux1, linux2")
    look(page, sizes=(WIDE, SMALL))

    draft = stack.ask("GET", "/drafts/demo/h1")
    edits = [{"op": "set", "path": "guest.linux1.memory_mib", "value": 384}]
    stack.api("PATCH", "/drafts/demo/h1", edits, headers={"If-Match": draft.headers["ETag"]})
    page.get_by_role("button", name="Save drafts into it").click()
    dialog = page.get_by_role("dialog", name="Save into line7")
    expect(dialog.get_by_role("checkbox", checked=True)).to_have_count(2)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("revision 2, saved by admin")).to_be_visible()

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("line8")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page).to_have_url(f"{stack.url}/projects/line8")

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Remove").click()
    confirm(page, "line8", "Remove")
    expect(page).to_have_url(f"{stack.url}/projects")
    expect(page.get_by_role("link", name="line8")).to_have_count(0)


def test_a_project_tells_what_opening_it_does_and_opens(page: "Page", stack: Stack, names: Any, look: Any) -> None:
    stack.api("PUT", f"/projects/{names('opened')}", {"site": "demo", "text": FILE}, headers={"If-None-Match": "*"})
    page.goto("/projects")
    page.get_by_role("link", name="opened").click()
    page.get_by_role("link", name="Open", exact=True).first.click()
    expect(page.get_by_label("Becomes the draft of, for h1")).to_have_value("demo/h1")
    expect(page.get_by_text("There is no draft yet: one begins.")).to_be_visible()
    expect(page.get_by_text("An apply would take away rtlinux, linux1, linux2.")).to_be_visible()
    page.get_by_label("Becomes the draft of, for h1").select_option("demo/h2")
    expect(page.get_by_role("heading", name="demo/h2")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Open the project").click()
    confirm(page, "opened", "Open")
    expect(page).to_have_url(f"{stack.url}/hosts/demo/h2?mode=config")
    assert [one["name"] for one in stack.api("GET", "/drafts/demo/h2")["document"]["guests"]] == ["web"]


def test_revisions_are_shown_and_restored(page: "Page", stack: Stack, names: Any, look: Any) -> None:
    name = names("kept")
    stack.api("PUT", f"/projects/{name}", {"site": "demo", "text": FILE}, headers={"If-None-Match": "*"})
    text = FILE.replace("256", "384")
    stack.api("PUT", f"/projects/{name}", {"site": "demo", "text": text}, headers={"If-Match": '"1"'})
    page.goto(f"/projects/{name}?tab=revisions")
    first = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Revision 1"))
    second = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Revision 2"))
    second.get_by_text("1 change", exact=True).click()
    expect(second).to_contain_text("hosts.h1.guests.web.memory_mib: 256 → 384")
    first.get_by_role("button", name="Show the file").click()
    expect(page.get_by_label("Revision 1", exact=True)).to_contain_text("memory_mib = 256")
    look(page, sizes=(WIDE, SMALL))
    first.get_by_role("button", name="Restore revision 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("heading", name="Revision 3")).to_be_visible()
    assert stack.api("GET", f"/projects/{name}")["content"] == [{"host": "h1", "guests": ["web"]}]
    assert "memory_mib = 256" in stack.api("GET", f"/projects/{name}")["text"]
    page.get_by_role("link", name="File", exact=True).click()
    expect(page.get_by_label("The project file")).to_contain_text('name = "from a file"')


def test_a_file_becomes_a_project_and_is_written_again(page: "Page", stack: Stack, names: Any, tmp_path: Path) -> None:
    names("line9")
    names("line9-2")
    page.goto("/projects")
    choose_file(page, tmp_path, "line9.hwc", FILE)
    dialog = page.get_by_role("dialog", name="Import")
    expect(dialog.get_by_label("Format")).to_have_value("guestwire")
    expect(dialog.get_by_label("Name of the project")).to_have_value("line9")
    dialog.get_by_role("button", name="Import").click()
    expect(page).to_have_url(f"{stack.url}/projects/line9")
    for form, file in (("guestwire", "line9.toml"), ("libvirt", "web.xml"), ("kvmrt", "kvmrt.cfg")):
        page.get_by_role("button", name="Export").click()
        dialog = page.get_by_role("dialog", name="Export line9")
        dialog.get_by_label("Format").select_option(form)
        with page.expect_download() as got:
            dialog.get_by_role("button", name="Download").click()
        assert got.value.suggested_filename == file
        assert "web" in Path(got.value.path()).read_text()
        expect(dialog).to_contain_text(file)
        dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Save as another project").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{stack.url}/projects/line9-2")
    page.goto("/projects")
    choose_file(page, tmp_path, "line9.toml", FILE)
    dialog = page.get_by_role("dialog", name="Import")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("There is a project line9 already.")
    dialog.get_by_role("button", name="Cancel").click()


def test_a_file_is_dropped_on_the_page(page: "Page", stack: Stack, names: Any) -> None:
    names("dropped")
    page.goto("/projects")
    expect(page.get_by_role("button", name="New project")).to_be_enabled()
    drop = """(text) => {
      const place = document.querySelector(".gw-projects"), dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], "dropped.toml"));
      for (const kind of ["dragover", "drop"]) {
        place.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
      }
    }"""
    page.evaluate(drop, 'schema = 2\n[hosts.h1]\nwrong = "yes"\n')
    dialog = page.get_by_role("dialog", name="Import")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_role("alert").first).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    page.evaluate(drop, FILE)
    page.get_by_role("dialog", name="Import").get_by_role("button", name="Import").click()
    expect(page).to_have_url(f"{stack.url}/projects/dropped")


def test_a_domain_is_taken_into_a_draft(page: "Page", stack: Stack, names: Any, tmp_path: Path) -> None:
    names("none")
    stack.api("PUT", f"/projects/{names('source')}", {"site": "demo", "text": FILE}, headers={"If-None-Match": "*"})
    [file] = stack.api("GET", "/projects/source/export", format="libvirt")["files"]
    page.goto("/projects")
    choose_file(page, tmp_path, "web.xml", file["text"])
    dialog = page.get_by_role("dialog", name="Import")
    expect(dialog.get_by_label("Format")).to_have_value("libvirt")
    dialog.get_by_label("Draft of the host").select_option("demo/h2")
    dialog.get_by_role("button", name="Import").click()
    expect(page).to_have_url(f"{stack.url}/hosts/demo/h2?mode=config")
    guests = [one["name"] for one in stack.api("GET", "/drafts/demo/h2")["document"]["guests"]]
    assert guests == ["rtlinux", "linux1", "linux2", "web"]


def test_the_last_session_is_gone_on_with(page: "Page", stack: Stack, names: Any) -> None:
    names("none")
    stack.api("POST", "/drafts/demo/h1/pull", {})
    stack.api("PUT", "/drafts/demo/h1/session", {"revision": 1, "view": {"path": "/hosts/demo/h1/memory"}})
    page.goto("/projects")
    last = page.get_by_role("region", name="Last session")
    expect(last).to_contain_text("demo/h1")
    last.get_by_role("link", name="Continue").first.click()
    expect(page).to_have_url(f"{stack.url}/hosts/demo/h1/memory?mode=config")


def test_an_example_is_opened_on_a_host(page: "Page", stack: Stack, names: Any, look: Any) -> None:
    names("none")
    page.goto("/examples")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Open on a host: windows_rtlinux").click()
    page.get_by_label("As the draft of").select_option("demo/h2")
    expect(page.get_by_text("An apply would take away linux1, linux2.")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Open as the draft").click()
    expect(page.get_by_role("dialog")).to_contain_text("which has 3 guests now")
    confirm(page, "h2", "Open")
    expect(page).to_have_url(f"{stack.url}/hosts/demo/h2?mode=config")
    assert [one["name"] for one in stack.api("GET", "/drafts/demo/h2")["document"]["guests"]] == ["rtlinux", "windows"]


def test_a_project_of_an_example(page: "Page", stack: Stack, names: Any) -> None:
    names("ready-made")
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    dialog = page.get_by_role("dialog", name="New project")
    dialog.get_by_label("Name", exact=True).fill("ready-made")
    dialog.get_by_label("Title").fill('A "titled" one')
    dialog.get_by_label("An example").check()
    dialog.get_by_label("Example", exact=True).select_option("vxworks")
    dialog.get_by_role("button", name="Make the project").click()
    expect(page.get_by_role("heading", name="ready-made", level=1)).to_be_visible()
    expect(page.get_by_text('A "titled" one')).to_be_visible()
    assert stack.api("GET", "/projects/ready-made")["content"] == [{"host": "h1", "guests": ["vxworks"]}]


def test_who_may_not_save_is_told(browser: Any, stack: Stack, page: "Page") -> None:
    from browser import new_context

    words = {"name": "olga", "password": "four-seven-eleven-oaks", "must_change": False}
    stack.api("POST", "/users", {**words, "bindings": [{"role": "observer", "scope": "*"}]})
    context = new_context(browser, stack.signed_in("olga", words["password"]), base_url=stack.url)
    try:
        theirs = context.new_page()
        theirs.goto("/projects")
        expect(theirs.get_by_text("To save projects takes the role engineer.")).to_be_visible()
        expect(theirs.get_by_role("button", name="New project")).to_be_disabled()
    finally:
        context.close()
        forget(stack, "/users/olga")
    with pytest.raises(Refused):
        stack.api("GET", "/users/olga")


def test_formats_are_told_by_name_and_text(module_page: Any) -> None:
    cases = [
        ["a.toml", "schema = 1\n", "guestwire"], ["a.hwc", "", "guestwire"], ["kvmrt.cfg", "", "kvmrt"],
        ["vm.txt", "<domain type='kvm'>", "libvirt"], ["vm.xml", "", "libvirt"],
    ]  # fmt: skip
    assert module_page.table(
        "views/projects/file_formats.js", "(m, [name, text]) => m.formatOf(name, text)", cases
    ) == [one[2] for one in cases]
    names = [["line 7.toml", "line-7"], ["..x.toml", "x"], [".toml", "project"], ["a" * 80 + ".cfg", "a" * 63]]
    found = module_page.table("views/projects/file_formats.js", "(m, [name]) => m.projectName(name)", names)
    assert found == [one[1] for one in names]


def test_files_are_read_as_what_they_are_written_in(module_page: Any) -> None:
    declared = '<?xml version="1.0" encoding="%s"?><os label="Prüfstand"/>'
    texts = {
        "windows-1252": declared % "Windows-1252", "utf-8": declared % "UTF-8", "utf-8-sig": FILE, "utf-16": FILE,
        "iso8859-15": declared % "ISO-8859-15",
    }  # fmt: skip
    function = "(m, [name, bytes]) => { try { return m.decoded(name, new Uint8Array(bytes)); } catch (e) { return e.message; } }"
    cases = [["os.xml", list(text.encode(encoding))] for encoding, text in texts.items()]
    assert module_page.table("views/projects/file_text.js", function, cases) == list(texts.values())
    wrong = [["kvmrt.cfg", list("Prüfstand".encode("cp1252"))], ["os.xml", list((declared % "cp037").encode())]]
    damaged, unknown = module_page.table("views/projects/file_text.js", function, wrong)
    assert damaged.startswith("kvmrt.cfg is no text in UTF-8: save it as UTF-8")
    assert unknown == "os.xml says that it is written in cp037, which cannot be read here: save it as UTF-8."


def test_several_files_are_taken_by_links(page: "Page", stack: Stack, names: Any) -> None:
    """Browsers stop a page that downloads several by itself."""
    more = '[hosts.h1.guests.db]\nkind = "gp"\nvcpus = 1\nmemory_mib = 256\n'
    stack.api("PUT", f"/projects/{names('two')}", {"site": "demo", "text": FILE + more}, headers={"If-None-Match": "*"})
    page.goto("/projects/two")
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export two")
    dialog.get_by_label("Format").select_option("libvirt")
    dialog.get_by_role("button", name="Download").click()
    expect(dialog).to_contain_text("These are 2 files.")
    with page.expect_download() as got:
        dialog.get_by_role("link", name="db.xml").click()
    assert "<name>db</name>" in Path(got.value.path()).read_text()
