"""What happens in the communication services, as notices and in the log: at a bounded rate for each guest."""

from collections.abc import Callable

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import Log
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.comm_models import CommStatus, Happening

PER_S = 10.0
BURST = 100.0
CARRIED = 4096
"""Characters of a text, and bytes of data, that a notice carries; the log has the whole text."""
ALARMS = frozenset({"throttled"})
"""Kinds that a person should look at, whatever their level is."""
AUDITED = {"denied": "COMM-DENIED", "signalled": "", "reset": "", "broken": ""}
"""Kinds that are for the audit, with the code they have where none is said: what was refused, and what the cloud did."""
_BAD = frozenset({"warning", "error"})
GUESTS_AT_MOST = 1024


class CommNotices:
    """`changed` is called when the state of the services may be another one."""

    def __init__(
        self, log: Log, announcer: Announcer, mono: Callable[[], float], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._log = log
        self._announcer = announcer
        self._mono = mono
        self._buckets = Buckets(PER_S, BURST)
        self._untold: dict[str, int] = {}
        self._degraded = 0
        self.changed = changed

    def happened(self, one: Happening) -> None:
        if one.kind == "state":
            self.changed()
        if self._buckets[one.guest].take(self._mono()):
            if one.guest in self._untold or len(self._untold) < GUESTS_AT_MOST:
                self._untold[one.guest] = self._untold.get(one.guest, 0) + one.count
            return
        if untold := self._untold.pop(one.guest, 0):
            self._told_late(one.guest, untold)
        self._tell(one)

    def missed(self, count: int) -> None:
        """So many were dropped before they were read."""
        self._told_late("", count)

    def arrived(self, status: CommStatus) -> None:
        self._log.info("communication services", state=status.state, guests=len(status.peers))
        if status.state == "degraded" and status.instance != self._degraded:
            self._degraded = status.instance
            names = ", ".join(one.guest for one in status.stranded[:16])
            remedy = status.stranded[0].remedy if status.stranded else ""
            text = f"guests are attached to services that are gone: {names}"
            self._announcer.notice("alarm", event="comm-degraded", text=text, code="COMM-NOT-STARTED", remedy=remedy)
        self.changed()

    def away(self, error: GuestwireError) -> None:
        self._log.warning("communication services are away", code=error.code, reason=error.message)
        self._announcer.notice("comm", event="state", text=error.message, code=error.code, level="warning")
        self.changed()

    def not_plugged(self, guest: str, error: GuestwireError) -> None:
        """A guest that runs has not got the areas it is to have."""
        self._log.warning("a guest has not got its areas", guest=guest, code=error.code, reason=error.message)
        self._announcer.notice(
            "comm", event="not-plugged", guest=guest, text=error.message[:CARRIED], code=error.code, level="warning"
        )
        row = BY_CODE.get(error.code)
        text, remedy = f"{guest}: {error.message[:CARRIED]}", "" if row is None else row.remedy
        self._announcer.notice("alarm", event="comm-not-plugged", text=text, code=error.code, remedy=remedy)

    def _told_late(self, guest: str, count: int) -> None:
        self._log.warning("communication: happenings were not told one by one", guest=guest, count=count)
        self._announcer.notice("comm", event="missed", guest=guest, count=count, level="warning")

    def _tell(self, one: Happening) -> None:
        code = one.code or None
        fields: dict[str, object] = {"guest": one.guest, "name": one.name, "text": one.text, "count": one.count}
        if one.kind == "log":
            fields["truncated"] = one.truncated
        say = self._log.warning if one.level in _BAD else self._log.info
        say(f"communication: {one.kind}", **fields)
        self._announcer.notice(
            "comm", event=one.kind, guest=one.guest, name=one.name, code=code, text=one.text[:CARRIED], level=one.level,
            truncated=one.truncated or max(len(one.text), len(one.data)) > CARRIED, count=one.count,
            data=one.data[:CARRIED],
        )  # fmt: skip
        what = " ".join(word for word in (one.text[:CARRIED], one.name) if word)
        if (audited := AUDITED.get(one.kind)) is not None:
            self._announcer.notice(
                "audit", event=one.kind, code=code or audited, client=one.guest, count=one.count, text=what
            )
        elif one.kind in ALARMS or (one.kind == "state" and one.level in _BAD):
            row = BY_CODE.get(one.code)
            remedy = "" if row is None else row.remedy
            text = f"{one.guest}: {what}" if one.guest else what
            self._announcer.notice("alarm", event=f"comm-{one.kind}", text=text, code=code, remedy=remedy)
