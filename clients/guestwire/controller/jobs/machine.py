"""The life of a job, sans-I/O: what an event makes of it, and what is to be done next. Time is an argument (Unix ms).

Nothing here sends or stores. A job ends by a host's final (`Ended`), or where it is certain that no host has it and none will;
what a host may have is never given up: past its deadline it is overdue, and a late final still wins. PROTOCOL, Life of a
request.
"""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.job import Job
from guestwire.controller.jobs.states import AT_HOST, FINISHED, OUT, WAITING, JobState

ACCEPT_MS: Final = 30_000
"""How long a host may take to accept a copy, at most: what one does not answer by then is asked about, and sent anew."""
LEAST_ACCEPT_MS: Final = 500
"""Less time than that is no use to a host: the next window, or the deadline, decides."""
ID_LIFE_MS: Final = 7 * 86_400_000 - 3_600_000
"""A host forgets finished requests after a week, and refuses older ids: later than this nothing is sent under one."""
SURELY_KEPT_MS: Final = 86_400_000
"""For so long every host remembers what it finished: that it knows nothing of a request proves something only before that."""
SKEW_MS: Final = 120_000
"""How far a host's clock may be behind without the host refusing us: so long after `expires_at` no copy is accepted."""
AT_ONCE_MS: Final = 10_000
"""A host that is there answers sooner: what it finds expired by then, it would find so again."""
PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
OVERDUE_PAUSE_MS: Final = 600_000
LONGEST_CODE: Final = 64
LONGEST_MESSAGE: Final = 4000
MANDATE_END: Final = "its approval ended, which lasts seven days at most"
"""The end of a job whose deadline is that of its approval."""


class Opening(NamedTuple):
    """When a job may be sent: now until `until`, or not before `opens_at`; both None: never again."""

    until: int | None
    opens_at: int | None = None


ALWAYS = Opening(1 << 53)


class Send(NamedTuple):
    """Send it; a host may accept it for that long."""

    accept_ms: int


class Ask(NamedTuple):
    """Ask the host how it stands (job-get)."""


class Cancel(NamedTuple):
    """Have the host cancel it (job-cancel)."""


class Wait(NamedTuple):
    """Nothing to do before `until`; None: before something happens. `host`: what happens first may be that the host comes."""

    until: int | None
    host: bool = False


class Apply(NamedTuple):
    """Time brought this event."""

    event: e.Shut | e.Opened | e.DeadlinePassed


class Nothing(NamedTuple):
    """It has ended."""


Todo = Send | Ask | Cancel | Wait | Apply | Nothing


def opening(job: Job, window: Opening, now_ms: int) -> Opening:
    """When the job may be sent, by its own time and that of its window. `window`: how that stands now, ALWAYS where it has
    none."""
    if job.not_before is not None and job.not_before > now_ms:
        return Opening(None, max(job.not_before, window.opens_at or 0))
    return window


def todo(job: Job, now_ms: int, *, there: bool, window: Opening = ALWAYS) -> Todo:
    """What comes next. `there`: whether the host is, as far as anybody knows."""
    if job.finished:
        return Nothing()
    if job.state != "overdue" and now_ms >= job.deadline_at:
        return Apply(e.DeadlinePassed())
    if job.state == "waiting-approval":
        return Wait(job.deadline_at)
    open_ = opening(job, window, now_ms)
    if job.state in WAITING:
        return _to_send(job, now_ms, open_, there=there)
    limit = None if job.state == "overdue" else job.deadline_at
    if job.next_at is not None and job.next_at > now_ms:
        return Wait(_sooner(job.next_at, limit))
    if not there:
        return Wait(limit, host=True)
    if job.cancel_at is not None:
        return Cancel()
    accept_ms = _accept_ms(job, now_ms, open_)
    if job.state == "overdue" or accept_ms < LEAST_ACCEPT_MS:
        return Ask()
    return Send(accept_ms)


def may_be_sent(job: Job | None) -> bool:
    """Whether `Sending` may happen to it; None: a job that has ended and is not in memory any more."""
    return (
        job is not None
        and not job.finished
        and job.cancel_at is None
        and job.state not in ("overdue", "waiting-approval", "waiting-window")
    )


def after(job: Job, event: e.Event, now_ms: int) -> Job:
    """The job after the event. What has ended stays as it is: a second final, or anything else that comes late, changes
    nothing."""
    if job.finished:
        return job
    changes = _changes(job, event, now_ms)
    if not changes:
        return job
    for name, longest in (("code", LONGEST_CODE), ("message", LONGEST_MESSAGE)):
        if (text := changes.get(name)) is not None:  # it may be a host's own words: as every database takes them
            changes[name] = text.replace("\0", "")[:longest]
    return replace(job, revision=job.revision + 1, **changes)


def _changes(job: Job, event: e.Event, now_ms: int) -> dict[str, Any]:
    match event:
        case e.Approved() | e.Denied() | e.Shut() | e.Opened():
            return _waiting(job, event, now_ms)
        case e.Sending():
            return _sending(job, event, now_ms)
        case e.AtHost():
            return _at_host(job, event, now_ms)
        case e.Ended(state, code, message, verified):
            assert state in FINISHED
            return _over(state, now_ms, code, message) | {"verified": verified}
        case e.Silent():
            return _silent(job, event, now_ms)
        case e.Refused(code, message):
            return _over("rejected", now_ms, code, message) if not job.reached else _in_doubt(now_ms, code, message)
        case e.NotAccepted():
            return _not_accepted(job, event, now_ms)
        case e.HostCame():
            return {"next_at": None, "silent": 0} if job.next_at is not None else {}
        case e.DeadlinePassed():
            return _deadline(job, now_ms)
        case e.CancelAsked(by):
            return _cancel(job, by, now_ms)
        case e.GivenUp(by):
            text = f"{by} waits for it no longer: whether it was carried out, its host would have to say."
            return _over("indeterminate", now_ms, "INDETERMINATE", text) if job.state == "overdue" else {}


def _waiting(job: Job, event: e.Approved | e.Denied | e.Shut | e.Opened, now_ms: int) -> dict[str, Any]:
    """What happens to jobs that no host has; to others it does not."""
    match event:
        case e.Approved():
            return {"state": "queued"} if job.state == "waiting-approval" else {}
        case e.Denied(state, code, message):
            assert state in FINISHED
            return _over(state, now_ms, code, message) if job.state in WAITING else {}
        case e.Shut():
            return {"state": "waiting-window"} if job.state == "queued" else {}
        case e.Opened():
            return {"state": "queued"} if job.state == "waiting-window" else {}


def _to_send(job: Job, now_ms: int, open_: Opening, *, there: bool) -> Todo:
    shut = open_.until is None or open_.until - now_ms < LEAST_ACCEPT_MS
    if shut:
        if job.state != "waiting-window":
            return Apply(e.Shut())
        again = open_.opens_at if open_.until is None else open_.until
        return Wait(_sooner(again, job.deadline_at))
    if job.state == "waiting-window":
        return Apply(e.Opened())
    if job.next_at is not None and job.next_at > now_ms:
        return Wait(_sooner(job.next_at, job.deadline_at))
    if not there:
        return Wait(_sooner(open_.until, job.deadline_at), host=True)
    accept_ms = _accept_ms(job, now_ms, open_)
    return Send(accept_ms) if accept_ms >= LEAST_ACCEPT_MS else Wait(job.deadline_at)


def _accept_ms(job: Job, now_ms: int, open_: Opening) -> int:
    """For how long a copy that is sent now may be accepted: never past the deadline, the window, or the life of its id."""
    ends = [now_ms + ACCEPT_MS, job.deadline_at]
    if open_.until is None:
        return 0
    ends.append(open_.until)
    if job.first_sent_at is not None:
        ends.append(job.first_sent_at + ID_LIFE_MS)
    return min(ends) - now_ms


def _sending(job: Job, event: e.Sending, now_ms: int) -> dict[str, Any]:
    assert job.request_id in (None, event.request_id), "a job has one request id for ever"
    assert job.issuer in (None, event.issuer), "under another principal it would be another request to its host"
    assert may_be_sent(job)
    return {
        "state": "sent" if job.state == "queued" else job.state,
        "request_id": event.request_id,
        "issuer": event.issuer,
        "attempts": job.attempts + 1,
        "first_sent_at": job.first_sent_at or now_ms,
        "sent_at": now_ms,
        "expires_at": max(job.expires_at or 0, event.expires_at),
        "next_at": None,
    }


def _at_host(job: Job, event: e.AtHost, now_ms: int) -> dict[str, Any]:
    assert AT_HOST[event.state] > 0
    changes: dict[str, Any] = {}
    if job.accepted_at is None:
        changes["accepted_at"] = now_ms
    if job.code is not None:
        changes |= {"code": None, "message": None}
    if event.asked:
        changes |= _pause(job, event.spread, now_ms)
    elif job.silent:
        changes["silent"] = 0
    if job.state != "overdue" and AT_HOST.get(job.state, -1) < AT_HOST[event.state]:
        changes["state"] = event.state
    return changes


def _silent(job: Job, event: e.Silent, now_ms: int) -> dict[str, Any]:
    changes = _pause(job, event.spread, now_ms)
    changes["next_at"] = max(changes["next_at"], event.not_before or 0)
    return changes | {"code": event.code, "message": event.message}


def _pause(job: Job, spread: float, now_ms: int) -> dict[str, Any]:
    """Not at once again: a second, doubling with every time that nothing was decided."""
    longest = OVERDUE_PAUSE_MS if job.state == "overdue" else LONGEST_PAUSE_MS
    pause = min(longest, PAUSE_MS << min(job.silent, 12))
    return {"silent": job.silent + 1, "next_at": now_ms + round(pause * (0.5 + 0.5 * spread))}


def _not_accepted(job: Job, event: e.NotAccepted, now_ms: int) -> dict[str, Any]:
    if job.reached:
        text = "The host had said that it has it, and knows nothing of it now: look at its state before asking again."
        return _in_doubt(now_ms, event.code, text)
    if job.state in OUT and job.first_sent_at is not None and now_ms - job.first_sent_at > SURELY_KEPT_MS:
        text = "The host knows nothing of it; it was sent so long ago that it may have been carried out and forgotten."
        return _in_doubt(now_ms, event.code, text)
    if job.cancel_at is not None:
        return _over("canceled", now_ms, "CANCELED", "It was cancelled before any host accepted it.")
    if job.state == "overdue":
        return _over("timed-out", now_ms, event.code, event.message)
    if job.sent_at is not None and now_ms - job.sent_at < AT_ONCE_MS and now_ms < (job.expires_at or 0):
        # it was good for longer by our clock: the clocks disagree, and sending it again ends the same way
        return _over("rejected", now_ms, event.code, event.message)
    spread = e.Silent(event.code, event.message)
    return {"state": "queued"} | _silent(job, spread, now_ms)


def _deadline(job: Job, now_ms: int) -> dict[str, Any]:
    if job.state in OUT:
        return {"state": "overdue", "next_at": None, "silent": 0}
    end = "its deadline" if job.deadline_of == "order" else MANDATE_END
    if job.state == "waiting-approval":
        return _over("timed-out", now_ms, "APPROVAL-EXPIRED", unsigned(job))
    if job.state == "waiting-window":
        return _over("timed-out", now_ms, "DEADLINE", f"Its window did not open before {end}.")
    code, message = ("HOST-NOT-REACHED", "") if job.code is None else (job.code, job.message or "")
    text = f"The host was not there before {end}, so that nothing was sent."
    return _over("timed-out", now_ms, code, message or text)


def unsigned(job: Job) -> str:
    """Why a job ended that waited for a signature."""
    if job.deadline_of == "order":
        return "Nobody gave the mandate before its deadline: try it again, and have it signed."
    return f"Nobody gave the mandate before {MANDATE_END}: try it again, and have it signed."


def _cancel(job: Job, by: str | None, now_ms: int) -> dict[str, Any]:
    if job.state in WAITING:
        return _over("canceled", now_ms, "CANCELED", "It was cancelled before it was sent.") | {
            "cancel_at": now_ms,
            "cancel_by": by,
        }
    if job.cancel_at is not None:
        return {}
    return {"cancel_at": now_ms, "cancel_by": by, "next_at": None, "silent": 0}


def _over(state: JobState, now_ms: int, code: str | None, message: str | None) -> dict[str, Any]:
    return {"state": state, "finished_at": now_ms, "next_at": None, "code": code, "message": message}


def _in_doubt(now_ms: int, code: str, message: str) -> dict[str, Any]:
    return _over("indeterminate", now_ms, "INDETERMINATE", f"{message} ({code})")


def _sooner(first: int | None, second: int | None) -> int | None:
    """The earlier of two moments; None is never."""
    return min((at for at in (first, second) if at is not None), default=None)
