"""A controller by its nouns.

async with open_controller(context) as controller:
    for host in await controller.hosts.list(q="state=online"):
        ...
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from guestwire.model.errors import GuestwireError
from guestwire.sdk import controller_models as m
from guestwire.sdk import controller_people as people
from guestwire.sdk import controller_telemetry as t
from guestwire.sdk.contexts import Context
from guestwire.sdk.controller_http import ControllerHttp, open_http
from guestwire.sdk.controller_jobs import ControllerJobs
from guestwire.sdk.controller_models import answered
from guestwire.sdk.controller_plans import ControllerPlans
from guestwire.sdk.controller_stream import Heard
from guestwire.sdk.controller_things import Things


class Controller:
    """One controller, as one user. Every method raises GuestwireError: the controller's errors, CONTROLLER-UNREACHABLE,
    CONTROLLER-ANSWER. `site` is the one that a host without a site is of."""

    def __init__(self, http: ControllerHttp, site: str) -> None:
        self.http = http
        self.site = site
        self.hosts = Things(http, "/hosts", m.FleetHost)
        self.groups = Things(http, "/groups", m.HostGroup)
        self.jobs = ControllerJobs(http)
        self.rollouts = Things(http, "/rollouts", m.Rollout)
        self.approvals = Things(http, "/approvals", m.Approval)
        self.metrics = Things(http, "/metrics", t.MetricName)
        self.alarms = Things(http, "/alarms", m.Alarm)
        self.rules = Things(http, "/alarm-rules", m.AlarmRule)
        self.webhooks = Things(http, "/webhooks", m.Webhook)
        self.users = Things(http, "/users", people.User)
        self.tokens = Things(http, "/tokens", people.Token)
        self.keys = Things(http, "/keys", people.EnrolledKey)
        self.audit = Things(http, "/audit", m.AuditRow)
        self.windows = Things(http, "/windows", m.Window)
        self.projects = Things(http, "/projects", m.SavedProject)
        self.connections = Things(http, "/connections", m.ConnectionSeen)
        self.notices = Things(http, "/notices", m.NoticeSeen)

    def ref(self, text: str) -> str:
        """SITE/HOST of what somebody wrote: HOST alone is of this context's site."""
        return text if "/" in text else f"{self.site}/{text}"

    async def let_in(self, selection: str) -> AsyncGenerator[m.LetIn, None]:
        """Let in the hosts of a selection that wait for it, some hundred at a time: each time those, and how many are left."""
        left = True
        while left:
            said = await self.http.ask("POST", "/hosts/approve", body={"selection": selection})
            yield (some := answered(m.LetIn, said.document))
            left = bool(some.left and some.hosts)

    def targets(self, rollout_id: str) -> Things[m.RolloutTarget]:
        """The hosts of a rollout."""
        return Things(self.http, f"{self.rollouts.at(rollout_id)}/targets", m.RolloutTarget)

    async def unsigned(self, rollout_id: str) -> list[m.Approval]:
        """The approvals that a rollout waits for."""
        return [one async for one in self.approvals.every(state=("open",)) if one.rollout == rollout_id]

    def host_audit(self, ref: str) -> Things[m.HostAuditRow]:
        """The log of a host, as it was collected."""
        return Things(self.http, f"{self.hosts.at(ref)}/audit", m.HostAuditRow)

    def plans(self, host: str) -> ControllerPlans:
        """The plans of a host's draft; `host` as `ref` takes it."""
        return ControllerPlans(self.http, self.ref(host))

    def changes(self, *kinds: str, hosts: Sequence[str] = (), q: str = "") -> AsyncGenerator[Heard, None]:
        """What becomes of things of those kinds, as it happens: first all there are, then each that is another one. It goes on after
        a cut. To be closed by who leaves it (`contextlib.aclosing`). Raises what `controller_stream.follow` does."""
        return self.http.changes(kinds, hosts, q)

    async def few(self, path: str, model: type[m.ModelT], **params: Any) -> list[m.ModelT]:
        """All of a list that has no pages."""
        document = (await self.http.ask("GET", path, params=params)).document
        return [answered(model, one) for one in document["items"]]

    async def history(self, query: dict[str, Any]) -> t.MetricAnswer:
        """Telemetry in steps of time; `query` as the API has it."""
        said = await self.http.ask("POST", "/metrics/query", body=query, reads=True)
        return answered(t.MetricAnswer, said.document)

    async def gaps(self, **params: Any) -> t.GapAnswer:
        """What is missing in history, of `site`, `host`, `since`, `until`."""
        return answered(t.GapAnswer, (await self.http.ask("GET", "/metrics/gaps", params=params)).document)

    async def highest(self, **params: Any) -> list[t.TopRow]:
        """The highest of a metric now."""
        document = (await self.http.ask("GET", "/metrics/top", params=params)).document
        return [answered(t.TopRow, one) for one in document["rows"]]

    async def alarms_said(self, verb: str, alarm_ids: Sequence[str], note: str) -> list[m.Alarm]:
        """Acknowledge or clear alarms (`verb`), as they are then."""
        said = await self.http.ask("POST", f"/alarms/{verb}", body={"alarms": list(alarm_ids), "note": note})
        return [answered(m.Alarm, one) for one in said.document["items"]]

    async def webhook(self, name: str) -> m.Webhook:
        """The webhook of that name or id. Raises NOT-FOUND."""
        async for one in self.webhooks.every():
            if name in (one.name, one.id):
                return one
        raise GuestwireError("NOT-FOUND", f"There is no webhook {name}.")

    async def saved(self, name: str, body: dict[str, Any]) -> m.SavedProject:
        """A project that is that from now on, whether it was there or not. Raises REVISION-STALE where somebody was quicker."""
        where = self.projects.at(name)
        try:
            etag, headers = (await self.http.ask("GET", where)).etag, {}
        except GuestwireError as err:
            if err.code != "NOT-FOUND":
                raise
            etag, headers = None, {"If-None-Match": "*"}
        said = await self.http.ask("PUT", where, body=body, etag=etag, headers=headers)
        return answered(m.SavedProject, said.document)

    async def me(self) -> dict[str, Any]:
        """Who one is here."""
        said: dict[str, Any] = (await self.http.ask("GET", "/users/me")).document
        return said


@asynccontextmanager
async def open_controller(context: Context) -> AsyncIterator[Controller]:
    """The controller of a context. Raises CONTEXT-NEEDS-CONTROLLER for another one, KEY-FILE-INVALID, CONFIG-INVALID."""
    if context.via != "controller":
        raise GuestwireError("CONTEXT-NEEDS-CONTROLLER")
    async with open_http(context) as http:
        yield Controller(http, context.site)
