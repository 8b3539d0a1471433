"""Which series there are: the limit holds, is told once, and what is gone makes room."""

import pytest

from guestwire.agent.telemetry.series_book import SeriesBook

DEPTH = "guestwire_queue_depth"
SLOTS = "guestwire_queue_slots"


def test_the_limit_is_told_once_until_there_is_room() -> None:
    told: list[int] = []
    book = SeriesBook(2, {DEPTH}, told.append)
    for _ in range(3):
        book.begin("normal")
        for queue in ("a", "b", "c", "d"):
            if book.count < 2 or queue in "cd":
                book.admit((DEPTH, (queue,)), "normal")
        book.end()
        assert (book.count, book.refused) == (2, 2)
    assert told == [2]

    book.begin("normal")
    book.forget()
    book.end()
    assert book.refused == 0
    book.begin("normal")
    assert book.admit((DEPTH, ("c",)), "normal") is not None
    assert book.admit((DEPTH, ("d",)), "normal") is None
    book.end()
    assert told == [2, 2]


def test_refusals_are_those_of_the_last_look_of_each_tier() -> None:
    book = SeriesBook(0, {DEPTH, "guestwire_vcpu_runs_total"}, lambda _: None)
    for tier, key in (("normal", (DEPTH, ("q",))), ("fast", ("guestwire_vcpu_runs_total", ("g", "0")))):
        book.begin(tier)  # type: ignore[arg-type]
        book.admit(key, tier)  # type: ignore[arg-type]
    assert book.refused == 2
    book.begin("fast")
    assert book.refused == 1


def test_a_metric_that_nobody_wants_takes_no_place() -> None:
    book = SeriesBook(5, {DEPTH}, lambda _: None)
    assert book.wants(DEPTH)
    assert not book.wants(SLOTS)
    assert book.admit((SLOTS, ("q",)), "normal") is None
    assert (book.count, book.refused) == (0, 0)


def test_a_label_that_cannot_be_written_is_refused_and_a_wrong_number_of_labels_is_a_defect() -> None:
    book = SeriesBook(5, {DEPTH}, lambda _: None)
    assert book.admit((DEPTH, ("a\nb",)), "normal") is None
    assert (book.count, book.refused) == (0, 1)
    with pytest.raises(ValueError, match="zip"):
        book.admit((DEPTH, ("a", "b")), "normal")


def test_the_text_of_what_is_admitted() -> None:
    book = SeriesBook(5, {"guestwire_vcpu_halted"}, lambda _: None)
    admitted = book.admit(("guestwire_vcpu_halted", ("g1", "0")), "normal")
    assert admitted is not None
    metric, text = admitted
    assert (metric.name, text) == ("guestwire_vcpu_halted", 'guestwire_vcpu_halted{guest="g1",vcpu="0"}')
