"""Whether a body is JSON that everything behind it can take (I-JSON, RFC 7493): said before a model or a database looks at it.

No text with NUL or half a surrogate pair (PostgreSQL keeps neither), no name twice in an object (which one counts is anybody's guess),
no number beyond what every reader has exactly, nothing nested without end.
"""

import json
import math
from typing import Any, Final, NoReturn

from guestwire.model.errors import GuestwireError

DEEPEST: Final = 32
GREATEST: Final = 1 << 53
_MANY_DIGITS: Final = 400


def check(body: bytes) -> None:
    """Raises MALFORMED, which says what it is about."""
    try:
        # decoded here: json would take UTF-16 as well, and half a surrogate pair
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer)
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8.") from None
    except json.JSONDecodeError as err:
        raise _malformed(f"The body is not JSON: {err.msg}, at character {err.pos}.") from None
    except (ValueError, RecursionError) as err:
        raise _malformed(f"The body is not as it should be: {str(err)[:200]}.") from None
    _walk(value, texts=b"\\u" in body)


def _walk(value: Any, *, texts: bool) -> None:
    """`texts`: whether some character is escaped; without that no text can have what none may have."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise _malformed(f"The body is nested more than {DEEPEST} deep.")
        below: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is dict:
                below.extend(one.values())
                if texts:
                    below.extend(one)
            elif kind is list:
                below.extend(one)
            elif kind is str:
                if texts and not _is_text(one):
                    raise _malformed("A text has a NUL character, or half of a surrogate pair.")
            elif kind is int:
                if abs(one) > GREATEST:
                    raise _malformed("A whole number is beyond 2^53.")
            elif kind is float and not math.isfinite(one):
                raise _malformed("A number is beyond what there is.")
        level = below


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same name twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MANY_DIGITS:
        raise ValueError("a whole number is beyond 2^53")
    return int(digits)


def _malformed(text: str) -> GuestwireError:
    return GuestwireError("MALFORMED", text)
