"""The error model: one table of stable codes, one exception, one wire form.

Kinds say what the caller can do about it; codes are frozen once released and are what programs match on; texts are for
people and are never matched. Foreign codes (libvirt, MQTT, errno) are translated where they arise and kept in `detail`.
A new code goes into the table of its subject in `model.error_codes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from guestwire.model.error_codes.clients import CLIENTS
from guestwire.model.error_codes.communication import COMMUNICATION
from guestwire.model.error_codes.configuration import CONFIGURATION
from guestwire.model.error_codes.controller import CONTROLLER
from guestwire.model.error_codes.envelope import ENVELOPE
from guestwire.model.error_codes.guests import GUESTS
from guestwire.model.error_codes.link import LINK
from guestwire.model.error_codes.row import Code, Kind, Retry
from guestwire.model.error_codes.running import RUNNING

CODES: tuple[Code, ...] = (*ENVELOPE, *RUNNING, *GUESTS, *CONFIGURATION, *COMMUNICATION, *LINK, *CLIENTS, *CONTROLLER)

BY_CODE: Mapping[str, Code] = {row.code: row for row in CODES}


class GuestwireError(Exception):
    """An error with a stable code. Raised anywhere, carried on the wire by `protocol.error_body`.

    `field` is the path into the input that is wrong; `detail` holds plain values (str, int, float, bool, None, lists
    and dicts of them); `cause` the codes beneath, outermost first.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        field: str | None = None,
        after_ms: int | None = None,
        detail: Mapping[str, Any] | None = None,
        cause: Sequence[str] = (),
    ) -> None:
        self.code = code
        self.row = BY_CODE[code]
        self.message = message or self.row.remedy
        self.field = field
        self.after_ms = after_ms
        self.detail: Mapping[str, Any] = detail or {}
        self.cause = tuple(cause)
        super().__init__(f"{code}: {self.message}")

    @property
    def kind(self) -> Kind:
        return self.row.kind

    @property
    def retry(self) -> Retry:
        return self.row.retry

    @property
    def remedy(self) -> str:
        return self.row.remedy
