"""A host of the demo that a test changes: what it had before is there again afterwards."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from demo_stack import Refused, Stack
from furnished import discard

SOON_S = 20.0
STALE = 412


def active(stack: Stack, host: str) -> Any:
    """What the host has, and how it stands."""
    return stack.api("POST", f"/hosts/{host}/operations/config-show", {})["reply"]


def ended(stack: Stack, ordered: Any) -> Any:
    """An apply, a confirmation, ... once it is over; signed by the demo's own key where that is needed."""
    if ordered["state"] == "waiting-approval":
        stack.cli("--yes", "approval", "sign", ordered["approval_id"])
    return stack.api("GET", f"/jobs/{ordered['job_id']}", wait_s=30)


def rebased(stack: Stack, host: str, revision: int) -> None:
    """Once a draft that was applied is one of the revision that it made: the controller does that by itself, soon."""
    until = time.monotonic() + SOON_S
    while stack.api("GET", f"/drafts/{host}")["base_revision"] != revision:
        assert time.monotonic() < until, "the draft was applied, and is still one of the revision before"


def gone(stack: Stack, host: str) -> None:
    """The draft is discarded, though the controller itself may be at it."""
    until = time.monotonic() + SOON_S
    while True:
        try:
            discard(stack, host)
        except Refused as refused:
            if refused.status != STALE or time.monotonic() > until:
                raise
        else:
            return


@contextmanager
def put_back(stack: Stack, host: str) -> Iterator[Any]:
    """What the host has, and no draft; so it is afterwards."""
    gone(stack, host)
    before = active(stack, host)
    yield before
    gone(stack, host)
    now = active(stack, host)
    if now["plan_id"]:
        assert ended(stack, stack.api("POST", f"/drafts/{host}/cancel", {"plan_id": now["plan_id"]}))["finished"]
        now = active(stack, host)
    if now["revision"]["hash"] == before["revision"]["hash"]:
        return
    plan = stack.api("POST", f"/drafts/{host}/rollback", {"to": before["revision"]["number"]})
    ordered = stack.api("POST", f"/drafts/{host}/apply", {"plan_id": plan["plan"]["plan_id"]})
    assert ended(stack, ordered)["state"] == "succeeded"
