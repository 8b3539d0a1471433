"""What can be done at the controller besides the operations of hosts, and the least role for each: one table.

An operation's own name is an action too ("guest-start"); `protocol.roles` says which role may do it, and `access` asks there.
"""

from collections.abc import Mapping
from typing import NamedTuple

from guestwire.controller.users.person import Role


class Action(NamedTuple):
    """A row. `anywhere`: where no host is meant, the role on any one host is enough; else it must be on everything ("*")."""

    name: str
    role: Role
    summary: str
    anywhere: bool = False


_TABLE: tuple[Action, ...] = (
    Action("read", "observer", "See hosts and all that is about them.", anywhere=True),
    # hosts
    Action("host-approve", "admin", "Let a host in, or have it wait outside again."),
    Action("host-forget", "admin", "Forget a host that is gone."),
    Action("host-label", "engineer", "Set labels of a host: groups and rules go by them."),
    Action("group-set", "engineer", "Make, change and remove groups: roles may go by them."),
    Action("connection-set", "admin", "Change how sites and hosts are reached."),
    # configuration
    Action("draft-edit", "engineer", "Edit the desired state of a host.", anywhere=True),
    Action("project-save", "engineer", "Save, rename and remove projects.", anywhere=True),
    # work
    Action("job-retry", "operator", "Run a job again.", anywhere=True),
    Action("job-approve", "operator", "Give the mandate that a job waits for.", anywhere=True),
    Action("rollout-start", "operator", "Start a rollout; what it runs has its own role.", anywhere=True),
    Action("rollout-control", "operator", "Pause, resume and abort a rollout.", anywhere=True),
    Action("window-set", "engineer", "Make, change and remove maintenance windows.", anywhere=True),
    # watching
    Action("alarm-ack", "operator", "Acknowledge an alarm.", anywhere=True),
    Action("alarm-clear", "operator", "Clear an alarm by hand.", anywhere=True),
    Action("rule-set", "engineer", "Make, change and remove alarm rules."),
    Action("webhook-set", "admin", "Make, change and remove webhooks: they send to other machines."),
    Action("message-clear", "operator", "Clear messages that hosts have told."),
    Action("telemetry-set", "engineer", "Change what is kept of telemetry and for how long."),
    # people
    Action("user-read", "admin", "See users, their roles, tokens and keys."),
    Action("user-set", "admin", "Make, change and remove users."),
    Action("role-set", "admin", "Give and take roles."),
    Action("audit-read", "admin", "Read the audit log of the controller."),
    Action("controller-read", "observer", "See how the controller itself does.", anywhere=True),
    Action("controller-set", "admin", "Change how the controller itself works."),
)

ACTIONS: Mapping[str, Action] = {action.name: action for action in _TABLE}
