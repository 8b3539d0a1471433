"""Who hears what: state changes, job changes, the link's ups and downs go to the log, to notices and to `reported`.

Small adapters between parts that do not know each other; nothing is decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import AuditTrail, Log
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.reporting import Reporting
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.running import Running
from guestwire.agent.speech import Speech
from guestwire.link.clock import now
from guestwire.link.serve import Server
from guestwire.link.transport import TransportError
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.executor import SKEW_MS, Executor
from guestwire.protocol.steps import Call

TELL_AFTER_S = 0.001


class HostListeners:
    """The listeners of one host. `attach` and `linked` come once the parts they need are made."""

    def __init__(
        self,
        log: Log,
        announcer: Announcer,
        audit: AuditTrail,
        executor: Executor,
        clock: Callable[[], ClockQuality],
        speech: Speech,
        request_ended: Callable[[Call, str | None], None],
        begin_anew: Callable[[], None],
    ) -> None:
        """`request_ended` counts the commands that have their result; `begin_anew` is called when the disk is older than what the
        host has said: its numbers must not go on from there."""
        self._log = log
        self._announcer = announcer
        self._audit = audit
        self._executor = executor
        self._clock = clock
        self._speech = speech
        self._untold: list[Transition] = []
        self._telling: asyncio.TimerHandle | None = None
        self._server: Server | None = None
        self._reporting: Reporting | None = None
        self._link: BrokerLink | None = None
        self._resend: Callable[[], Awaitable[None]] | None = None
        self._capabilities: Callable[[], CapabilitiesBody] | None = None
        self._connected_at_ms: int | None = None
        self._broker_address: str | None = None
        self._request_ended = request_ended
        self._begin_anew = begin_anew

    def attach(self, server: Server, reporting: Reporting) -> None:
        self._server = server
        self._reporting = reporting

    def linked(
        self, link: BrokerLink, resend: Callable[[], Awaitable[None]], capabilities: Callable[[], CapabilitiesBody]
    ) -> None:
        self._link = link
        self._resend = resend
        self._capabilities = capabilities

    # -- the guest service's

    def guest_changed(self, change: Transition) -> None:
        """Told a moment later: the command that waits for this change answers first."""
        self._untold.append(change)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_AFTER_S, self.tell_now)

    def tell_now(self) -> None:
        """Log and announce what changed; also at the end, while there is a link."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        changes, self._untold = self._untold, []
        for change in changes:
            self._tell(change)
        if changes:
            self.job_changed()

    def _tell(self, change: Transition) -> None:
        guest = change.guest
        self._log.info(
            "guest", guest=guest.id or guest.name, name=guest.name, before=change.before, state=change.after,
            reason=change.reason,
        )  # fmt: skip
        self._announcer.notice(
            "guest", event="state", guest_id=guest.id, name=guest.name, uuid=guest.uuid or "", before=change.before,
            state=change.after, reason=change.reason,
        )  # fmt: skip

    # -- the command pipeline's (Reports)

    def job_changed(self) -> None:
        if self._reporting is not None:
            self._reporting.changed()

    def defect(self, operation: str, error: BaseException) -> None:
        self._audit.defect(operation, error)

    def storage(self, error: GuestwireError) -> None:
        self._audit.storage(error)

    def not_taken(self, call: Call, code: str) -> None:
        self._audit.not_taken(call, code)

    def waiting(self, call: Call) -> None:
        if self._server is not None:
            self._server.waiting(call)

    def ended(self, call: Call, code: str | None) -> None:
        self._request_ended(call, code)

    # -- the broker link's (Events)

    async def link_up(self, address: str | None, *, session_present: bool) -> None:
        self._connected_at_ms = now().wall_ms
        self._broker_address = address
        self._log.info("broker connected", epoch=self.epoch, session_present=session_present)
        self.job_changed()
        if self._capabilities is not None:
            self._announcer.state("capabilities", self._capabilities(), 1)
        if self._resend is not None:
            await self._resend()

    def link_down(self, error: TransportError | None, next_try_s: float) -> None:
        self._connected_at_ms = None
        code = error.code if error is not None else "LINK-LOST"
        text = error.message if error is not None else ""
        why = error.detail.get("why") if error is not None else None
        self._log.warning("broker not connected", code=code, reason=text, why=why, next_try_s=round(next_try_s, 1))

    def host_id_conflict(self, why: str) -> None:
        conflict = GuestwireError("HOST-ID-CONFLICT")
        self._log.error("host id conflict", code=conflict.code, reason=why)
        self._announcer.notice("alarm", event="host-id-conflict", text=why, code=conflict.code, remedy=conflict.remedy)

    def certificate_ends(self, text: str, code: str | None) -> None:
        """For `renewal`; `code`: why it was not renewed."""
        remedy = GuestwireError(code).remedy if code is not None else ""
        self._log.error("certificate ends", code=code, reason=text)
        self._announcer.notice("alarm", event="certificate-ends", text=text, code=code, remedy=remedy)

    def disk_was_lost(self) -> None:
        """Requests from before now may have run without a trace here: refuse them, with a margin for clients whose clocks
        are ahead."""
        self._log.warning("the disk is older than what the broker remembers")
        lost_ms = now().wall_ms + SKEW_MS
        self._executor.journal_created_ms = max(self._executor.journal_created_ms, lost_ms)
        self._begin_anew()

    async def epoch_behind(self, running: Running) -> Model:
        """The operation of that name (an EpochRaiser of routes)."""
        if self._link is None:
            raise GuestwireError("UNSUPPORTED", "This host has no broker.")
        before = self._link.epoch
        done = await self._link.epoch_behind(running)
        if running.call.request.known >= before:
            self._begin_anew()
        return done

    # -- the configuration's: the way the host is managed (ManagementLink), and what changes

    @property
    def exists(self) -> bool:
        return self._link is not None

    @property
    def connected_at_ms(self) -> int | None:
        return self._connected_at_ms

    @property
    def broker_address(self) -> str | None:
        return self._broker_address

    def reconnect(self) -> None:
        if self._link is not None:
            self._connected_at_ms = None
            self._link.session.reconnect()

    def configuration_changed(self, state: str, text: str) -> None:
        """Log and announce it."""
        bad = state in ("failed", "rolled_back", "drifted")
        (self._log.warning if bad else self._log.info)("configuration", state=state, reason=text)
        self._announcer.notice("config", event=state, text=text)
        self.job_changed()

    # -- what the agent knows of itself (AgentFacts)

    @property
    def epoch(self) -> int:
        return self._link.epoch if self._link is not None else 0

    def current_epoch(self) -> int:
        return self.epoch

    @property
    def clock_quality(self) -> ClockQuality:
        return self._clock()

    @property
    def last_message_seq(self) -> int:
        return self._speech.last_seq

    @property
    def refused(self) -> dict[str, int]:
        return dict(self._executor.refused)
