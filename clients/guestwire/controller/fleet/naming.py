"""What a host is called, and texts of hosts and people made fit to be stored: pure."""

from typing import Final

from guestwire.controller.fleet.natural import natural
from guestwire.controller.store.host_tables import Called, Machine, PeoplesWords, ValueRow

LONGEST_LABEL: Final = 200
FEATURE: Final = "feature"
LARGEST: Final = 1 << 53


def called(words: PeoplesWords, machine: Machine) -> Called:
    """The label that people gave a host, else its own."""
    label = words.given_label or machine.own_label
    return Called(label, label.casefold()[:LONGEST_LABEL], natural(label))


def value_row(name: str, value: str) -> ValueRow:
    """A label or a feature, with what it is searched and ordered by."""
    return ValueRow(name, value, value.casefold()[:LONGEST_LABEL], natural(value))


def clean(text: str, longest: int) -> str:
    """A text of a host, as every database takes it: without NUL, and not too long."""
    return text.replace("\0", "")[:longest]


def bounded(number: int) -> int:
    """A number that a host gave out, as every database holds it."""
    return max(0, min(number, LARGEST))
