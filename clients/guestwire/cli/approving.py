"""Signing what waits for a signature: what it says is read from the very bytes that are signed, and shown before."""

from typing import TYPE_CHECKING

from guestwire.cli.confirm import ask
from guestwire.cli.failures import remark
from guestwire.cli.settings import Settings
from guestwire.cli.times import clock_time
from guestwire.model.errors import GuestwireError
from guestwire.sdk import approving

if TYPE_CHECKING:
    from guestwire.protocol.mandates import Mandate
    from guestwire.protocol.signing import SigningKey
    from guestwire.sdk.contexts import Context
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Approval


def signing_key(context: "Context", named: str | None) -> "SigningKey":
    """The key to sign with: that of the option, or of the context. Raises CONFIG-INVALID, KEY-FILE-INVALID."""
    from pathlib import Path

    from guestwire.sdk.credentials import read_private_key

    path = named or context.key
    if path is None:
        raise GuestwireError(
            "CONFIG-INVALID", "Signing takes a key: name it with --key, or set `key` in the context.", field="key"
        )
    return read_private_key(Path(path))


async def signed(
    settings: Settings, controller: "Controller", context: "Context", approval_id: str, key: str | None
) -> "Approval":
    """The approval after it was signed. What its texts allow is shown, and asked about, before. Raises APPROVAL-FALSE."""
    mine = signing_key(context, key)
    approval = await controller.approvals.show(approval_id)
    read = [approving.read(one.text) for one in approval.mandates]
    for _, mandate in read:
        for line in mandate_lines(mandate):
            remark(settings, line)
    hosts = [f"{mandate.site}/{host}" for _, mandate in read for host in mandate.hosts]
    operations = sorted({name for _, mandate in read for name in mandate.operations})
    ask(settings, f"allow {', '.join(operations)} on", 3, hosts)
    made = approving.signatures([text for text, _ in read], mine)
    return await controller.approvals.do(approval_id, "signatures", {"key_id": mine.id.hex(), "signatures": made})


def mandate_lines(mandate: "Mandate") -> list[str]:
    """What a text to sign allows, for people."""
    what = (
        f"plan {', '.join(mandate.plans)}"
        if mandate.plans
        else f"{len(mandate.bodies)} requests"
        if mandate.bodies
        else "any request"
    )
    return [
        f"allows {mandate.holder}: {', '.join(mandate.operations)} (R{mandate.risk}), {what}, {mandate.uses} times each",
        f"  on {mandate.site}: {', '.join(mandate.hosts)}",
        f"  from {clock_time(mandate.not_before)} to {clock_time(mandate.not_after)}{f': {mandate.note}' if mandate.note else ''}",
    ]
