"""Bytes as hexdump -C writes them, and what changed of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.cli.area_bytes import HexDump, Run, run_lines, runs


def _dump(data: bytes, offset: int, cut: int) -> list[str]:
    dump = HexDump(offset)
    lines = [line for start in range(0, len(data), cut) for line in dump.lines(data[start : start + cut])]
    return [*lines, dump.end()]


def test_as_hexdump_writes_them() -> None:
    assert _dump(bytes(32) + b"ab" * 24 + b"end\xff", 0, 16) == [
        "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
        "*",
        "00000020  61 62 61 62 61 62 61 62  61 62 61 62 61 62 61 62  |abababababababab|",
        "*",
        "00000050  65 6e 64 ff                                       |end.|",
        "00000054",
    ]


def test_lines() -> None:
    assert _dump(b"ready\0" + bytes(10) + bytes(48) + b"!", 0x20, 32) == [
        "00000020  72 65 61 64 79 00 00 00  00 00 00 00 00 00 00 00  |ready...........|",
        "00000030  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
        "*",
        "00000060  21                                                |!|",
        "00000061",
    ]


@settings(max_examples=100)
@given(st.binary(max_size=120), st.integers(0, 1 << 20))
def test_pieces_make_no_difference(data: bytes, offset: int) -> None:
    assert _dump(data, offset, 16) == _dump(data, offset, 1 << 20)
    assert all(len(line) <= 79 for line in _dump(data, offset, 16))


@settings(max_examples=100)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_runs_are_what_changed_and_no_more(before: bytes, after: bytes) -> None:
    made = bytearray(before[: len(after)].ljust(len(after), b"\0"))
    found = list(runs(7, before, after))
    for run in found:
        assert run.before != run.after
        assert before[run.offset - 7 :].startswith(run.before)
        made[run.offset - 7 : run.offset - 7 + len(run.after)] = run.after
    assert made == after
    touched = {run.offset - 7 + at for run in found for at in range(max(len(run.before), len(run.after)))}
    assert touched == {at for at in range(max(len(before), len(after))) if before[at : at + 1] != after[at : at + 1]}


def test_lines_of_a_change() -> None:
    run = Run(0x10, bytes(10), bytes(range(1, 11)))
    assert list(run_lines(run)) == [
        "00000010  00 00 00 00 00 00 00 00 -> 01 02 03 04 05 06 07 08",
        "00000018  00 00 -> 09 0a",
    ]
