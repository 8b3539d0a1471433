"""Of what a party is denied in a second, the first names are told one by one."""

from guestwire.comm.denials import MAX_PARTIES, NAMED, WINDOW_S, Denials


def test_the_first_names_of_a_second_are_told() -> None:
    denials = Denials()
    shown = [denials.shown("a", f"n{n}", 0.0) for n in range(NAMED + 5)]
    assert shown == [*(f"n{n}" for n in range(NAMED)), *[""] * 5]
    assert denials.shown("a", "n0", 0.5) == "n0"  # the same again is told as itself
    assert denials.shown("b", "other", 0.5) == "other"  # others are not held to it
    assert denials.shown("a", "late", WINDOW_S) == "late"


def test_parties_are_bounded() -> None:
    denials = Denials()
    for n in range(MAX_PARTIES + 10):
        denials.shown(f"p{n}", "name", 0.0)
    assert len(denials._seen) == MAX_PARTIES
