"""Lists that no answer holds: many guests, each with many areas or events, are said in one row each."""

from collections.abc import Callable

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import BODY_LIMIT
from guestwire.protocol.steps import Call


def listed(rows: Callable[[Call], Model], what: str) -> Callable[[Call], Model]:
    """The handler of a list. Raises FRAME-TOO-LARGE for one that no answer holds; `what` one of its rows is."""

    def answer(call: Call) -> Model:
        found = rows(call)
        size = len(to_bytes(found))
        if size > BODY_LIMIT:
            text = (
                f"The {what}s, each with who may use it, take {size} bytes, and an answer has at most {BODY_LIMIT}: "
                f"ask for each by its name, with `{what} show`."
            )
            raise GuestwireError("FRAME-TOO-LARGE", text, detail={"bytes": size, "limit": BODY_LIMIT})
        return found

    return answer
