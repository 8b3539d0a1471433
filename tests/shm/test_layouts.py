"""The table of layouts: what must hold of it whatever is added."""

import pytest

from guestwire.shm.layout import Struct
from guestwire.shm.layouts import (
    AREA_ROW,
    CONSTANTS,
    CONTROL,
    DIRECT,
    DIRECT_ROW,
    DIRECTORY,
    FRAME,
    LOCK,
    LOCK_EVENT,
    LOCK_ROW,
    NAME_BYTES,
    NUMBERS,
    QUEUE_EVENT,
    REGION,
    REPLY,
    REQUEST,
    RING,
    RING_ROW,
    SLOT,
    SPACE_EVENT,
    STRUCTS,
    WAIT_ANY_MAX,
)

CACHE_LINE = 64
N = NUMBERS


def test_names_are_used_once() -> None:
    assert len(NUMBERS) == len(CONSTANTS)
    assert len({struct.name for struct in STRUCTS}) == len(STRUCTS)
    for struct in STRUCTS:
        assert len({field.name for field in struct.fields}) == len(struct.fields)


@pytest.mark.parametrize(
    "prefix", ["GW_KIND_", "GW_OP_", "GW_SERVICE_", "GW_FRAME_RE", "GW_LOCK_S", "GW_LOCK_R"], ids=str
)
def test_numbers_of_a_kind_differ(prefix: str) -> None:
    numbers = [constant.value for constant in CONSTANTS if constant.name.startswith(prefix)]
    assert len(set(numbers)) == len(numbers)


def test_codes_differ_and_are_negative_but_for_ok() -> None:
    codes = [constant.value for constant in CONSTANTS if constant.value < 0]
    assert sorted(codes) == list(range(-len(codes), 0))
    assert N["GW_OK"] == 0


@pytest.mark.parametrize("prefix", ["GW_MAY_", "GW_CREATE GW_MANUAL GW_INITIAL GW_NATIVE GW_DIRECT GW_EXISTED"])
def test_flags_are_single_bits(prefix: str) -> None:
    flags = [N[name] for name in N if name.startswith(prefix) or name in prefix.split()]
    assert flags
    assert sum(flags) == sum({1 << n for n in range(len(flags))})


def test_the_control_region_holds_its_slots() -> None:
    assert REGION.size + CONTROL.size <= N["GW_REQUESTS_OFFSET"]
    assert N["GW_REQUESTS_OFFSET"] + N["GW_REQUESTS"] * REQUEST.size == N["GW_REPLIES_OFFSET"]
    assert N["GW_REPLIES_OFFSET"] + N["GW_REPLIES"] * REPLY.size <= N["GW_CONTROL_BYTES"]
    assert N["GW_CONTROL_BYTES"] & (N["GW_CONTROL_BYTES"] - 1) == 0


@pytest.mark.parametrize(
    ("struct", "words"),
    [
        (RING, (("head",), ("tail",), ("space_wanted", "message_wanted"), ("refused",))),
        (CONTROL, (("request_head",), ("request_tail",), ("reply_head",), ("reply_tail",))),
    ],
    ids=["ring", "control"],
)
def test_words_that_are_written_apart_share_no_cache_line(struct: Struct, words: tuple[tuple[str, ...], ...]) -> None:
    lines = [{struct.offsets[name] // CACHE_LINE for name in names} for names in words]
    assert sum(len(line) for line in lines) == len(set().union(*lines))


@pytest.mark.parametrize("struct", [RING, LOCK, DIRECT, REGION, REQUEST, REPLY], ids=lambda struct: struct.name)
def test_what_lies_side_by_side_begins_on_a_cache_line(struct: Struct) -> None:
    assert struct.size % CACHE_LINE == 0


@pytest.mark.parametrize("row", [AREA_ROW, RING_ROW, LOCK_ROW, DIRECT_ROW], ids=lambda struct: struct.name)
def test_rows_begin_with_their_name_and_keep_the_next_aligned(row: Struct) -> None:
    assert row.fields[0].type == "char"
    assert row.fields[0].count == NAME_BYTES
    assert row.size % 8 == 0


def test_atomic_fields_are_whole_words() -> None:
    for struct in STRUCTS:
        for field in struct.fields:
            assert not field.atomic or (field.count == 1 and field.type in ("u32", "u64"))


def test_handles_of_a_wait_fit_into_its_request() -> None:
    assert next(field for field in REQUEST.fields if field.name == "text").count >= WAIT_ANY_MAX * 4


@pytest.mark.parametrize("prefix", [QUEUE_EVENT, SPACE_EVENT, LOCK_EVENT])
def test_a_hidden_event_has_room_for_the_longest_name(prefix: str) -> None:
    assert len(prefix) + 64 < NAME_BYTES
    assert next(field for field in REQUEST.fields if field.name == "text").count >= NAME_BYTES


def test_the_directory_lies_behind_its_header() -> None:
    assert REGION.size % 8 == 0
    assert DIRECTORY.size % 8 == 0
    assert SLOT.size == FRAME.size == 16
