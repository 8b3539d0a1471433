"""Exit codes: what a script can tell apart. One table from the kind of an error, with the codes that differ from it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import BY_CODE

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, AUTH, UNREACHABLE, TIMEOUT, DIFF_FOUND, VALIDATION = range(10)


class ExitCode(NamedTuple):
    """A row of the documented table."""

    number: int
    meaning: str


EXIT_CODES: tuple[ExitCode, ...] = (
    ExitCode(OK, "done"),
    ExitCode(FAILED, "failed, for a reason none of the others covers"),
    ExitCode(USAGE, "the command line is wrong, or a confirmation is missing"),
    ExitCode(NOT_FOUND, "there is no such object"),
    ExitCode(CONFLICT, "it exists already, or it is in a state that does not allow this"),
    ExitCode(AUTH, "not known, not trusted or not allowed"),
    ExitCode(UNREACHABLE, "no way to the broker, the socket or the host"),
    ExitCode(TIMEOUT, "it took too long"),
    ExitCode(DIFF_FOUND, "there are differences"),
    ExitCode(VALIDATION, "the input is not valid"),
)

BY_KIND: Mapping[Kind, int] = {
    Kind.INVALID: VALIDATION,
    Kind.AUTH: AUTH,
    Kind.DENIED: AUTH,
    Kind.NOT_FOUND: NOT_FOUND,
    Kind.CONFLICT: CONFLICT,
    Kind.PRECONDITION: CONFLICT,
    Kind.BUSY: FAILED,
    Kind.TIMEOUT: TIMEOUT,
    Kind.CANCELED: FAILED,
    Kind.UNSUPPORTED: FAILED,
    Kind.RESOURCE: FAILED,
    Kind.INTERNAL: FAILED,
    Kind.INDETERMINATE: FAILED,
}

EXCEPTIONS: Mapping[str, int] = {
    "BROKER-UNREACHABLE": UNREACHABLE,
    "HOST-UNREACHABLE": UNREACHABLE,
    "LINK-LOST": UNREACHABLE,
    "SOCKET-UNREACHABLE": UNREACHABLE,
    "LISTENER-UNREACHABLE": UNREACHABLE,
    "ENROLMENT-UNREACHABLE": UNREACHABLE,
    "CONTROLLER-UNREACHABLE": UNREACHABLE,
    "BROKER-BINARY-MISSING": FAILED,
    "ROLLED-BACK": FAILED,
}


def exit_code(code: str) -> int:
    """The exit code for an error's code."""
    return EXCEPTIONS.get(code, BY_KIND[BY_CODE[code].kind])


def of_several(codes: Iterable[str]) -> int:
    """The exit code when these errors happened: theirs when they agree, else FAILED; OK for none."""
    found = {exit_code(code) for code in codes}
    if not found:
        return OK
    return found.pop() if len(found) == 1 else FAILED
