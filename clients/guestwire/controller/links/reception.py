"""Where what hosts say comes in: each statement is checked against the newest trust document and handed to those who hear its
kind, before the link acknowledges it.

Nothing is believed that a host's own key did not sign, unless the way itself vouches for the host. Hearers take at once or
not at all; what nobody has room for is dropped and counted: a host keeps what it was not told to forget, and says the
rest anew. Where room can be asked for, it is asked for first: checking signatures of what is dropped would take the time that
there is too little of. Notices and telemetry of a host that nobody approved are counted, and heard by nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Hearer, Room, Said
from guestwire.controller.links.tallies import Refusal, Tallies
from guestwire.link.transport import Incoming, Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import statements, topics
from guestwire.protocol.statements import Statement
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import GAP_KIND, STATEMENT_KIND
from guestwire.protocol.topics import Topic
from guestwire.protocol.trust import Trust


class Kind(NamedTuple):
    """A row: a kind of topic, the level of it that says more (a class, a tier), the kinds of statements that come on it, whether
    only an approved host is heard, and the QoS it is asked for."""

    name: str
    part: str | None
    statements: tuple[str, ...]
    approved_only: bool
    qos: int = 1


KINDS: tuple[Kind, ...] = (
    # a broker keeps what has QoS 1 for a controller that is away: heartbeats would fill its queue, and push out the rest
    Kind("presence", None, ("presence",), approved_only=False, qos=0),
    Kind("capabilities", None, ("capabilities",), approved_only=False),
    Kind("reported", None, ("reported",), approved_only=False),
    Kind("notice", "class", ("notice",), approved_only=True),
    Kind("telemetry", "tier", (STATEMENT_KIND, GAP_KIND), approved_only=True),
)
_BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}
Hearers = Mapping[str, Sequence[Hearer]]
Rooms = Mapping[str, Room]
"""Who has to have room for it, by kind of topic."""


def subscriptions(site: str, host: str | None = None) -> tuple[Subscription, ...]:
    """What is asked of a broker, or of a host."""
    known = {"site": site} if host is None else {"site": site, "host": host}
    return tuple(
        Subscription(topics.topic_filter(kind.name, **known), 1 if kind.qos else 0, retained=topics.BY_NAME[kind.name].retained)
        for kind in KINDS
    )  # fmt: skip


class Reception:
    """Of one link. `only`: the one host at its other end; `vouched`: the link itself vouches for that host. `approved`: whether
    somebody let a host in. `on_defect` hears what no hearer should raise."""

    def __init__(
        self,
        site: str,
        trust: Callable[[], Trust | None],
        hearers: Hearers,
        approved: Callable[[HostRef], bool],
        tallies: Tallies,
        clock: Callable[[], Now],
        on_defect: Callable[[str, BaseException], None],
        *,
        rooms: Rooms | None = None,
        only: str | None = None,
        vouched: bool = False,
    ) -> None:
        self._site = site
        self._trust = trust
        self._hearers = hearers
        self._approved = approved
        self._tallies = tallies
        self._clock = clock
        self._on_defect = on_defect
        self._rooms = rooms or {}
        self._only = only
        self._vouched = vouched

    def receive(self, topic: Topic, message: Incoming) -> None:
        """A message on a topic of ours that is no answer. It may be acknowledged afterwards."""
        kind = _BY_NAME.get(topic.kind)
        if kind is None or not message.payload:
            return
        ref = HostRef(topic["site"], topic["host"])
        try:
            room = self._rooms.get(kind.name)
            if room is not None and not room(ref, len(message.payload)):
                self._tallies.dropped[kind.name] += 1
                return
            statement = self._read(kind, ref, message.payload)
            if kind.approved_only and not self._approved(ref):
                self._tallies.held_back[ref] += 1
                return
            part = topic[kind.part] if kind.part is not None else ""
            said = Said(ref, statement, part, message.retain, self._only is not None)
            self._tallies.heard[kind.name] += 1
            for hearer in self._hearers.get(kind.name, ()):
                if not hearer.hear(said):
                    self._tallies.dropped[kind.name] += 1
        except GuestwireError as err:
            self._tallies.refuse(Refusal(ref.site, ref.host, kind.name, err.code))
        except Exception as err:  # noqa: BLE001 - the entry point of all that hosts say: one word must not end the link
            self._on_defect(kind.name, err)

    def _read(self, kind: Kind, ref: HostRef, payload: bytes) -> Statement:
        """Raises MISADDRESSED, BAD-SIGNATURE, UNSIGNED and the codes of a damaged envelope."""
        if ref.site != self._site or self._only not in (None, ref.host):
            raise GuestwireError("MISADDRESSED")
        trust, at, speaker = self._trust(), self._clock(), f"host:{ref.host}"
        for name in kind.statements:
            try:
                found = statements.read(payload, trust, ref.site, speaker, name, at)
                break
            except GuestwireError as err:
                if err.code != "MISADDRESSED" or name == kind.statements[-1]:
                    raise
        if not found.verified and not self._vouched:
            raise GuestwireError("UNSIGNED")
        return found
