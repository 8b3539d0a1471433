"""Contexts: what a file may say, and edits that leave the rest of it alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.sdk import context_file, contexts
from guestwire.sdk.contexts import Context

PLANT = Context(site="plant", brokers=("mqtt://10.0.0.1",))
FILE = Path("/home/eve/.config/guestwire/config.toml")


def test_where_the_file_is() -> None:
    assert contexts.default_path({"GUESTWIRE_CONFIG": "/x.toml", "HOME": "/h"}) == Path("/x.toml")
    assert contexts.default_path({"XDG_CONFIG_HOME": "/xdg", "HOME": "/h"}) == Path("/xdg/guestwire/config.toml")
    assert contexts.default_path({"XDG_CONFIG_HOME": "rel", "HOME": "/h"}) == Path("/h/.config/guestwire/config.toml")


def test_paths_are_relative_to_the_file() -> None:
    text = '[contexts.a]\nsite="p"\nbrokers=["mqtt://b"]\ntrust="t"\nroot="/r"\nkey="../k"\n'
    context = contexts.parse(text, FILE).contexts["a"]
    assert (context.trust, context.root) == ("/home/eve/.config/guestwire/t", "/r")
    assert context.key == "/home/eve/.config/guestwire/../k"


@pytest.mark.parametrize(
    "text",
    [
        "current = 1",
        "[contexts.a]\nsite='p'",
        "[contexts.a]\nsite='P'\nbrokers=['mqtt://b']",
        "[contexts.a]\nsite='p'\nbrokers=['http://b']",
        "[contexts.a]\nsite='p'\nbrokers=['mqtt://user:secret@b']",
        "[contexts.a]\nsite='p'\nvia='socket'\nsocket='/s'",
        "[contexts.a]\nsite='p'\nbrokers=['mqtt://b']\ntrust='/t'",
        "[contexts.a]\nsite='p'\nvia='tcp'\naddress='h:6000'\nhost='h1'\nca='/c'",
        "[contexts.a]\nsite='p'\nvia='tcp'\naddress='tcp://h'\nhost='h1'\nca='/c'\ncertificate='/x'\ncertificate_key='/y'",
        "[contexts.a]\nsite='p'\nbrokers=['mqtt://b']\nunknown=1",
        "[contexts.'a b']\nsite='p'\nbrokers=['mqtt://b']",
        "[other]",
        "[",
    ],
)
def test_what_a_file_may_not_say(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        contexts.parse(text, FILE)


@pytest.mark.parametrize("address", ["h", "h:6000", "10.0.0.1:7", "[::1]", "[::1]:6000"])
def test_straight_to_a_host(address: str) -> None:
    text = (
        f"[contexts.a]\nsite='p'\nvia='tcp'\naddress='{address}'\nhost='h1'\nca='c'\n"
        "certificate='x.crt'\ncertificate_key='x.key'\n"
    )
    context = contexts.parse(text, FILE).contexts["a"]
    assert (context.address, context.ca) == (address, "/home/eve/.config/guestwire/c")


def test_get() -> None:
    known = contexts.Contexts(FILE, "a", {"a": PLANT})
    assert known.get(None) == ("a", PLANT)
    for name in ("b", None):
        with pytest.raises(GuestwireError, match="CONTEXT-UNKNOWN"):
            contexts.Contexts(FILE, None, {"a": PLANT}).get(name)


def test_put_use_remove(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    context_file.put(path, "a", PLANT)
    assert contexts.load(path).current is None
    context_file.put(path, "b", PLANT, make_current=True)
    assert contexts.load(path).get(None)[0] == "b"
    context_file.use(path, "a")
    context_file.remove(path, "b")
    assert contexts.load(path).get(None) == ("a", PLANT)
    context_file.remove(path, "a")
    assert path.read_text() == ""
    assert path.stat().st_mode & 0o777 == 0o600


def test_put_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    context_file.put(path, "a", PLANT)
    with pytest.raises(GuestwireError, match="EXISTS"):
        context_file.put(path, "a", PLANT)


def test_edits_leave_the_rest_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = '# top\n\n[contexts.mine] # remark\nsite = "p" # x\nbrokers = [\n  "mqtt://b", # one\n]\n'
    path.write_text(text)
    path.chmod(0o640)
    context_file.put(path, "demo", PLANT, make_current=True)
    context_file.remove(path, "demo")
    assert path.read_text().split() == text.split()
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("text", ['contexts = {a = {site = "p", brokers = ["mqtt://b"]}}\n'])
def test_a_file_that_cannot_be_edited_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        context_file.remove(path, "a")
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        context_file.put(path, "b", PLANT)
    assert path.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text("")
    link.symlink_to(real)
    context_file.put(link, "a", PLANT)
    assert link.is_symlink()
    assert "contexts.a" in real.read_text()


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_any_path_survives_writing(path: str) -> None:
    context = PLANT.model_copy(update={"username": path})
    text = context_file.block("a", context)
    assert contexts.parse(text, FILE).contexts["a"].username == path


def test_every_wrong_setting_is_told_in_words(tmp_path: Path) -> None:
    keys = "".join(f"key{n} = 1\n" for n in range(30))
    with pytest.raises(GuestwireError, match="CONFIG-INVALID") as refused:
        contexts.parse(f"[contexts.plant]\nsite = 'A B'\n{keys}", tmp_path / "config.toml")
    issues = {issue["path"]: issue["message"] for issue in refused.value.detail["issues"]}
    assert len(issues) == 31
    assert issues["contexts.plant.site"] == "must be 1 to 36 of a-z 0-9 -"
    assert str(refused.value.field) in issues
