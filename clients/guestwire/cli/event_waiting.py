"""Waiting for named events of a host, in requests that a host need not keep for long."""

import asyncio
from contextlib import suppress

from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.comm_models import EventWait, EventWaited
from guestwire.protocol.operation_models import JobRef
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.host_api import HostApi

AT_A_TIME_S = 15.0
"""So long at most does a host wait on for somebody who is gone without a word."""
ANSWER_S = 20.0
"""What an answer may take beyond the wait."""
CANCEL_S = 2.0


async def wait_for(api: HostApi, names: tuple[str, ...], timeout_s: float | None) -> Answer[EventWaited]:
    """The first of the events that is set, or none in that time (None: for ever). An event that is set between two
    requests stays set until the next one. Raises the host's errors; who is cancelled takes the request back."""
    left_s = timeout_s
    while True:
        slice_s = AT_A_TIME_S if left_s is None else min(AT_A_TIME_S, left_s)
        answer = await _once(api, EventWait(names=names, timeout_s=slice_s))
        left_s = None if left_s is None else left_s - slice_s
        if answer.reply.name is not None or (left_s is not None and left_s <= 0):
            return answer


async def _once(api: HostApi, request: EventWait) -> Answer[EventWaited]:
    request_id = ids.request_id(now().wall_ms)
    said = CallOptions(timeout_s=request.timeout_s + ANSWER_S, request_id=request_id)
    try:
        return await api.event_wait(request, said)
    except asyncio.CancelledError:
        # else the host waits on, and takes the signal that is meant for whoever waits next
        with suppress(GuestwireError):
            await api.job_cancel(JobRef(request_id=request_id), CallOptions(timeout_s=CANCEL_S))
        raise
