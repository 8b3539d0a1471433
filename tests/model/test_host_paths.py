"""Spellings of a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.host_paths import below, normal

PATHS = st.lists(st.sampled_from(("", ".", "..", "a", "b", "...", "a b")), max_size=6).map(
    lambda steps: "/" + "/".join(steps)
)


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/a/b", "/a/b"), ("//a///b", "/a/b"), ("/a/./b/.", "/a/b"), ("/a/b/", "/a/b"), ("/", "/"), ("/..", "/"),
        ("/a/../b", "/b"), ("/../a", "/a"), ("/a/..b/...", "/a/..b/..."),
    ],
)  # fmt: skip
def test_the_plainest_spelling(path: str, plain: str) -> None:
    assert normal(path) == plain


@given(PATHS)
def test_a_plain_path_is_as_plain_as_it_gets(path: str) -> None:
    plain = normal(path)
    assert normal(plain) == plain
    assert not {"", ".", ".."} & set(plain.split("/")[1:]) or plain == "/"


@pytest.mark.parametrize(
    ("path", "root", "inside"),
    [
        ("/a/b", "/a", True), ("/a/b", "/a/", True), ("/a/b", "//a/.", True), ("/a", "/a", False), ("/ab", "/a", False),
        ("/a", "/", True), ("/", "/", False),
    ],
)  # fmt: skip
def test_below_a_folder(path: str, root: str, inside: bool) -> None:
    assert below(path, root) is inside
