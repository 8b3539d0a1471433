"""A journal row back into the call it was, for the command that a crash interrupted."""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from guestwire.agent.journal_schema import Unfinished
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import VERSION, Header
from guestwire.protocol.executor import Call, Inbound, invalid_body
from guestwire.protocol.operations import Operation
from guestwire.protocol.packing import PackingError, unpack


def restorer(operations: Mapping[str, Operation]) -> Callable[[Unfinished], Call | GuestwireError]:
    """A function that makes the call of a row, or says why this version cannot (UNIMPLEMENTED, INVALID-BODY)."""

    def restore(row: Unfinished) -> Call | GuestwireError:
        entry = row.entry
        operation = operations.get(entry.operation)
        if operation is None:
            return GuestwireError("UNIMPLEMENTED", detail={"operation": entry.operation})
        header = Header(
            VERSION, "request", ("", ""), entry.operation, entry.request_id, entry.issuer, entry.accepted_ms,
            entry.expires_ms, max(0, entry.start_by_ms - entry.accepted_ms), entry.body_hash, entry.reply_to,
        )  # fmt: skip
        # it has no path yet: the pipeline gives it the link's, or that of a client that asks again
        inbound = Inbound(b"", entry.reply_to, entry.operation)
        call = Call(operation, header, inbound, entry.issuer, signed=True, wall_ms=entry.accepted_ms)
        call.body = entry.body
        try:
            call.request = operation.request.model_validate(unpack(entry.body))
        except ValidationError as err:
            return invalid_body(err)
        except PackingError as err:
            return GuestwireError("INVALID-BODY", str(err))
        return call

    return restore
