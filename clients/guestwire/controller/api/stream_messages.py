"""What a viewer may say on the stream: who they are, what they want to see, from where on.

{"token": "gwt_..."}                                                    where no header or cookie said it
{"subscribe": {"kinds": ["host", "job"], "hosts": ["plant/h1"], "q": "rack=3"}}
{"subscribe": {"kinds": ["host"]}, "resume": {"epoch": "...", "revision": 17}}
"""

from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from guestwire.controller.api.stream_view import KINDS, Wanted
from guestwire.controller.host_ref import host_ref
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import FOREVER

MOST_HOSTS = 1000
LONGEST_QUERY = 500


class Subscribe(Document):
    """What is to be sent. `hosts`: as `site/host`; none: all. `q`: only what answers that query."""

    kinds: Annotated[tuple[str, ...], Field(min_length=1, max_length=len(KINDS))]
    hosts: Annotated[tuple[Annotated[str, StringConstraints(max_length=80)], ...], Field(max_length=MOST_HOSTS)] = ()
    q: Annotated[str, StringConstraints(max_length=LONGEST_QUERY)] = ""


class Resume(Document):
    """Where a viewer was when it lost the connection."""

    epoch: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    revision: Annotated[int, Field(ge=0, le=FOREVER)]


class FromViewer(Document):
    """A message of a viewer's."""

    token: Annotated[str, StringConstraints(max_length=128)] | None = Field(default=None, repr=False)
    subscribe: Subscribe | None = None
    resume: Resume | None = None


def read(text: str) -> FromViewer:
    """A message. Raises INVALID-BODY."""
    try:
        message = FromViewer.model_validate_json(text)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100]
        raise GuestwireError("INVALID-BODY", f"{place or 'message'}: {first['msg']}", field=place or None) from None
    if message.resume is not None and message.subscribe is None:
        raise GuestwireError("INVALID-BODY", "Say what to subscribe to, with `resume`.", field="subscribe")
    return message


def wanted(asked: Subscribe) -> Wanted:
    """What somebody subscribes to. Raises INVALID-BODY for a kind or a host that is none."""
    if unknown := sorted(set(asked.kinds) - KINDS):
        text = f"{unknown[0][:40]!r} is no kind of thing: there are {', '.join(sorted(KINDS))}."
        raise GuestwireError("INVALID-BODY", text, field="subscribe.kinds")
    return Wanted(frozenset(asked.kinds), frozenset(host_ref(name) for name in asked.hosts), asked.q)
