"""Revisions over HTTP: `ETag` says which one was read, `If-Match` which one is to be changed, so that nobody overwrites what
they have not seen.

A service raises REVISION-STALE itself, with `detail={"revision": ...}`, when the thing has another one by now.
"""

import re
from typing import Annotated

from fastapi import Header, Response

from guestwire.model.errors import GuestwireError

_ETAG = re.compile(r'"([0-9]{1,15})"')


def etag(revision: int) -> str:
    """The header of a revision."""
    return f'"{revision}"'


def show(response: Response, revision: int) -> None:
    """Say which revision the answer is."""
    response.headers["ETag"] = etag(revision)


async def if_match(
    if_match: Annotated[str | None, Header(description="The ETag of what is to be changed, as it was read.")] = None,
) -> int:
    """The revision that a change is made from. Raises PRECONDITION-REQUIRED where the header is missing, and REVISION-STALE
    for what is no ETag of ours: `*` would overwrite what nobody has seen."""
    if if_match is None:
        raise GuestwireError("PRECONDITION-REQUIRED", field="If-Match")
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise GuestwireError("REVISION-STALE", field="If-Match")
    return int(found[1])
