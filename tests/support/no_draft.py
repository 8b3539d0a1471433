"""No draft of a host, whatever a page that was just closed may still have sent."""

from demo_stack import Refused, Stack
from furnished import discard

TIMES = 10


def no_draft(stack: Stack, host: str) -> None:
    for _ in range(TIMES):
        try:
            discard(stack, host)
        except Refused as refused:
            if refused.status != 412:
                raise
        else:
            return
    raise AssertionError(f"somebody goes on editing the draft of {host}")
