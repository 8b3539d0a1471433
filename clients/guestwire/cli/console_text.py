"""What a guest writes to its console, made harmless for a terminal: its text, without what would move the cursor, change the terminal or
give answers in the user's name. It comes in pieces, which may end anywhere.
"""

import codecs
import re

from guestwire.cli.terminal import printable

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, the cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, and other strings
    r"|\x1b[ -/]*[0-OQ-WYZ`-~\\]"
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$")
LONGEST = 4096
"""What has begun as a sequence and does not end is text, from there on."""


class ConsoleText:
    """One console, from one place on."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def add(self, data: bytes) -> str:
        """The text of the next bytes, as far as it can be told yet."""
        text = self._held + self._decoder.decode(data)
        begun = _BEGUN.search(text)
        if begun is not None and len(text) - begun.start() <= LONGEST:
            text, self._held = text[: begun.start()], begun[0]
        else:
            self._held = ""
        return "".join(_harmless(one) for one in _SEQUENCE.sub("", text))


def _harmless(one: str) -> str:
    if one.isprintable() or one in "\n\t":
        return one
    return "" if one < " " or "\x7f" <= one < "\xa0" else printable(one)


def last_lines(data: bytes, count: int) -> bytes:
    """The last lines; the last of them may have no end yet."""
    at = len(data) - data.endswith(b"\n")
    for _ in range(count):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return data
    return data[at + 1 :]
