"""The order that people expect of texts with numbers in them: 0.9 before 0.10, line2 before line10. Pure."""

import re
from typing import Final

LONGEST: Final = 128
"""Characters of a key: what is beyond does not count."""
_DIGITS = re.compile(r"[0-9]+")


def natural(text: str) -> str:
    """A key for a text: keys compare, character by character, as people would order the texts. Case does not count."""
    return _DIGITS.sub(_number, text[:LONGEST].casefold())[:LONGEST]


def _number(found: re.Match[str]) -> str:
    """Longer numbers are larger ones, once the zeros in front are gone."""
    digits = found[0].lstrip("0")
    return f"{min(len(digits), 99):02d}{digits}"
