"""Doctor: does the controller answer, who is one there, what may one sign, which hosts does it know."""

from guestwire.cli.findings import Finding
from guestwire.model.errors import GuestwireError
from guestwire.sdk.contexts import Context
from guestwire.sdk.controller import Controller, open_controller
from guestwire.sdk.controller_models import FleetHost
from guestwire.sdk.controller_people import EnrolledKey
from guestwire.sdk.credentials import read_private_key


async def check(context: Context) -> list[Finding]:
    """Everything, as far as it comes."""
    try:
        async with open_controller(context) as controller:
            return [await _me(controller), await _key(controller, context), *_hosts(await _known(controller))]
    except GuestwireError as err:
        return [Finding("controller", "fail", f"{err.code}: {err.message}", err.remedy)]


async def _me(controller: Controller) -> Finding:
    me = await controller.me()
    roles = ", ".join(f"{one['role']} on {one['scope']}" for one in me["bindings"])
    remedy = "Have somebody give you one: `guestwire role give`."
    if not roles:
        return Finding("controller", "warn", f"{controller.http.url}: {me['name']}, without any role", remedy)
    return Finding("controller", "ok", f"{controller.http.url}: {me['name']}, {roles}")


async def _key(controller: Controller, context: Context) -> Finding:
    """Whether approvals can be signed."""
    from pathlib import Path

    if context.key is None:
        return Finding("signing", "skip", "no key in the context: what disrupts waits for somebody who has one")
    mine = read_private_key(Path(context.key)).id.hex()
    found = [one for one in await controller.few("/keys", EnrolledKey) if one.id == mine and one.revoked_at is None]
    if not found:
        return Finding("signing", "warn", f"the controller does not know the key {mine}", "guestwire key enrol")
    known = [one for one in found[0].in_trust if one.site == controller.site]
    if not known:
        text = f"no host of {controller.site} believes the key {mine}"
        return Finding("signing", "warn", text, "guestwire site signer add, then guestwire site trust publish")
    return Finding("signing", "ok", f"key {mine} is {known[0].principal}, up to R{known[0].risk}")


async def _known(controller: Controller) -> list[FleetHost]:
    return [one for one in await controller.hosts.list(q=f"site={controller.site}") if one.site == controller.site]


def _hosts(hosts: list[FleetHost]) -> list[Finding]:
    """One finding for each host that is not well, and one for the others."""
    findings = []
    for one in hosts:
        if one.approval == "pending":
            findings.append(
                Finding(f"host {one.host}", "warn", "waits to be let in", f"guestwire fleet approve {one.ref}")
            )
        elif one.approval == "approved" and one.state != "online":
            remedy = "Is its guestwire-agent running, and can it reach the broker?"
            if one.state == "unknown":
                remedy = "Has the controller a connection to its site? guestwire connection list"
            findings.append(
                Finding(f"host {one.host}", "fail" if one.state == "offline" else "warn", one.state, remedy)
            )
    if not hosts:
        return [Finding("hosts", "warn", "the controller knows no host of the site", "guestwire fleet list")]
    well = sum(one.approval == "approved" and one.state == "online" for one in hosts)
    return [*findings, Finding("hosts", "ok", f"{well} of {len(hosts)} are let in and online")]
