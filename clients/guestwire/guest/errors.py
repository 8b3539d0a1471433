"""What the library answers when something is wrong: one exception with the C library's codes."""

from guestwire.shm.layouts import CONSTANTS

NAMES = {row.value: row.name for row in CONSTANTS if row.value < 0}
"""GW_DENIED and so on, by number."""
NUMBERS = {name: number for number, name in NAMES.items()}


class GuestError(Exception):
    """`code`: the name of a code of guestwire.h, such as "GW_DENIED"; `number`: its number; `detail`: what more there is to
    say, such as a path. What is only not there yet is no error: a wait that ends without its event returns False."""

    def __init__(self, number: int, text: str, detail: str = "") -> None:
        self.number = number
        self.code = NAMES.get(number, f"GW_{number}")
        self.detail = detail
        super().__init__(f"{self.code}: {text}" + (f" ({detail})" if detail else ""))


class LibraryMissing(Exception):
    """libguestwire.so is not there, or is not this package's: the text says what to do."""
