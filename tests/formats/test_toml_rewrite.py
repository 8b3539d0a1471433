"""Changed texts keep what their authors wrote around the values."""

import pytest

from guestwire.formats.toml_layout import lay_out
from guestwire.formats.toml_rewrite import rename_headers, rewrite
from guestwire.formats.toml_text import read
from guestwire.model.errors import GuestwireError

TEXT = """\
a = 1  # one
b = true

# first
[t.x]
v = [1, 2]  # numbers

# second
[t.y]

[[l]]
n = 1 # l1
[[l]]
n = 2 # l2
[[l]]
n = 3 # l3
"""


@pytest.mark.parametrize("change", [
    lambda table: table.update(a=2),
    lambda table: table.update(b=1),
    lambda table: table.update(c="x\ny"),
    lambda table: table.pop("a"),
    lambda table: table.pop("t"),
    lambda table: table.pop("l"),
    lambda table: table["t"].pop("x"),
    lambda table: table["t"]["x"].pop("v"),
    lambda table: table["t"]["y"].update(z={"q": [{"r": 1}]}),
    lambda table: table["t"].update(y={}, w={"e": 1}),
    lambda table: table["l"].insert(1, {"n": 9}),
    lambda table: table["l"].append({"n": 9, "m": {"k": []}}),
    lambda table: table["l"].pop(1),
    lambda table: table["l"].__delitem__(slice(0, 2)),
    lambda table: table["l"].__setitem__(0, {"n": 1, "o": [{}, {}]}),
    lambda table: table.update(l=[]),
    lambda table: table.update(l=[{}]),
    lambda table: table.update(t=3),
    lambda table: table.update(a={"b": {"c": {}}}),
    lambda table: table.clear(),
])  # fmt: skip
def test_the_text_means_the_target(change):
    target = read(TEXT)
    change(target)
    made = rewrite(TEXT, target)
    assert read(made) == target
    assert rewrite(made, target) == made


def test_equal_tables_keep_the_text():
    assert rewrite(TEXT, read(TEXT)) == TEXT
    assert "b = 1" in rewrite(TEXT, {**read(TEXT), "b": 1})


def test_the_right_entry_of_a_list_goes():
    target = read(TEXT)
    del target["l"][1]
    made = rewrite(TEXT, target)
    assert "# l1" in made
    assert "# l2" not in made
    assert "# l3" in made


def test_comments_stay_with_their_tables():
    target = read(TEXT)
    target["t"]["x"]["inner"] = {"k": 1}
    del target["a"]
    made = rewrite(TEXT, target)
    assert "# first\n[t.x]\n" in made
    assert "\n\n[t.x.inner]\nk = 1\n\n# second\n[t.y]\n" in made


def test_what_is_no_toml_is_refused():
    with pytest.raises(GuestwireError):
        rewrite("a =", {})


@pytest.mark.parametrize(("text", "renamed"), [
    ("[t.x]\nv=1\n[t.x.y]\n[[t.x.z]]\n[t.xx]\n[s.t.x]", "[t.n]\nv=1\n[t.n.y]\n[[t.n.z]]\n[t.xx]\n[s.t.x]"),
    (" [ t . 'x' ] # c\n", " [ t . n ] # c\n"),
    ("[t.x]\nv = '''\n[t.x]\n'''\n", "[t.x]\nv = '''\n[t.x]\n'''\n"),
    ("t.x.v = 1\n", "t.x.v = 1\n"),
])  # fmt: skip
def test_headers_are_renamed(text, renamed):
    assert rename_headers(text, ("t",), "x", "n") == renamed


def test_a_layout_without_change_is_as_it_was():
    assert lay_out(TEXT, TEXT) == TEXT
