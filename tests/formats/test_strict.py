"""Reading plain data into models: what each kind of mistake is called."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from guestwire.formats.strict import did_you_mean, invalid, read, shown
from guestwire.formats.toml_text import Mistake
from guestwire.model.base import Model
from guestwire.model.guest import Guest
from guestwire.model.settings import HostSettings


class Inner(Model):
    number: Annotated[int, Field(ge=1)]


class Outer(Model):
    text: str = ""
    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    choice: Literal["auto"] | tuple[int, int] = "auto"
    few: Annotated[tuple[int, ...], Field(max_length=2)] = ()


def mistakes(data: dict, **arguments) -> list[tuple[str, str]]:
    return [tuple(mistake) for mistake in sorted(read(Outer, data, **arguments)[1])]


def test_lists_become_tuples_and_tables_models():
    data = {"one": {"number": 1}, "many": [{"number": 2}], "named": {"x": {"number": 3}}, "choice": [1, 2]}
    made, found = read(Outer, data)
    assert not found
    assert made == Outer(one=Inner(number=1), many=(Inner(number=2),), named={"x": Inner(number=3)}, choice=(1, 2))


@pytest.mark.parametrize(("data", "expected"), [
    ({"txt": 1}, [("txt", "there is no such key (did you mean text?)")]),
    ({"zzz": 1}, [("zzz", "there is no such key")]),
    ({"one": {"number": 1, "x": 1}}, [("one.x", "there is no such key")]),
    ({"many": [{"number": 1}, {"number": 1, "x": 1}]}, [("many.1.x", "there is no such key")]),
    ({"named": {"a b": {"number": 1, "x": 1}}}, [('named."a b".x', "there is no such key")]),
    ({"named": {"a.b": {}}}, [('named."a.b".number', "is missing")]),
    ({"text": 1, "one": 1, "many": 1, "named": []}, [
        ("many", "must be a list, not 1"), ("named", "must be a table, not a list"), ("one", "must be a table, not 1"),
        ("text", "must be text, not 1"),
    ]),
    ({"choice": "x"}, [("choice", "must be 'auto' or a list, not 'x'")]),
    ({"choice": [1]}, [("choice.1", "is missing")]),
    ({"choice": [1, "x"]}, [("choice.1", "must be a whole number, not 'x'")]),
    ({"few": [1, 2, 3]}, [("few", "has more than 2 entries")]),
    ({"one": {"number": 0}}, [("one.number", "must be at least 1, not 0")]),
    ({"one": {"number": True}}, [("one.number", "must be a whole number, not true")]),
])  # fmt: skip
def test_every_mistake_has_its_place_and_words(data, expected):
    assert mistakes(data) == expected


@pytest.mark.parametrize(("model", "data", "message"), [
    (Guest, {"disks": [{"path": "a.iso"}]}, "must be an absolute path: it begins with / and has no control characters, not 'a.iso'"),
    (Guest, {"nics": [{"mac": "52-54"}]}, "must be a MAC address in lower case, such as 52:54:00:12:34:56, not '52-54'"),
    (Guest, {"devices": ["1:0"]}, "must be a PCI address such as 0000:01:00.0, or usb:"),
    (Guest, {"uuid": "x"}, "must be a UUID in lower case, such as "),
    (Guest, {"id": "G1"}, "must be GUEST and four digits, such as GUEST0001, not 'G1'"),
    (Guest, {"tags": ["A b"]}, "must be 1 to 32 of a-z 0-9 _ -, not 'A b'"),
    (HostSettings, {"autologin": "A b"}, "must be a user's name (a-z or _, then at most 31 of a-z 0-9 _ -), or nothing"),
])  # fmt: skip
def test_what_a_text_must_be_is_told_in_words(model, data, message):
    (found,) = read(model, {"name": "g", **data} if model is Guest else data)[1]
    assert found.message.startswith(message)


def test_a_pattern_without_words_is_told_as_it_is():
    class Odd(Model):
        text: Annotated[str, Field(pattern="^odd$")]

    assert read(Odd, {"text": "x"})[1] == [Mistake("text", "must be of the form ^odd$, not 'x'")]


def test_entries_of_a_list_are_called_what_the_text_calls_them():
    data = {"many": [{"number": 1}, {"x": 1}]}
    assert [path for path, _ in mistakes(data, labels={("many",): ("a", "b.c")}, prefix=("top",))] == [
        'top.many."b.c".number',
        'top.many."b.c".x',
    ]


def test_an_error_tells_the_first_place_and_how_many_more():
    err = invalid([Mistake("b", "is bad"), Mistake("a", "is missing"), Mistake("b", "is bad")])
    assert (err.code, err.field, err.message) == ("DOCUMENT-INVALID", "a", "a: is missing (and 1 more)")
    assert err.detail["issues"] == [{"path": "a", "message": "is missing"}, {"path": "b", "message": "is bad"}]


def test_only_a_near_word_is_proposed():
    assert did_you_mean("memory_mb", ("vcpus", "memory_mib")) == " (did you mean memory_mib?)"
    assert did_you_mean("x" * 10_000, ("vcpus",)) == ""


def test_a_long_value_is_cut():
    assert len(shown("x" * 1000)) < 70
