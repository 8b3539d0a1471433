"""The CPUSET grammar: what is written is what is read, and what a set means on a machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.cpuset import (
    Cpuset,
    Item,
    Prefix,
    expand,
    format_cpuset,
    from_libvirt,
    from_mask,
    parse,
    to_libvirt,
    to_mask,
)
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Cpu, Topology

# two packages of two dies, a node per die, two SMT cores per die; sibling = N + 8
MACHINE = Topology(
    fingerprint="",
    cpus=tuple(
        Cpu(
            id=cpu,
            node=cpu % 8 // 2,
            core=cpu % 8,
            die=cpu % 8 // 2,
            package=cpu % 8 // 4,
            siblings=((cpu + 8) % 16,),
            online=cpu != 15,
        )
        for cpu in range(16)
    ),
)

prefixes: st.SearchStrategy[Prefix] = st.sampled_from(("", "n", "c", "d", "p"))


@st.composite
def items(draw: st.DrawFn) -> Item:
    first = draw(st.integers(0, 999_999))
    return Item(draw(prefixes), first, draw(st.integers(first, 999_999)))


@given(st.builds(Cpuset, st.lists(items(), min_size=1, max_size=8).map(tuple), st.booleans()))
def test_what_is_written_is_read_back(cpuset: Cpuset) -> None:
    assert parse(format_cpuset(cpuset)) == cpuset


@given(st.text(alphabet="~ncdp0123456789-, ^", max_size=12))
def test_any_text_is_read_or_refused_with_its_code(text: str) -> None:
    try:
        parsed = parse(text)
    except GuestwireError as err:
        refusal = err.code
    else:
        refusal = None
        assert parse(format_cpuset(parsed)) == parsed
    assert refusal in {None, "CPUSET-SYNTAX"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~",
        "~~1",
        ",",
        "1,",
        "1,,2",
        " 1",
        "1 ",
        "-1",
        "1-",
        "3-1",
        "n1-2",
        "1-n2",
        "n1-c2",
        "x1",
        "n",
        "^1",
        "1:2",
        "٣",
        "1234567",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        parse(text)
    assert caught.value.code == "CPUSET-SYNTAX"
    assert caught.value.field == "cpuset"


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0", {0}),
        ("0,3-5,4", {0, 3, 4, 5}),
        ("c2", {2, 10}),
        ("c1-c2", {1, 9, 2, 10}),
        ("n0", {0, 1, 8, 9}),
        ("n1-n2", {2, 3, 10, 11, 4, 5, 12, 13}),
        ("d3", {6, 7, 14, 15}),
        ("p1", {4, 5, 6, 7, 12, 13, 14, 15}),
        ("p0,12", {0, 1, 2, 3, 8, 9, 10, 11, 12}),
        ("~n0", set(range(16)) - {0, 1, 8, 9}),
        ("~0,p1", {1, 2, 3, 8, 9, 10, 11}),
        ("~0-15", set()),
        ("15", {15}),
    ],
)
def test_what_it_means(text: str, cpus: set[int]) -> None:
    assert expand(text, MACHINE) == cpus


@pytest.mark.parametrize(
    ("text", "missing"),
    [("16", 16), ("14-99", 16), ("0-999999", 16), ("n4", 4), ("c8", 8), ("d4", 4), ("p0-p9", 2), ("~16", 16)],
)
def test_what_is_not_there_is_named(text: str, missing: int) -> None:
    with pytest.raises(GuestwireError) as caught:
        expand(text, MACHINE)
    assert caught.value.code == "CPUSET-UNKNOWN"
    assert caught.value.detail["missing"] == missing


def test_a_hole_in_a_range_is_unknown() -> None:
    holed = Topology(fingerprint="", cpus=(Cpu(id=0, core=0), Cpu(id=2, core=1)))
    with pytest.raises(GuestwireError) as caught:
        expand("0-2", holed)
    assert caught.value.detail["missing"] == 1
    assert expand("c0-c1", holed) == {0, 2}


@given(st.lists(items(), min_size=1, max_size=4).map(tuple))
def test_inversion_takes_the_rest(chosen: tuple[Item, ...]) -> None:
    fitting = tuple(
        Item(p, min(a % 16, b % 16) % 2, 1) if p == "p" else Item("", min(a % 16, b % 16), max(a % 16, b % 16))
        for p, a, b in chosen
    )
    plain, inverted = expand(Cpuset(fitting), MACHINE), expand(Cpuset(fitting, inverted=True), MACHINE)
    assert plain | inverted == MACHINE.cpu_ids()
    assert not plain & inverted


@given(st.frozensets(st.integers(0, 300)))
def test_libvirt_notation_both_ways(cpus: frozenset[int]) -> None:
    assert from_libvirt(to_libvirt(cpus)) == cpus


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-7,^3", {0, 1, 2, 4, 5, 6, 7}), ("0-3,^1-2,2", {0, 2, 3}), ("", set()), ("5\n", {5})]
)
def test_libvirt_exclusion(text: str, cpus: set[int]) -> None:
    assert from_libvirt(text) == cpus


@pytest.mark.parametrize("text", ["n0", "~1", "3-1", "a", "0-99999"])
def test_libvirt_refused(text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        from_libvirt(text)
    assert caught.value.code == "CPUSET-SYNTAX"


@given(st.sets(st.integers(0, 300)))
def test_a_mask_means_its_cpus(cpus: set[int]) -> None:
    text = to_mask(cpus)
    assert from_mask(text) == from_mask(f"{text}\n") == cpus
    first, *groups = text.split(",")
    assert 1 <= len(first) <= 8
    assert all(len(group) == 8 for group in groups)
    assert int(text.replace(",", ""), 16) == sum(1 << cpu for cpu in cpus)


@pytest.mark.parametrize(
    ("text", "cpus"), [("0", set()), ("00000003", {0, 1}), ("F", {0, 1, 2, 3}), ("1,00000001", {0, 32})]
)
def test_masks_as_kernels_and_people_write_them(text: str, cpus: set[int]) -> None:
    assert from_mask(text) == cpus


@pytest.mark.parametrize("text", ["", ",", "g", "0x3", "-1", "1_0", "+1", "1 1", "f" * 16_385])
def test_what_is_no_mask(text: str) -> None:
    with pytest.raises(GuestwireError, match="CPUSET-SYNTAX"):
        from_mask(text)
