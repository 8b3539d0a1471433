"""What can happen to a job: the events of `machine`. Values only.

Errors are a code and a text here: what a host said with its signature is told apart from what this side only concluded by
the kind of the event.
"""

from typing import NamedTuple

from guestwire.controller.jobs.states import JobState


class Approved(NamedTuple):
    """The mandate it waited for is signed."""


class Denied(NamedTuple):
    """It will not be sent: nobody allows it, or its rollout was ended. Counts only while no host has it."""

    state: JobState
    code: str
    message: str


class Shut(NamedTuple):
    """Its window is not open, or its time has not come."""


class Opened(NamedTuple):
    """It may be sent, as far as its window and its time go."""


class Sending(NamedTuple):
    """It is about to be sent, under that id and as `issuer`, by a copy that a host may accept until `expires_at`. Must be stored
    before it is sent."""

    request_id: str
    expires_at: int
    issuer: str


class AtHost(NamedTuple):
    """The host has it and is not done. `asked`: it was asked, and is to be asked again after a pause; else it said so by
    itself, and will say the result."""

    state: JobState
    asked: bool = False
    spread: float = 0.5


class Ended(NamedTuple):
    """How it ended, in the host's own words: a stored final."""

    state: JobState
    code: str | None
    message: str | None
    verified: bool


class Silent(NamedTuple):
    """Nothing came, or nothing that decides. `spread`: from 0 to 1, at random, so that not all ask again at once.
    `not_before`: asking sooner is in vain."""

    code: str
    message: str
    spread: float = 0.5
    not_before: int | None = None


class Refused(NamedTuple):
    """The host refused what was sent for good, and has nothing in its journal about it."""

    code: str
    message: str


class NotAccepted(NamedTuple):
    """Proven: the host knows nothing of it, and accepts no copy any more that was sent so far."""

    code: str
    message: str


class HostCame(NamedTuple):
    """The host is there again: what waited for the next try need not."""


class DeadlinePassed(NamedTuple):
    """Nothing more is sent."""


class CancelAsked(NamedTuple):
    """Somebody wants it to end."""

    by: str | None


class GivenUp(NamedTuple):
    """Somebody waits no longer for the result of an overdue job: nobody will know what became of it."""

    by: str


Event = (
    Approved
    | Denied
    | Shut
    | Opened
    | Sending
    | AtHost
    | Ended
    | Silent
    | Refused
    | NotAccepted
    | HostCame
    | DeadlinePassed
    | CancelAsked
    | GivenUp
)
