"""A body that goes out as it is kept, byte for byte, whatever the models of this version would make of it.

A job's body is signed, hashed by mandates and compared by the host with every copy before it: it may not change between two
sendings, and a newer controller has models with other fields.
"""

from pydantic import ConfigDict, ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import from_bytes, invalid_body, to_bytes
from guestwire.protocol.operations import Operation
from guestwire.protocol.packing import PackingError, unpack


class ExactBody(Model):
    """The fields of a body as they were packed, not looked at."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", defer_build=True)


def sound_body(operation: Operation, body: bytes) -> bytes:
    """The body as it is kept, after the operation's model has taken it. Raises INVALID-BODY."""
    try:
        return to_bytes(from_bytes(operation.request, body))
    except ValidationError as err:
        raise invalid_body(err) from err
    except PackingError as err:
        raise GuestwireError("INVALID-BODY", f"The body is not well formed: {err}") from err


def exact(body: bytes) -> Model:
    """What `to_bytes` makes that body of, exactly. The body was sound once."""
    request = ExactBody.model_validate(unpack(body))
    if to_bytes(request) != body:
        raise GuestwireError("INTERNAL", "A kept body would not go out as it was.")
    return request
