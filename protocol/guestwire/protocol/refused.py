"""A check of a message failed: what the executor's checks raise, and nobody else sees."""

from guestwire.model.errors import GuestwireError


class Refused(Exception):
    """`error` says why. `drop`: nothing is answered, for nobody knows whom. `failure`: it counts against the client's budget."""

    def __init__(self, error: GuestwireError, *, drop: bool = False, failure: bool = False) -> None:
        self.error = error
        self.drop = drop
        self.failure = failure
