"""What happened: numbers, what was missed, what is told once a second, what a guest's lines may take."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.happenings import ANSWER_BYTES, DATA_BYTES, LINES_BURST, MAX_KEYS, TEXT_BYTES, Happenings
from guestwire.protocol.comm_models import Happenings as Followed
from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.steps import Now

LOG, OTHER = b"l" * 16, b"o" * 16


def at(mono: float) -> Now:
    return Now(1_700_000_000_000 + int(mono * 1000), mono)


def told(log: Happenings) -> list[tuple[str, str, int]]:
    return [(one.kind, one.guest, one.count) for one in log.since(LOG, 0, 10_000).happenings]


def seqs(answer: Followed) -> list[int]:
    return [one.seq for one in answer.happenings]


@pytest.mark.parametrize(
    ("log", "seq", "limit", "missed", "first", "last"),
    [
        (LOG, 0, 100, 6, 7, 10),
        (LOG, 3, 100, 3, 7, 10),
        (LOG, 6, 100, 0, 7, 10),
        (LOG, 8, 100, 0, 9, 10),
        (LOG, 7, 2, 0, 8, 9),
        (LOG, 9, 0, 0, 10, 10),
        (LOG, 10, 100, 0, 11, 10),
        (LOG, 99, 100, 0, 11, 10),
        (LOG, -5, 100, 6, 7, 10),
        (OTHER, 8, 100, 6, 7, 10),
        (b"", 0, 2, 6, 7, 8),
    ],
)
def test_what_came_after(log: bytes, seq: int, limit: int, missed: int, first: int, last: int) -> None:
    kept = Happenings(LOG, 4)
    for n in range(10):
        kept.add("attached", at(n), guest=f"g{n}")
    answer = kept.since(log, seq, limit)
    assert (answer.log, answer.missed, seqs(answer)) == (LOG, missed, list(range(first, last + 1)))
    assert [one.guest for one in answer.happenings] == [f"g{n - 1}" for n in range(first, last + 1)]


def test_a_happening_as_it_was_given() -> None:
    woken: list[int] = []
    kept = Happenings(LOG, on_new=lambda: woken.append(1))
    assert kept.since(b"", 0) == Followed(log=LOG, missed=0, happenings=())
    kept.add("data", at(1), guest="a", name="n", code="COMM-DENIED", text="t", level="error", truncated=True, data=b"d")
    (one,) = kept.since(LOG, 0).happenings
    assert one.model_dump() == {
        "seq": 1, "at": at(1).wall_ms, "kind": "data", "guest": "a", "name": "n", "code": "COMM-DENIED", "text": "t",
        "level": "error", "truncated": True, "count": 1, "data": b"d",
    }  # fmt: skip
    assert (woken, kept.last) == ([1], 1)


def test_a_log_has_a_name_of_16_bytes() -> None:
    with pytest.raises(ValueError, match="16"):
        Happenings(b"short")


def test_the_same_refusal_is_told_once_a_second_with_its_count() -> None:
    kept = Happenings(LOG)
    for n in range(25):
        kept.add("denied", at(n / 10), guest="a", name="e", code="COMM-DENIED", text="set")
    kept.add("denied", at(2.45), guest="b", name="e", code="COMM-DENIED")
    kept.add("denied", at(2.45), guest="a", name="other", code="COMM-DENIED")
    assert told(kept) == [
        ("denied", "a", 1),
        ("denied", "a", 10),
        ("denied", "a", 10),
        ("denied", "b", 1),
        ("denied", "a", 1),
    ]
    left = kept.flush(at(2.5))
    assert left == pytest.approx(0.5)
    assert len(told(kept)) == 5
    assert kept.flush(at(3.0)) is None
    last = kept.since(LOG, 5).happenings[0]
    assert (last.count, last.text, last.at) == (4, "set", at(2.4).wall_ms)
    assert kept.flush(at(10)) is None
    kept.add("denied", at(10.1), guest="a", name="e", code="COMM-DENIED", count=7)
    assert told(kept)[6:] == [("denied", "a", 7)]


def test_refusals_of_different_things_are_not_one() -> None:
    kept = Happenings(LOG)
    for what in ("set", "reset", "set", "wait", "reset"):
        kept.add("denied", at(1), guest="a", name="go", code="COMM-DENIED", text=what)
    kept.flush(at(3))
    said = [(one.text, one.count) for one in kept.since(LOG, 0).happenings]
    assert said == [("set", 1), ("reset", 1), ("wait", 1), ("set", 1), ("reset", 1)]


def test_who_refuses_to_repeat_itself_is_bounded_and_nothing_is_lost() -> None:
    kept = Happenings(LOG, 10 * MAX_KEYS)
    for n in range(3 * MAX_KEYS):
        kept.add("denied", at(n / 1e6), guest="a", name=f"{n}")
        kept.add("denied", at(n / 1e6), guest="a", name=f"{n}")
    assert len(kept._repeated) == MAX_KEYS
    assert kept.flush(at(5)) is None
    kept.flush(at(10))
    assert not kept._repeated
    seen: Counter[str] = Counter()
    seq = 0
    while answer := kept.since(LOG, seq).happenings:
        seq = answer[-1].seq
        for one in answer:
            seen[one.name] += one.count
    assert seen == {f"{n}": 2 for n in range(3 * MAX_KEYS)}


def test_lines_of_a_guest_are_bounded_and_what_was_dropped_is_told() -> None:
    kept = Happenings(LOG)
    for n in range(500):
        kept.add("log", at(0), guest="a", text=f"{n}")
    kept.add("log", at(0), guest="b", text="other")
    kept.add("log", at(0), text="of the host")
    burst = int(LINES_BURST)
    lines = [(one.guest, one.name, one.text, one.count) for one in _all(kept)]
    assert lines[:burst] == [("a", "", f"{n}", 1) for n in range(burst)]
    assert [line[:2] for line in lines[burst:]] == [("a", "dropped"), ("b", ""), ("", "")]
    kept.add("log", at(0.1), guest="a", text="next")
    dropped, line = _all(kept)[-2:]
    assert (dropped.name, dropped.level, dropped.count) == ("dropped", "warning", 500 - burst - 1)
    assert (line.text, line.count) == ("next", 1)


def test_what_was_dropped_last_is_told_without_another_line() -> None:
    kept = Happenings(LOG)
    for _ in range(300):
        kept.add("data", at(0), guest="a", data=b"x")
    assert kept.flush(at(0.5)) == pytest.approx(0.5)
    assert kept.flush(at(1)) is None
    assert sum(one.count for one in _all(kept)) == 300


def test_a_text_or_data_too_long_is_cut_and_flagged() -> None:
    kept = Happenings(LOG)
    kept.add("log", at(0), text="é" * TEXT_BYTES)
    kept.add("data", at(0), data=b"x" * (DATA_BYTES + 1))
    kept.add("log", at(0), text="\ud800 is no character")
    text, data, odd = _all(kept)
    assert (len(text.text.encode()), text.truncated) == (TEXT_BYTES, True)
    assert (len(data.data), data.truncated) == (DATA_BYTES, True)
    assert (odd.text, odd.truncated) == ("? is no character", False)


def test_the_ring_is_bounded_in_bytes_and_an_answer_fits_a_frame() -> None:
    kept = Happenings(LOG, max_bytes=1 << 20)
    for n in range(100):
        kept.add("data", at(n), guest="a", data=bytes([n]) * DATA_BYTES)
    answer = kept.since(LOG, 0)
    assert answer.missed == 100 - (1 << 20) // (DATA_BYTES + 200)
    assert len(answer.happenings) == 1
    assert answer.missed == answer.happenings[0].seq - 1
    assert len(answer.happenings[0].data) + 4096 < FRAME_LIMIT
    small = Happenings(LOG)
    for n in range(1000):
        small.add("detached", at(n), guest="guest-with-a-name")
    assert 100 < len(small.since(LOG, 0, 1000).happenings) <= ANSWER_BYTES // 160


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["denied", "throttled", "log", "data", "attached"]), st.sampled_from(["", "a", "b"]),
            st.floats(0, 2), st.integers(1, 3), st.sampled_from(["add", "flush", "read"]),
        ),
        max_size=80,
    ),
    st.integers(1, 20),
)  # fmt: skip
@settings(max_examples=100)
def test_read_and_missed_are_everything(steps: list[tuple[str, str, float, int, str]], size: int) -> None:
    """Whatever a reader does, what it read and what it missed are all numbers without a gap; counts are whole when nothing
    was missed."""
    kept = Happenings(LOG, size)
    now, seq, missed, wanted, got = 0.0, 0, 0, 0, 0
    for kind, guest, wait, count, what in [*steps, ("", "", 5.0, 1, "flush"), ("", "", 0.0, 1, "read")]:
        now += wait
        if what == "add":
            kept.add(kind, at(now), guest=guest, count=count)
            wanted += count
        elif what == "flush":
            kept.flush(at(now))
        else:
            answer = kept.since(LOG, seq)
            assert seqs(answer) == list(range(seq + answer.missed + 1, kept.last + 1))
            got += sum(one.count for one in answer.happenings)
            missed += answer.missed
            seq = kept.last
    if not missed:
        assert got == wanted


def _all(kept: Happenings) -> list:  # type: ignore[type-arg]
    found: list = []  # type: ignore[type-arg]
    while answer := kept.since(LOG, found[-1].seq if found else 0).happenings:
        found += answer
    return found
