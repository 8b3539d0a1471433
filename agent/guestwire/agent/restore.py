"""A journal row back into the call it was, for the command that a crash interrupted."""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from guestwire.agent.journal_schema import Entry, Unfinished
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import invalid_body
from guestwire.protocol.envelope import VERSION, Header
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import Operation
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.steps import Call, Inbound

NOBODY = -1
"""The uid of a call whose socket is gone."""


def restorer(
    operations: Mapping[str, Operation],
) -> Callable[[Unfinished], tuple[Call, GuestwireError | None]]:
    """A function that makes the call of a row, and says why this version cannot run it (UNIMPLEMENTED, INVALID-BODY)."""

    def restore(row: Unfinished) -> tuple[Call, GuestwireError | None]:
        entry = row.entry
        operation = operations.get(entry.operation) or _unknown(entry)
        header = Header(
            VERSION, "request", ("", ""), entry.operation, entry.request_id, entry.issuer, entry.accepted_ms,
            entry.expires_ms, max(0, entry.start_by_ms - entry.accepted_ms), entry.body_hash, entry.reply_to,
        )  # fmt: skip
        # it has no path yet: the pipeline gives it the link's, or that of a client that asks again
        uid = NOBODY if entry.via == "socket" else None
        inbound = Inbound(b"", entry.reply_to, entry.operation, uid=uid, way=entry.via)
        call = Call(operation, header, inbound, entry.issuer, signed=True, wall_ms=entry.accepted_ms)
        call.body = entry.body
        call.mandate = None if entry.mandate is None else entry.mandate.data
        if entry.operation not in operations:
            return call, GuestwireError("UNIMPLEMENTED", detail={"operation": entry.operation})
        try:
            call.request = operation.request.model_validate(unpack(entry.body))
        except ValidationError as err:
            return call, invalid_body(err)
        except PackingError as err:
            return call, GuestwireError("INVALID-BODY", str(err))
        return call, None

    return restore


def _unknown(entry: Entry) -> Operation:
    """An operation of another version, as far as answering for it needs one."""
    return Operation(entry.operation, Empty, Empty, entry.effect, 0, 0, "of another version")
