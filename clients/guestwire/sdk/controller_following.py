"""A job of one's own at a controller: signed as it comes up, followed to its end, taken back where no host has it in time."""

from typing import NoReturn

from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.sdk import approving
from guestwire.sdk.controller import Controller
from guestwire.sdk.controller_jobs import OnJob
from guestwire.sdk.controller_models import ControllerJob

NOT_SENT = frozenset({"queued", "waiting-window"})


async def followed(
    controller: Controller, job: ControllerJob, wanted: approving.Wanted, key: SigningKey | None, within_s: float,
    on_change: OnJob | None = None,
) -> ControllerJob:  # fmt: skip
    """The job at its end. Raises APPROVAL-NEEDED where it takes somebody else's signature, APPROVAL-FALSE, HOST-UNREACHABLE where the time
    is over and it was taken back, NO-ANSWER where its host may have it."""
    if job.state == "waiting-approval":
        job = await signed(controller, job, wanted, key)
    job = await controller.jobs.wait(job, within_s, on_change)
    if job.state == "waiting-approval":
        raise unsigned(job)
    if not job.finished:
        await gave_up(controller, job)
    return job


async def signed(
    controller: Controller, job: ControllerJob, wanted: approving.Wanted, key: SigningKey | None
) -> ControllerJob:
    """The job after it was signed. Without a key it waits on: raises APPROVAL-NEEDED. Raises APPROVAL-FALSE."""
    if key is None or job.approval is None:
        raise unsigned(job)
    texts = []
    for one in (await controller.approvals.show(job.approval)).mandates:
        text, mandate = approving.read(one.text)
        approving.check(mandate, wanted)
        texts.append(text)
    made = approving.signatures(texts, key)
    approval = await controller.approvals.do(
        job.approval, "signatures", {"key_id": key.id.hex(), "signatures": made}
    )  # fmt: skip
    if approval.state == "open":
        raise unsigned(job, "It takes one signature more, by somebody else.")
    return await controller.jobs.gone_on(job.id)


async def gave_up(controller: Controller, job: ControllerJob) -> NoReturn:
    """The time is over. What no host has is taken back."""
    about = {"job": job.id, "state": job.state}
    if job.state in NOT_SENT:
        ended = await controller.jobs.do(job.id, "cancel")
        if ended.state == "canceled":
            why = f" ({job.message})" if job.message else ""
            text = f"{job.host} was not reached in time{why}; the job is canceled, and nothing was done."
            raise GuestwireError("HOST-UNREACHABLE", text, detail=about)
    text = f"The controller goes on with it: `guestwire job wait {job.id}`."
    raise GuestwireError("NO-ANSWER", text, detail=about)


def job_error(job: ControllerJob) -> GuestwireError:
    """Why a job ended otherwise than well, as if its host had been asked directly."""
    said = job.error or {}
    code = said.get("code") or job.code or "INDETERMINATE"
    detail = {**(said.get("detail") or {}), "job": job.id, "state": job.state}
    if code not in BY_CODE:
        detail["code"], code = code, "INTERNAL"
    return GuestwireError(code, said.get("message") or job.message, field=said.get("field"), detail=detail)


def unsigned(job: ControllerJob, more: str = "") -> GuestwireError:
    """It waits for a signature that is not here."""
    said = (
        f"The job {job.id} waits for the signature of somebody who may do {job.operation} on {job.host}:",
        f"`guestwire job approve {job.id}`. It goes on by itself then: `guestwire job wait {job.id}`.",
    )
    text = " ".join((*said, more)).strip()
    return GuestwireError("APPROVAL-NEEDED", text, detail={"job": job.id, "approval": job.approval or ""})
