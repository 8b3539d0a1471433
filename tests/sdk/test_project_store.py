"""Drafts on disk: by context and host, edited without losing remarks, never made worse."""

from pathlib import Path

import pytest

from guestwire.formats import project_edits
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.sdk.project_store import AppliedPlan, Base, Draft, ProjectStore, default_root

TEXT = """\
schema = 1

[hosts.h1]

# the line's controller
[hosts.h1.guests.rt]
memory_mib = 256  # as measured

[hosts.h2.guests.other]
"""


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    path = tmp_path / "line.toml"
    path.write_text(TEXT)
    return Draft(path, "h1")


def test_where_drafts_are(tmp_path: Path) -> None:
    assert default_root({"XDG_DATA_HOME": "/data"}) == Path("/data/guestwire/projects")
    assert default_root({"XDG_DATA_HOME": "relative", "HOME": "/h"}) == Path("/h/.local/share/guestwire/projects")
    store = ProjectStore(tmp_path, "/run/agent.sock")
    assert store.draft("h1").path.parent.parent == tmp_path, "a context's name is one folder, whatever is in it"


def test_contexts_do_not_mix(tmp_path: Path) -> None:
    one, other = ProjectStore(tmp_path, "one"), ProjectStore(tmp_path, "other")
    one.draft("h1").amend(lambda _: Desired(host_cpuset="0"))
    assert [draft.host for draft in one.drafts()] == ["h1"]
    assert other.drafts() == ()
    with pytest.raises(GuestwireError, match="DRAFT-MISSING"):
        other.draft("h1").desired()


def test_an_amendment_keeps_remarks_and_other_hosts(draft: Draft) -> None:
    def more(desired: Desired) -> Desired:
        return desired.model_copy(update={"guests": (*desired.guests, Guest(name="new"))})

    assert [guest.name for guest in draft.amend(more).guests] == ["rt", "new"]
    text = draft.path.read_text()
    assert "# the line's controller" in text
    assert "# as measured" in text
    assert draft.project().hosts["h2"].guests[0].name == "other"


def test_a_change_that_would_be_wrong_is_not_kept(draft: Draft) -> None:
    with pytest.raises(GuestwireError) as caught:
        draft.change(lambda text: text.replace("256", '"much"'))
    assert caught.value.code == "DOCUMENT-INVALID"
    assert str(draft.path) in caught.value.message
    assert draft.path.read_text() == TEXT


def test_an_edit(draft: Draft) -> None:
    desired = draft.change(lambda text: project_edits.edit(text, "h1", ["guest.rt.memory_mib=512"]))
    assert desired.guests[0].memory_mib == 512
    assert "memory_mib = 512  # as measured" in draft.path.read_text()


def test_a_host_that_the_file_does_not_have(draft: Draft) -> None:
    with pytest.raises(GuestwireError, match=r"has no host h9 \(it has: h1, h2\)"):
        Draft(draft.path, "h9").desired()


def test_the_base_comes_back(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, "plant")
    base = Base(revision=4, desired=Desired(guests=(Guest(name="a"),)), topology=MACHINES["64-thread-4-node"].topology)
    assert store.base("h1") is None
    store.keep("h1", base)
    assert store.base("h1") == base
    (store.folder / "h1.base.json").write_text("{")
    assert store.base("h1") is None, "what cannot be read is as if it were not there"


def test_the_last_plan(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, "plant")
    assert store.last_plan("h1") is None
    for plan in (AppliedPlan("a" * 32, Path("/a b/h1.toml")), AppliedPlan("b" * 32)):
        store.remember_plan("h1", plan)
        assert store.last_plan("h1") == plan
