"""The states of a job at the controller, and how the words of hosts become such states. Tables only.

A host's own words are `protocol.operation_models.JobState`; before the host has a job there are those of this side.
"""

from collections.abc import Mapping
from typing import Final, Literal

JobState = Literal[
    "queued", "waiting-approval", "waiting-window",
    "sent", "accepted", "running", "waiting-reboot", "overdue",
    "succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back",
]  # fmt: skip

WAITING: Final[frozenset[str]] = frozenset({"queued", "waiting-approval", "waiting-window"})
"""No host has it: it was not sent, or it is proven that no copy was accepted."""
OUT: Final[frozenset[str]] = frozenset({"sent", "accepted", "running", "waiting-reboot", "overdue"})
"""A host may have it."""
UNFINISHED: Final[frozenset[str]] = WAITING | OUT
FINISHED: Final[frozenset[str]] = frozenset(
    {"succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back"}
)
AT_HOST: Final[Mapping[str, int]] = {"sent": 0, "accepted": 1, "running": 2, "waiting-reboot": 3}
"""In the order in which a host goes through them; none goes back."""

BY_CODE: Final[Mapping[str, JobState]] = {
    "CANCELED": "canceled",
    "TIMED-OUT": "timed-out",
    "DEADLINE": "timed-out",
    "INDETERMINATE": "indeterminate",
    "ROLLED-BACK": "rolled-back",
}
"""How a job ended whose final says that code. Every other one: failed."""
