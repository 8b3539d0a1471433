"""How much of a change is told: in answers, in the history, to those who watch. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from guestwire.controller.projects.differences import Changed
from guestwire.controller.projects.draft_models import Told
from guestwire.controller.projects.merging import Conflict

MOST = 200
LARGEST = 64 * 1024
"""Characters of all values together."""


def told(changes: Sequence[Changed]) -> Told:
    """As many of the changes as somebody can read. A value that is too large for that is left out, its place never."""
    kept: list[Changed] = []
    room = LARGEST
    for one in changes[:MOST]:
        size = len(json.dumps([one.before, one.after]))
        room -= size
        kept.append(one if room >= 0 else Changed(path=one.path))
    return Told(changes=tuple(kept), more=len(changes) - len(kept))


def told_conflicts(conflicts: Sequence[Conflict]) -> list[dict[str, Any]]:
    """The conflicts as an error's detail has them, bounded likewise."""
    kept: list[dict[str, Any]] = []
    room = LARGEST
    for one in conflicts[:MOST]:
        plain = one.model_dump(mode="json")
        room -= len(json.dumps(plain))
        kept.append(plain if room >= 0 else {"path": one.path})
    return kept
