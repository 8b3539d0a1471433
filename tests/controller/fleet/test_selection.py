"""The language of selections: what it reads, what it refuses and where, and that what it writes reads the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.fleet.expansion import expanded, named
from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.selection import (
    BY_NAME,
    EVERY,
    FIELDS,
    AllOf,
    AnyOf,
    Not,
    Selection,
    Term,
    Text,
    parse,
    written,
)
from guestwire.model.errors import GuestwireError

READ: tuple[tuple[str, Selection], ...] = (
    ("", EVERY),
    ("  ", EVERY),
    ("site=plant", Term("site", "=", "plant")),
    ("rtlinux", Text("rtlinux")),
    ('"free text"', Text("free text")),
    ('"and"', Text("and")),
    ("site = plant", Term("site", "=", "plant")),
    ("label.line=3", Term("label.line", "=", "3")),
    ("label.rack.row >= 10", Term("label.rack.row", ">=", "10")),
    ("agent<0.2", Term("agent", "<", "0.2")),
    ("host!=h1", Term("host", "!=", "h1")),
    ("hostname has Press", Term("hostname", "has", "Press")),
    ("host=press-*", Term("host", "=", "press-*")),
    ('label="press *"', Term("label", "=", "press *", literal=True)),
    (r'label="a \"b\" \\"', Term("label", "=", 'a "b" \\')),
    ("label=Not", Term("label", "=", "Not")),
    ("reboot=true", Term("reboot", "=", "yes")),
    ("silent>7d", Term("silent", ">", "7d")),
    ("site=a host=b", AllOf((Term("site", "=", "a"), Term("host", "=", "b")))),
    ("site=a AND host=b", AllOf((Term("site", "=", "a"), Term("host", "=", "b")))),
    ("a or b c", AnyOf((Text("a"), AllOf((Text("b"), Text("c")))))),
    ("(a or b) c", AllOf((AnyOf((Text("a"), Text("b"))), Text("c")))),
    ("not a b", AllOf((Not(Text("a")), Text("b")))),
    ("not not (a or b)", Not(Not(AnyOf((Text("a"), Text("b")))))),
    ("a not b", AllOf((Text("a"), Not(Text("b"))))),
    (
        'site=plant label.line=3 state=online driver=libvirt agent<0.2 guest=rtlinux "free text"',
        AllOf(
            (
                Term("site", "=", "plant"),
                Term("label.line", "=", "3"),
                Term("state", "=", "online"),
                Term("driver", "=", "libvirt"),
                Term("agent", "<", "0.2"),
                Term("guest", "=", "rtlinux"),
                Text("free text"),
            )
        ),
    ),
)

REFUSED = (
    ("colour=red", 0, "is no field"),
    ("site<plant", 4, "takes ="),
    ("site=", 5, "missing"),
    ("site=)", 5, "missing"),
    ("(site=a", 7, "parenthesis"),
    ("site=a)", 6, "not expected"),
    ("or a", 0, "not expected"),
    ("a and", 5, "not expected"),
    ("a or or b", 5, "not expected"),
    ('"open', 0, "quotation mark"),
    ("state=sleeping", 6, "one of"),
    ("reboot=maybe", 7, "yes or no"),
    ("cpus>many", 5, "a number"),
    ("silent>later", 7, "a time"),
    ("silent=7d", 6, "takes <"),
    ("label.Line=3", 0, "no label's name"),
    ("label.=3", 0, "no label's name"),
    ("has and", 0, "not expected"),
    ("a" * 201, 0, "longer"),
    ("a" * 2001, 2000, "longer"),
    (" ".join(["a"] * 65), 128, "terms"),
    ("(" * 40 + "a" + ")" * 40, 17, "nested"),
    ("not " * 40 + "a", 68, "nested"),
    ('"a\x00b"', 0, "no text"),
    ('"a\ud800b"', 0, "no text"),
)


@pytest.mark.parametrize(("text", "tree"), READ)
def test_what_it_reads(text: str, tree: Selection) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(("text", "position", "why"), REFUSED)
def test_what_it_refuses_and_where(text: str, position: int, why: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        parse(text)
    assert raised.value.code == "SELECTION-INVALID"
    assert raised.value.field == "q"
    assert (raised.value.detail["position"], why in raised.value.message) == (position, True), raised.value.message


_VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12
) | st.sampled_from(["and", "or", "has", "*", "a*", '"', "\\", "(", " "])  # fmt: skip
_FREE = [field.name for field in FIELDS if field.kind in ("text", "set") and not field.values]


@st.composite
def _terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from([*_FREE, "label.x"]))
    op = draw(st.sampled_from(["=", "!=", "has"]))
    value = draw(_VALUES)
    plain = not any(letter in value for letter in ' \t\n\r()"=!<>') and value.split() == [value]
    literal = "*" in value and (not plain or draw(st.booleans()))
    return Term(field, op, value, literal)  # type: ignore[arg-type]


TREES: st.SearchStrategy[Selection] = st.recursive(
    _terms() | st.builds(Text, _VALUES),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


@given(TREES)
def test_what_it_writes_reads_the_same(tree: Selection) -> None:
    try:
        read = parse(written(tree))
    except GuestwireError as err:
        assert "nested" in err.message, err  # noqa: PT017 - the only reason there may be
        return
    assert read == tree


@given(st.text(max_size=60) | st.text(alphabet='ab=!<>()"\\ *andorthis.', max_size=60))
def test_whatever_somebody_writes_is_read_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except GuestwireError as err:
        assert err.code == "SELECTION-INVALID"  # noqa: PT017
        return
    assert parse(written(tree)) == tree


def test_fields_have_one_row_each() -> None:
    assert len(BY_NAME) == len(FIELDS)


def test_an_age_in_milliseconds() -> None:
    ages = [parse(f"silent>{age}") for age in ("90s", "15m", "12h", "7d")]
    assert [age.milliseconds for age in ages if isinstance(age, Term)] == [90_000, 900_000, 43_200_000, 604_800_000]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("0.9", "0.10"),
        ("0.2", "0.2.1"),
        ("line2", "line10"),
        ("9", "10"),
        ("007", "8"),
        ("6.1.0-9", "6.1.0-18"),
        ("a", "B"),
    ],
)
def test_texts_with_numbers_are_ordered_as_people_do(smaller: str, larger: str) -> None:
    assert natural(smaller) < natural(larger)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_numbers_in_texts_are_ordered_by_value(one: int, other: int) -> None:
    assert (natural(f"v{one}") < natural(f"v{other}")) == (one < other)


GROUPS = {
    "line": parse("label.line=3"),
    "good": parse("group=line state=online"),
    "self": parse("group=self"),
    "left": parse("a or group=right"),
    "right": parse("b group=left"),
}


def test_groups_are_put_in() -> None:
    assert expanded(parse("x group!=good"), GROUPS) == AllOf(
        (Text("x"), Not(AllOf((Term("label.line", "=", "3"), Term("state", "=", "online")))))
    )
    assert named(parse("group=a or not group!=b")) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "code"),
    [("group=self", "SELECTION-INVALID"), ("group=left", "SELECTION-INVALID"), ("group=none", "NOT-FOUND")],
)
def test_groups_that_cannot_be_put_in(text: str, code: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        expanded(parse(text), GROUPS)
    assert raised.value.code == code


def test_groups_of_groups_have_an_end() -> None:
    """Each is four times the one before it."""
    doubling = {f"g{n}": parse(" ".join([f"group=g{n - 1}"] * 4)) if n else parse("state=online") for n in range(20)}
    with pytest.raises(GuestwireError) as raised:
        expanded(parse("group=g19"), doubling)
    assert raised.value.code == "SELECTION-INVALID"
