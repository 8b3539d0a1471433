"""A row of the tables of error codes, and the words it is made of."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a caller can do: one kind per different remedy."""

    INVALID = "INVALID"
    AUTH = "AUTH"
    DENIED = "DENIED"
    NOT_FOUND = "NOT-FOUND"
    CONFLICT = "CONFLICT"
    PRECONDITION = "PRECONDITION"
    BUSY = "BUSY"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    UNSUPPORTED = "UNSUPPORTED"
    RESOURCE = "RESOURCE"
    INTERNAL = "INTERNAL"
    INDETERMINATE = "INDETERMINATE"


class Retry(StrEnum):
    """Whether sending again can help: the same bytes, a new request id, or only after `after_ms`."""

    NO = "no"
    SAME_REQUEST = "same-request"
    NEW_REQUEST = "new-request"
    AFTER = "after"


class Where(StrEnum):
    """Who says it."""

    LOCAL = "local"
    BROKER = "broker"
    HOST = "host"
    RESOURCE = "resource"


class Code(NamedTuple):
    """A row of the table: the code, its kind, whether to retry, where it arises, and what to do about it."""

    code: str
    kind: Kind
    retry: Retry
    where: Where
    remedy: str
