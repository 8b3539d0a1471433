"""A demo in which there is something everywhere: a draft with changes, a job, an approval, a rollout, rules, groups, a project.

`said`: what people wrote into every field that takes words: hostile ones must stay words on every page.
"""

from dataclasses import dataclass, field
from typing import Any

from demo_stack import Stack

HOST = "demo/h1"
OTHER = "demo/h2"
GUEST = "rtlinux"
NAME = "furnished"
"""Of everything that is made here and has a name."""


@dataclass
class Furnished:
    """`parameters`: of the dashboard's addresses, each with something that is there."""

    parameters: dict[str, str] = field(default_factory=dict)


def edit(stack: Stack, host: str, edits: list[dict[str, Any]]) -> Any:
    """Edits of a host's draft, which begins where there is none."""
    now = stack.ask("GET", f"/drafts/{host}")
    if now.status_code == 404:
        stack.api("POST", f"/drafts/{host}/pull", {})
        now = stack.ask("GET", f"/drafts/{host}")
    return stack.api("PATCH", f"/drafts/{host}", edits, {"If-Match": now.headers["etag"]})


def discard(stack: Stack, host: str) -> None:
    now = stack.ask("GET", f"/drafts/{host}")
    if now.is_success:
        stack.api("DELETE", f"/drafts/{host}", None, {"If-Match": now.headers["etag"]})


def furnish(stack: Stack, said: str, odd: str = "") -> Furnished:
    """`odd`: the name of a guest, an area and an event besides; rules find fault with it, and the draft keeps it."""
    made = Furnished({"site": "demo", "host": "h1", "guest": GUEST, "area": "recipes", "event": "alarm", "name": NAME})
    _draft(stack, said, odd)
    words(stack, OTHER, {"label": said, "notes": said, "labels": {"line": said}})
    for path, body in (
        ("/groups", {"name": NAME, "selection": "site=demo", "description": said}),
        ("/windows", {"name": NAME, "weekly": [{"days": ["mon", "tue"], "start": "22:00", "end": "06:00"}], "note": said}),
        ("/alarm-rules", {"name": NAME, "summary": said, "trigger": {"on": "notice", "classes": ["guest"]}, "clear_after_s": 3600}),
        ("/webhooks", {"name": NAME, "url": "http://127.0.0.1:9/"}),
        ("/users", {"name": NAME, "label": said, "password": "a long password that nobody has", "bindings": [{"role": "observer", "scope": "*"}]}),
    ):  # fmt: skip
        stack.api("POST", path, body)
    stack.api(
        "PUT",
        f"/projects/{NAME}",
        {"site": "demo", "drafts": ["h1"], "title": said, "comments": said},
        {"If-None-Match": "*"},
    )
    made.parameters["id job"] = job(stack, "guest-start", {"guest": GUEST}, said)
    job(stack, "guest-start", {"guest": odd or "nobody"}, said)
    job(stack, "guest-destroy", {"guest": GUEST}, said)
    waiting = stack.api("GET", "/approvals", state="open")["items"]
    made.parameters["id approval"] = next(one["id"] for one in waiting if one["note"] == said)
    rollout = {
        "name": said, "note": said, "operation": "guest-start", "body": {"guest": "linux1"}, "targets": {"group": NAME},
        "waves": {"canary": {"hosts": [OTHER]}}, "soak_s": 3600,
    }  # fmt: skip
    rollout_id = stack.api("POST", "/rollouts", rollout)["id"]
    stack.api("POST", f"/rollouts/{rollout_id}/start")
    made.parameters["id rollout"] = rollout_id
    return made


def job(stack: Stack, operation: str, body: dict[str, Any], note: str, host: str = HOST) -> str:
    wanted = {"operation": operation, "hosts": [host], "body": body, "note": note}
    return str(stack.api("POST", "/jobs", wanted)["items"][0]["id"])


def words(stack: Stack, host: str, said: dict[str, Any]) -> None:
    tag = stack.ask("GET", f"/hosts/{host}").headers.get("etag")
    stack.api("PATCH", f"/hosts/{host}", said, {"If-Match": tag} if tag else None)


def _draft(stack: Stack, said: str, odd: str) -> None:
    edits = [
        {"op": "add", "path": "area.recipes", "value": {"size": 1 << 20}},
        {"op": "add", "path": "event.alarm", "value": {"signal": [GUEST], "wait": ["linux1"]}},
        {"op": "set", "path": f"guest.{GUEST}.comments", "value": said},
        {"op": "set", "path": f"guest.{GUEST}.title", "value": said},
        {"op": "set", "path": "guest.linux1.memory_mib", "value": 1024},
    ]
    if odd:
        edits += [
            {"op": "add", "path": f'area."{odd}"', "value": {"size": 4096}},
            {"op": "add", "path": f'event."{odd}"', "value": {}},
            {"op": "add", "path": f'guest."{odd}"', "value": {"memory_mib": 256}},
        ]
    edit(stack, HOST, edits)


def unfurnish(stack: Stack, made: Furnished) -> None:
    """Away with all that can go; jobs, the audit log and what was heard stay."""
    discard(stack, HOST)
    for path in ("groups", "windows", "alarm-rules", "users"):
        _gone(stack, f"/{path}/{NAME}")
    for hook in stack.api("GET", "/webhooks")["items"]:
        if hook["name"] == NAME:
            _gone(stack, f"/webhooks/{hook['id']}")
    _gone(stack, f"/projects/{NAME}")
    for one in stack.api("GET", "/approvals", state="open")["items"]:
        stack.ask("POST", f"/approvals/{one['id']}/reject")
    stack.ask("POST", f"/rollouts/{made.parameters.get('id rollout', '')}/abort")
    words(stack, OTHER, {"label": "simulated host h2", "notes": "", "labels": {"line": None}})
    off(stack)


def off(stack: Stack) -> None:
    """Every guest."""
    running = [
        f"{host}/{guest['name']}"
        for host in ("h1", "h2") for guest in stack.api("GET", f"/hosts/demo/{host}")["guest_list"] if guest["state"] != "stopped"
    ]  # fmt: skip
    if running:
        stack.cli("guest", "destroy", *running, "--yes")


def _gone(stack: Stack, path: str) -> None:
    now = stack.ask("GET", path)
    if now.is_success:
        tag = now.headers.get("etag")
        stack.ask("DELETE", path, None, {"If-Match": tag} if tag else None)
